"""Lookout whole, on a port of its own, over a real PostgreSQL and a clock that only the test moves."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.asked import Alertmanager, Prometheus
from tests.clock import FakeClock
from tests.driver import Driver, owner_dsn

from lookout.app import running, server_of
from lookout.config import Settings
from lookout.incidents.policy import Policy
from lookout.policy_file import load_policy
from lookout.server import bind

Start = Callable[..., AbstractAsyncContextManager[Driver]]


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """On the loop that serves, which is the quicker one, too."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def start(dsn: str, clock: FakeClock, tmp_path: Path) -> Start:
    """Start a Lookout on the test's database: `async with start() as lookout`. Several are replicas of each other."""

    @asynccontextmanager
    async def start_one(
        policy: Policy | None = None,
        *,
        config: Path | None = None,
        as_superuser: bool = False,
        through: str | None = None,
        **others: Any,
    ) -> AsyncGenerator[Driver]:
        """`config` is a lookout.yaml, which can be read anew. For a superuser row-level security does not hold.

        `through` is another way to the same database.
        """
        read = load_policy(config) if config is not None else policy or Policy()
        served = owner_dsn(dsn) if as_superuser else through or dsn
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
                server.stop()
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
