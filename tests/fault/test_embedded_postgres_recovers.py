"""The embedded PostgreSQL recovers from the death of one of its processes while Lookout starts and stops."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import psutil
import pytest
from tests.clusters import copy_cluster
from tests.server_process import START_SECONDS, lookout_process, postgres_of

from lookout.store import embedded
from lookout.store.embedded import EmbeddedPostgres

LEAVES = """
import sys
from pathlib import Path
from lookout.store.embedded import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1])).start())
"""
BETWEEN_LOOKS = 0.03


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """On the disk and written through, as an operator's is: in memory a recovery ends before anybody sees it."""
    with tempfile.TemporaryDirectory(prefix="lookout-test-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        data_dir = Path(directory) / "data"
        data_dir.mkdir()
        copy_cluster(data_dir)
        (data_dir / "postgres" / "postgresql.auto.conf").write_text("")
        yield data_dir


@pytest.fixture
async def left_behind(data_dir: Path) -> str:
    """The DSN of a server that is left running in the data directory, as a killed Lookout leaves it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LEAVES, data_dir, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode().strip()


def _titled(data_dir: Path, title: str) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in postgres_of(data_dir):
        with suppress(psutil.NoSuchProcess):  # a server in recovery ends and starts processes all the time
            if title in "".join(process.cmdline()):
                found.append(process)
    return found


@asynccontextmanager
async def _recovery_held(data_dir: Path, dsn: str) -> AsyncGenerator[None]:
    """A process of the server is killed, and its recovery held up halfway for as long as this lasts."""
    connection = await asyncpg.connect(dsn)
    try:
        psutil.Process(connection.get_server_pid()).kill()
        async with asyncio.timeout(START_SECONDS):
            while not (recovering := await asyncio.to_thread(_titled, data_dir, "postgres: startup")):
                pass
        recovering[0].suspend()
        yield
        with suppress(psutil.NoSuchProcess):
            recovering[0].resume()
    finally:
        connection.terminate()


async def test_a_start_waits_for_a_server_that_recovers(data_dir: Path, left_behind: str) -> None:
    log = data_dir / "postgres" / "server.log"
    before = {process.pid for process in postgres_of(data_dir)}
    async with _recovery_held(data_dir, left_behind):
        starting = lookout_process(data_dir)
        server = await starting.__aenter__()
        ends = asyncio.create_task(server.exit_code())
        async with asyncio.timeout(START_SECONDS):
            while "the database system is in recovery mode" not in await asyncio.to_thread(log.read_text):
                # Not at once again: looking takes the processor from the start.
                await asyncio.wait({ends}, timeout=BETWEEN_LOOKS)
        ends.cancel()
    try:
        assert await server.address()
        assert before & {process.pid for process in postgres_of(data_dir)}, "it took the server over"
    finally:
        await starting.__aexit__(None, None, None)


async def test_a_stop_does_not_wait_for_ever_for_a_server_that_recovers(
    data_dir: Path, left_behind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_STOP_SECONDS", 1)
    server = EmbeddedPostgres(data_dir)
    await asyncio.to_thread(server.start)
    async with _recovery_held(data_dir, left_behind), asyncio.timeout(START_SECONDS):
        await asyncio.to_thread(server.stop)
    assert not postgres_of(data_dir)


async def test_what_a_dead_server_left_at_work_does_not_keep_the_next_from_starting(
    data_dir: Path, left_behind: str
) -> None:
    connection = await asyncpg.connect(left_behind)
    orphan = psutil.Process(connection.get_server_pid())
    orphan.suspend()  # it would notice, and go
    (postmaster,) = [process for process in postgres_of(data_dir) if process.pid == orphan.ppid()]
    postmaster.kill()
    postmaster.wait()
    async with lookout_process(data_dir) as server:
        assert await server.address()
        assert not psutil.pid_exists(orphan.pid)
    connection.terminate()
