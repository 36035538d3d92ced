"""The real programs that tests run beside Lookout: found or asked for by name, started, ended by their own id."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

SECONDS = 30
ONE_RECEIVER = "route:\n  receiver: lookout\nreceivers:\n- name: lookout\n"
_LISTENS = re.compile(rb'msg="Listening on" address=(\S+)')


class Outcome(msgspec.Struct, frozen=True):
    """How a program ended, and what it wrote."""

    exit_code: int
    stdout: str
    stderr: str


def program(*names: str) -> str:
    """The first of these programs that there is. Without one the test is skipped, and in CI it fails."""
    for name in names:
        if (path := shutil.which(name)) is not None:
            return path
    missing = f"{' or '.join(names)} is not installed: apt-get install prometheus-alertmanager"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


async def run(*command: str, home: Path) -> Outcome:
    """Run a program to its end, with settings of nobody."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
    )
    async with asyncio.timeout(SECONDS):
        stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return Outcome(process.returncode, stdout.decode(), stderr.decode())


@asynccontextmanager
async def alertmanager_process(directory: Path, config: str = ONE_RECEIVER) -> AsyncGenerator[str]:
    """A real Alertmanager, alone; its address."""
    (directory / "alertmanager.yml").write_text(config)
    process = await asyncio.create_subprocess_exec(
        program("alertmanager", "prometheus-alertmanager"),
        "--config.file=alertmanager.yml",
        "--storage.path=data",
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
        cwd=directory,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    written = b""
    try:
        async with asyncio.timeout(SECONDS):
            while (listens := _LISTENS.search(written)) is None:
                line = await process.stderr.readline()
                assert line, f"Alertmanager ended before it listened: {written.decode()}"
                written += line
        reading = asyncio.create_task(process.stderr.read())  # or it would wait for a reader
        yield f"http://{listens[1].decode()}"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    await reading
