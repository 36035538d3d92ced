"""The real programs that tests run beside Lookout: found or asked for by name, started, ended by their own id."""

import asyncio
import os
import re
import shutil
import socket
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
    """Where the first of these programs that there is stands. Without one the test is skipped, and in CI it fails."""
    for name in names:
        places = [
            shutil.which(name),
            *sorted(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), reverse=True),
        ]
        for path in filter(None, places):
            return path
    missing = f"THE REAL {' or '.join(names).upper()} IS MISSING: run scripts/test-setup.sh as root, or install it"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@asynccontextmanager
async def running(path: str, *arguments: str, output: Path) -> AsyncGenerator[None]:
    """A program, running until the block ends. What it writes goes to `output`."""
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            path, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=file, stderr=file
        )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


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
