"""What is under deploy/, Dockerfile and compose.yaml fit together and fit Lookout: names, ports, files, numbers.

Nothing of it is started here: that needs an engine for containers. tests/real/test_deploy.py asks Prometheus's and
Alertmanager's own programs.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from lookout import metrics
from lookout.config import DEFAULT_PORT, load_settings
from lookout.feeds.follow import STREAM_LIMIT
from lookout.limits import USUAL
from lookout.policy_file import load_policy

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "lookout.rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES}
PLAYED: list[dict[str, Any]] = [
    case
    for test in yaml.safe_load((DEPLOY / "prometheus" / "lookout.rules.test.yml").read_text())["tests"]
    for case in test["alert_rule_test"]
]
DASHBOARD = (DEPLOY / "grafana" / "lookout.json").read_text()
PORTS = {
    "lookout": DEFAULT_PORT,
    "postgres": 5432,
    "kafka": 9092,
    "prometheus": 9090,
    "alertmanager": 9093,
    "grafana": 3000,
}
"""Where each service listens."""


def families() -> set[str]:
    """The names of Lookout's metrics."""
    kept = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    return {
        family.name + ("_total" if family.type == "counter" else "") for metric in kept for family in metric.collect()
    }


def named_in(text: str) -> set[str]:
    """The metrics of Lookout that a text names, those of a histogram by the histogram's name."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\blookout_\w+", text)}


@pytest.mark.parametrize("name", ALERTS)
def test_a_rule_says_how_bad_it_is_what_it_means_and_where_to_read_on(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
    assert name.startswith("Lookout")


def test_every_alert_has_its_heading_with_what_to_do_and_no_other() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    section = page.partition("## Own monitoring\n")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^### (\w+)\n\n(.+)$", section, flags=re.MULTILINE))
    assert list(told) == list(ALERTS)
    assert min(map(len, told.values())) > 80


def test_every_alert_is_played_firing_and_silent() -> None:
    assert {case["alertname"] for case in PLAYED if case.get("exp_alerts")} == set(ALERTS)
    assert {case["alertname"] for case in PLAYED if not case.get("exp_alerts")} == set(ALERTS)


def test_rules_and_dashboard_name_metrics_that_exist_and_the_dashboard_all() -> None:
    known = families()
    assert named_in(" ".join(rule["expr"] for rule in RULES)) <= known
    assert named_in(re.sub(r'"(uid|tags)": [^\n]*', "", DASHBOARD)) == known


def test_thresholds_are_those_of_the_code() -> None:
    assert ALERTS["LookoutQueueGrows"]["expr"] == f"lookout_intake_queue_alerts > {USUAL.queue // 2}"
    assert ALERTS["LookoutStreamsNearlyFull"]["expr"] == f"lookout_feed_followers > {STREAM_LIMIT * 4 // 5}"
    assert f"From {STREAM_LIMIT:,} on" in ALERTS["LookoutStreamsNearlyFull"]["annotations"]["description"]


def test_images_have_short_names_and_a_version() -> None:
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    for image in images:
        name, colon, version = image.partition(":")
        assert colon
        assert re.fullmatch(r"v?\d[\w.-]*", version), image
        assert name.count("/") <= 1, image
        assert not re.search(r"[.:]", name.partition("/")[0]), f"{image} names a host"


def test_nothing_is_reached_from_elsewhere() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in published)
    ours = {
        name: port
        for name, port in PORTS.items()
        for told in SERVICES[name].get("ports", [])
        if told.endswith(f":{port}")
    }
    assert set(ours) == {"lookout", "prometheus", "alertmanager", "grafana"}


def test_every_address_is_a_service_at_its_port() -> None:
    texts = {path: path.read_text() for path in DEPLOY.rglob("*.yml")} | {
        DEPLOY / "lookout.yaml": (DEPLOY / "lookout.yaml").read_text()
    }
    texts[ROOT / "compose.yaml"] = (ROOT / "compose.yaml").read_text()
    addresses = {
        (name, int(port))
        for path, text in texts.items()
        if not path.name.endswith(".test.yml")
        for name, port in re.findall(r"(?:[@/\[ ])([a-z]+):(\d{4,5})\b", text)
    }
    assert addresses - {("kafka", 9093)} == set(PORTS.items())


def test_every_file_and_volume_that_is_mounted_is_there() -> None:
    for name, service in SERVICES.items():
        for mount in service.get("volumes", []):
            source, target, *_ = mount.split(":")
            if source.startswith("./"):
                assert (ROOT / source).exists(), mount
                assert mount.endswith(":ro"), mount
            else:
                assert source in COMPOSE["volumes"], (name, mount)
            assert target.startswith("/")


def test_every_secret_is_asked_for_and_explained() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?[^}]+\}", (ROOT / "compose.yaml").read_text()))
    assert set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text())) == asked, "one has a default"
    assert asked == set(re.findall(r"^(\w+)=$", (DEPLOY / "env.example").read_text(), flags=re.MULTILINE))


def test_lookout_would_start_with_these_settings() -> None:
    given = {
        name: re.sub(r"\$\{\w+:\?[^}]+\}", "s" * 64, value)
        for name, value in SERVICES["lookout"]["environment"].items()
    }
    of_image = dict(re.findall(r"\b(HOST|LOOKOUT_DATA_DIR)=(\S+)", (ROOT / "Dockerfile").read_text()))
    settings = load_settings({**of_image, **given, "LOOKOUT_CONFIG": str(DEPLOY / "lookout.yaml")})
    assert (settings.host, settings.port) == ("0.0.0.0", PORTS["lookout"])
    assert settings.access is not None
    policy = load_policy(DEPLOY / "lookout.yaml")
    assert policy.source("alertmanager").addresses
    [webhook] = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())["receivers"]
    assert policy.source("alertmanager").alertmanager_receiver == webhook["name"]
    assert SERVICES["tokens"]["environment"] == SERVICES["lookout"]["environment"]


def test_the_image_serves_as_an_ordinary_user_at_the_default_port() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert f"EXPOSE {DEFAULT_PORT}" in lines
    assert "USER 10001" in lines
    assert lines.index("USER 10001") > max(number for number, line in enumerate(lines) if line.startswith("RUN"))
    assert f"127.0.0.1:{DEFAULT_PORT}/ready" in "\n".join(lines)


def test_every_token_that_is_read_is_made() -> None:
    made = set(re.findall(r"^token (\w+) ", (DEPLOY / "tokens.sh").read_text(), flags=re.MULTILINE)) | {"service"}
    texts = [path.read_text() for path in (*DEPLOY.rglob("*.yml"), ROOT / "compose.yaml")]
    assert {name for text in texts for name in re.findall(r"/tokens/(\w+)", text)} == made


def test_grafanas_provisioning_fits_the_dashboard_and_lookouts_paths() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    sources = yaml.safe_load((provisioning / "datasources" / "datasources.yml").read_text())["datasources"]
    assert {source["type"] for source in sources} == {"prometheus", "alertmanager"}
    told = yaml.safe_load((provisioning / "alerting" / "lookout.yml").read_text())
    [receiver] = told["contactPoints"][0]["receivers"]
    assert receiver["settings"]["url"] == f"http://lookout:{DEFAULT_PORT}/v1/grafana"
    assert told["policies"][0]["receiver"] == told["contactPoints"][0]["name"]
    [provider] = yaml.safe_load((provisioning / "dashboards" / "dashboards.yml").read_text())["providers"]
    mounts = [mount.split(":")[1] for mount in SERVICES["grafana"]["volumes"]]
    assert f"{provider['options']['path']}/lookout.json" in mounts


def test_what_the_image_is_built_from_holds_all_of_lookout(tmp_path: Path) -> None:
    """The files that the Dockerfile copies make a package with everything in it, as its own line installs it."""
    build = (ROOT / "Dockerfile").read_text().split("\nFROM ")[1]
    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), flags=re.MULTILINE))
    for line in re.findall(r"^COPY (.+)$", build, flags=re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            assert source in allowed, f"{source} is not given to the builder"
            place = tmp_path / "src" / (target if len(sources) == 1 else source)
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, place)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--no-cache-dir"]
    assert f"pip install --no-cache-dir {' '.join(options[:3])} ." in build
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", *options]
    subprocess.run([*command, f"--target={tmp_path / 'made'}", "."], cwd=tmp_path / "src", check=True)
    package = ROOT / "src" / "lookout"
    wanted = {
        path.relative_to(package) for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    made = tmp_path / "made" / "lookout"
    assert {path for path in wanted if not (made / path).is_file()} == set()
