"""Lookout whole, on a port of its own, over a real PostgreSQL and a clock that only the test moves."""

import asyncio
import tempfile
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.asked import Alertmanager, Prometheus
from tests.clock import FakeClock
from tests.driver import Driver, owner_dsn

from lookout.app import bind, running, server_of
from lookout.config import Settings, load_policy
from lookout.incidents.policy import Policy
from lookout.store import database
from lookout.store.embedded import EmbeddedPostgres, service_dsn

Start = Callable[..., AbstractAsyncContextManager[Driver]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server for all tests of this process; its owner's DSN, with the database to be filled in as `{}`."""
    # Not in pytest's directory: as root the server runs as another user, whom each pytest that starts bars anew.
    with tempfile.TemporaryDirectory(prefix="lookout-test-") as directory:
        Path(directory).chmod(0o755)
        server = EmbeddedPostgres(Path(directory))
        dsn = server.start().replace("/postgres?", "/{}?")
        try:
            asyncio.run(_hurry(dsn))
            asyncio.run(_make_template(dsn))
            yield dsn
        finally:
            server.stop()


async def _hurry(dsn: str) -> None:
    """Write nothing through to the disk: nobody cuts the power here, and each test makes a database of its own."""
    await _execute(dsn, "ALTER SYSTEM SET fsync = off")
    await _execute(dsn, "SELECT pg_reload_conf()")


async def _make_template(dsn: str) -> None:
    await _execute(dsn, "CREATE DATABASE lookout_template")
    pool = await database.connect(dsn.format("lookout_template"))
    await database.migrate_schema(pool)
    await database.let_service_in(pool)
    await pool.close()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn.format("postgres"))
    await connection.execute(statement)
    await connection.close()


@pytest.fixture
async def dsn(postgres: str) -> AsyncIterator[str]:
    """An empty database with Lookout's schema, as the role that serves: it may do what serving needs, and no more."""
    name = f"test_{uuid.uuid4().hex}"
    await _execute(postgres, f"CREATE DATABASE {name} TEMPLATE lookout_template STRATEGY file_copy")
    yield service_dsn(postgres.format(name))
    await _execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def start(dsn: str, clock: FakeClock, tmp_path: Path) -> Start:
    """Start a Lookout on the test's database: `async with start() as lookout`. Several are replicas of each other."""

    @asynccontextmanager
    async def start_one(
        policy: Policy | None = None, *, config: Path | None = None, as_superuser: bool = False, **others: Any
    ) -> AsyncGenerator[Driver]:
        """`config` is a lookout.yaml, which can be read anew. For a superuser row-level security does not hold."""
        read = load_policy(config) if config is not None else policy or Policy()
        served = owner_dsn(dsn) if as_superuser else dsn
        settings = Settings("127.0.0.1", 0, tmp_path, served, config, read, **others)
        async with AsyncExitStack() as stack:
            listening = bind("127.0.0.1", 0)
            lookout = await stack.enter_async_context(running(settings, clock))
            server = server_of(lookout)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            await server.listening.wait()
            driver = Driver(f"http://127.0.0.1:{listening.getsockname()[1]}", clock, lookout, dsn)
            try:
                async with driver:
                    yield driver
            finally:
                server.should_exit = True
                await serving

    return start_one


@pytest.fixture
async def lookout(start: Start) -> AsyncIterator[Driver]:
    """A running Lookout."""
    async with start() as driver:
        yield driver


@pytest.fixture
async def prometheus(clock: FakeClock) -> AsyncIterator[Prometheus]:
    """A Prometheus that can be asked."""
    async with Prometheus(clock).serving() as server:
        yield server


@pytest.fixture
async def alertmanager(clock: FakeClock) -> AsyncIterator[Alertmanager]:
    """An Alertmanager that can be asked."""
    async with Alertmanager(clock).serving() as server:
        yield server
