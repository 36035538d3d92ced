"""What the tests against real programs share: the programs, Lookout as a process, and its stream of events."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from tests.server_process import lookout_process, place_for_data

Program = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def real_program(name: str) -> str:
    """Where the program is. Without it the test is skipped; in CI, where none may be, it fails."""
    found = shutil.which(name) or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), None
    )
    if found is None:
        complaint = f"THE REAL {name.upper()} IS MISSING: run scripts/test-setup.sh as root, or install it"
        if os.environ.get("CI") == "true":
            pytest.fail(complaint)
        pytest.skip(complaint)
    return found


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@asynccontextmanager
async def program(path: str, *arguments: str, output: Path) -> AsyncGenerator[None]:
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


@pytest.fixture
async def lookout() -> AsyncIterator[httpx.AsyncClient]:
    """A running `lookout serve` with a database of its own."""
    with place_for_data() as place:
        async with (
            lookout_process(place / "data") as server,
            httpx.AsyncClient(base_url=await server.address(), timeout=30) as http,
        ):
            yield http
