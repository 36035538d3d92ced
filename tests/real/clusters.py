"""Clusters of the PostgreSQL that Debian installs: made, started, stopped, promoted as an operator does."""

import asyncio
import os
import pwd
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.real.programs import free_port, program
from tests.server_process import empty_place


def owner() -> pwd.struct_passwd | None:
    """Whom PostgreSQL and PgBouncer run as, where the tests run as root: both refuse to."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


async def run_as_owner(program: str, *arguments: str | Path) -> None:
    """Run to the end."""
    account = owner()
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        user=account.pw_uid if account is not None else None,
        cwd="/",
    )
    assert await process.wait() == 0, f"{program} failed"


class Cluster:
    """One server, on a port of this machine. `lookout` is its superuser, and nobody is asked for a password."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its database, as the superuser."""
        return f"postgresql://lookout@{self.host}/postgres"

    async def make(self) -> None:
        """An empty cluster."""
        names = ("-U", "lookout", "--auth=trust", "--encoding=UTF8", "--no-sync")
        await run_as_owner(program("initdb"), "-D", self.directory, *names)

    async def copy(self, primary: "Cluster") -> None:
        """A standby of another one, which follows it."""
        source = f"host=127.0.0.1 port={primary.port} user=lookout application_name=standby"
        await run_as_owner(
            program("pg_basebackup"), "-D", self.directory, "-d", source, "-R", "--no-sync", "--checkpoint=fast"
        )

    async def start(self, **settings: str) -> None:
        """Start it, and return when it lets us in."""
        given = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "fsync": "off",
            "unix_socket_directories": "",
            "wal_receiver_status_interval": "1",
            "wal_retrieve_retry_interval": "100ms",
            **settings,
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in given.items())
        await self._control("-l", self.directory.with_suffix(".log"), "-o", options, "-w", "start")

    async def stop(self, mode: str = "immediate") -> None:
        """`fast` cuts off who is connected, `immediate` is as a power cut."""
        await self._control("-m", mode, "-w", "stop")

    async def promote(self) -> None:
        """From now on it takes writes."""
        await self._control("-w", "promote")

    async def _control(self, *arguments: str | Path) -> None:
        await run_as_owner(program("pg_ctl"), "-D", self.directory, *arguments)

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return (self.directory / "postmaster.pid").exists()


@asynccontextmanager
async def clusters(*names: str) -> AsyncGenerator[list[Cluster]]:
    """Places for clusters; the first is made. What runs in the end is stopped."""
    with empty_place() as place:
        if (account := owner()) is not None:
            os.chown(place, account.pw_uid, account.pw_gid)
        made = [Cluster(place / name) for name in names]
        await made[0].make()
        try:
            yield made
        finally:
            for cluster in made:
                if cluster.is_running:
                    await cluster.stop()
