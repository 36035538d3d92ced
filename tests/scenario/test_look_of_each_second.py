"""Each second a process looks whether what is followed has grown: one question for all tenants, whoever has no news."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest
from tests.access import ACCESS, SERVICE, bearer
from tests.driver import Driver, owner_dsn
from tests.scenario.conftest import Start

from lookout.config import Wake
from lookout.feeds.follow import POLL
from lookout.incidents.policy import Policy
from lookout.incidents.tenants import Tenancy

TENANTS = ("acme", "globex", "initech")


@pytest.fixture
async def looks(start: Start) -> AsyncIterator[Driver]:
    """A Lookout that nobody tells of anything, with an incident of each tenant."""
    policy = Policy(tenants=Tenancy(auto_create_tenants=True))
    async with start(policy, access=ACCESS, wake=Wake.POLL) as lookout:
        for tenant_id in TENANTS:
            await _fires(lookout, tenant_id, "before")
        yield lookout


def _headers(tenant_id: str, **more: str) -> dict[str, str]:
    return bearer(SERVICE, **{"X-Tenant-ID": tenant_id}, **more)


async def _fires(lookout: Driver, tenant_id: str, job: str) -> None:
    answer = await lookout.http.post("/api/v2/alerts", json=[lookout.alert({"job": job})], headers=_headers(tenant_id))
    assert answer.status_code == 200


@asynccontextmanager
async def _followed(lookout: Driver) -> AsyncGenerator[list[AsyncIterator[str]]]:
    """The lines of a stream of each tenant, from its end on."""
    async with AsyncExitStack() as stack:
        answers = [
            await stack.enter_async_context(
                lookout.http.stream("GET", "/v1/feed", headers=_headers(tenant_id, Accept="text/event-stream"))
            )
            for tenant_id in TENANTS
        ]
        await lookout.until_following(len(TENANTS))
        yield [answer.aiter_lines() for answer in answers]


async def _look(lookout: Driver) -> None:
    """Let a look happen; whatever it has begun has its chance to be under way."""
    await lookout.clock.until_asleep(seconds=POLL.total_seconds())
    lookout.clock.move(seconds=POLL.total_seconds())
    await lookout.clock.until_asleep(seconds=POLL.total_seconds())
    for _ in range(5):
        await lookout.http.get("/ready")


async def _ids(lines: AsyncIterator[str], count: int) -> list[str]:
    """The next ones of a stream."""
    ids: list[str] = []
    async with asyncio.timeout(10):
        async for line in lines:
            if line.startswith("id: "):
                ids.append(line)
            if len(ids) == count:
                break
    return ids


async def test_one_look_finds_the_news_of_all_tenants(looks: Driver) -> None:
    async with _followed(looks) as streams:
        await _fires(looks, "acme", "a")
        await _fires(looks, "initech", "b")
        await _fires(looks, "initech", "c")
        await _look(looks)
        assert await _ids(streams[0], 1) == ["id: 2"]
        assert await _ids(streams[2], 2) == ["id: 2", "id: 3"]


async def test_a_look_reads_no_events_of_tenants_without_news(looks: Driver) -> None:
    connection = await asyncpg.connect(owner_dsn(looks.dsn))
    try:
        async with _followed(looks), connection.transaction():
            await _look(looks)  # those that have just come have looked for themselves
            await connection.execute("LOCK TABLE events")
            await _look(looks)
            waiting = "SELECT FROM pg_locks WHERE relation = 'events'::regclass AND NOT granted"
            assert await looks.sql(waiting) == []
    finally:
        await connection.close()


async def test_looks_go_on_after_one_that_failed(looks: Driver, capsys: pytest.CaptureFixture[str]) -> None:
    async with _followed(looks) as streams:
        async with looks.database_away():
            await _look(looks)
        assert "read_failed" in capsys.readouterr().out
        await _fires(looks, "acme", "a")
        await _look(looks)
        assert await _ids(streams[0], 1) == ["id: 2"]
