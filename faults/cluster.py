"""The PostgreSQL that all replicas share, and what is done to it: killed, stopped, frozen, its disk filled."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil
from tests.server_process import kill_all, postgres_of

from faults.disk import Disk
from faults.link import Ends
from lookout.errors import StartError
from lookout.store import database
from lookout.store.embedded import SETTINGS, EmbeddedPostgres

_SETTINGS = {
    **SETTINGS,
    "max_connections": "200",
    # Small, as the disk is.
    "shared_buffers": "64MB",
    "max_wal_size": "128MB",
    "min_wal_size": "32MB",
}
REVIVE_SECONDS = 0.2


class Cluster:
    """One PostgreSQL. `dsn` reaches it as its owner and past every link."""

    def __init__(self, disk: Disk) -> None:
        self.dsn = ""
        self._disk = disk
        self._server = EmbeddedPostgres(disk.place, _SETTINGS)

    async def start(self) -> None:
        """Start it, with Lookout's schema in it."""
        self.dsn = await asyncio.to_thread(self._server.start)
        pool = await database.connect(self.dsn, 1)
        await database.migrate_schema(pool)
        await database.let_service_in(pool)
        await pool.close()

    async def stop(self) -> None:
        """Stop it for good. What does not stop is killed."""
        self.go_on()
        try:
            await asyncio.to_thread(self._server.stop)
        finally:
            await asyncio.to_thread(kill_all, self._processes())

    async def connect(self) -> Ends:
        """The far end of a link."""
        (directory,) = parse_qs(urlsplit(self.dsn).query)["host"]
        return await asyncio.open_unix_connection(f"{directory}/.s.PGSQL.5432")

    async def fetch(self, statement: str, *arguments: Any) -> "list[asyncpg.Record]":
        """What it answers. Raises what asyncpg raises."""
        connection = await asyncpg.connect(self.dsn, timeout=10)
        try:
            return await connection.fetch(statement, *arguments, timeout=60)
        finally:
            await connection.close(timeout=5)

    def kill(self) -> None:
        """`kill -9`, each of its processes."""
        kill_all(self._processes())

    def stop_at_once(self) -> None:
        """An immediate shutdown: no checkpoint, the next start recovers."""
        self._signal(self._postmaster(), signal.SIGQUIT)

    def kill_backend(self, number: int) -> None:
        """`kill -9` one of those that serve a connection: PostgreSQL ends all others and recovers."""
        serving = [process for process in self._processes() if _title(process).startswith("postgres: lookout")]
        if serving:
            self._signal([serving[number % len(serving)]], signal.SIGKILL)

    async def end_backends(self) -> None:
        """End every connection in order, as an administrator does."""
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await self.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    def freeze(self) -> None:
        """SIGSTOP, each of its processes."""
        self._signal(self._processes(), signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self._signal(self._processes(), signal.SIGCONT)

    async def mend(self) -> None:
        """Free the disk, let it go on, and start it if it is dead: return once it answers."""
        self._disk.free()
        self.go_on()
        while not await self._answers():
            with suppress(StartError):
                await asyncio.to_thread(self._server.revive)
            await asyncio.sleep(REVIVE_SECONDS)

    async def _answers(self) -> bool:
        try:
            await self.fetch("SELECT 1")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            return False
        return True

    def _postmaster(self) -> list[psutil.Process]:
        return [process for process in self._processes() if not _title(process).startswith("postgres: ")]

    def _processes(self) -> list[psutil.Process]:
        return postgres_of(self._disk.place)

    def _signal(self, processes: list[psutil.Process], number: signal.Signals) -> None:
        for process in processes:
            with suppress(psutil.Error, ProcessLookupError):
                os.kill(process.pid, number)


def _title(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


@asynccontextmanager
async def cluster(disk: Disk) -> AsyncGenerator[Cluster]:
    """A PostgreSQL on this disk, running until the block ends."""
    one = Cluster(disk)
    try:
        await one.start()
        yield one
    finally:
        await one.stop()
