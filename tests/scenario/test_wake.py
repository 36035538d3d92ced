"""What one replica took in is seen at another, which is told of it or looks for itself (`LOOKOUT_WAKE`)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable

import asyncpg
import pytest
from tests.driver import Driver
from tests.scenario.conftest import Start
from tests.unit.graphql.client import open_socket

from lookout.config import Wake
from lookout.feeds.follow import POLL
from lookout.store import connecting

LIVE = "subscription($after: Position) { liveIncidentUpdates(after: $after) { position } }"


@pytest.fixture(params=Wake, ids=str)
def wake(request: pytest.FixtureRequest) -> Wake:
    return request.param


@pytest.fixture
async def replicas(start: Start, wake: Wake) -> AsyncIterator[tuple[Driver, Driver]]:
    """Two, on one database, in which something has happened."""
    async with start(wake=wake) as a, start(wake=wake) as b:
        await a.fires(job="before")
        await b.clock.until_asleep(seconds=POLL.total_seconds())
        yield a, b


async def _after_the_wake(wake: Wake, seen: Awaitable[int], clock: Driver) -> int:
    """Who is told sees it at once; who looks does so a second later, and no sooner."""
    seeing = asyncio.ensure_future(seen)
    if wake is Wake.POLL:
        for _ in range(5):  # as many chances to see what nobody tells of
            await clock.http.get("/ready")
        assert not seeing.done()
        clock.clock.move(seconds=POLL.total_seconds())
    return await asyncio.wait_for(seeing, 10)


async def test_a_stream_of_b_has_what_a_took(replicas: tuple[Driver, Driver], wake: Wake) -> None:
    a, b = replicas

    async def position() -> int:
        return (await anext(events)).position

    async with b.stream() as events:
        await b.until_following(1)
        await a.fires(job="a")
        assert await _after_the_wake(wake, position(), b) == 2


async def test_a_subscription_at_b_has_what_a_took(replicas: tuple[Driver, Driver], wake: Wake) -> None:
    a, b = replicas

    async def position() -> int:
        return (await socket.next())["liveIncidentUpdates"]["position"]

    async with open_socket(b) as socket:
        await socket.subscribe(LIVE)
        await b.until_following(1)
        await a.fires(job="a")
        assert await _after_the_wake(wake, position(), b) == 2


async def test_i4_a_burst_on_both_is_seen_whole_and_in_order_at_both(
    replicas: tuple[Driver, Driver], wake: Wake
) -> None:
    a, b = replicas
    async with a.stream(after="0") as at_a, b.stream(after="0") as at_b:
        posts = ((a, b)[number % 2].post_alerts(a.alert({"job": str(number)})) for number in range(20))
        await asyncio.gather(*posts)
        if wake is Wake.POLL:
            a.clock.move(seconds=POLL.total_seconds())
        for events in (at_a, at_b):
            assert [(await anext(events)).position for _ in range(21)] == list(range(1, 22))


async def test_who_cannot_listen_looks_each_second(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is to notify takes the connection and says nothing: no error comes, and the look does not wait for one."""
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 60.0)
    silent = socket.create_server(("127.0.0.1", 0))
    url = f"postgresql://lookout@127.0.0.1:{silent.getsockname()[1]}/postgres"
    with silent:
        async with start(listen_database_url=url) as lookout, lookout.stream(after="0") as events:
            await lookout.until_following(1)
            await lookout.clock.until_asleep(seconds=POLL.total_seconds())
            await lookout.fires(job="a")
            lookout.clock.move(seconds=POLL.total_seconds())
            assert (await asyncio.wait_for(anext(events), 10)).position == 1


async def test_who_looks_neither_listens_nor_notifies(start: Start, dsn: str) -> None:
    """A database that has no notifications is not asked for any."""
    told: list[object] = []
    listening = await asyncpg.connect(dsn)

    def take(_: object, __: int, ___: str, tenant_id: object) -> None:
        told.append(tenant_id)

    await listening.add_listener("lookout_feed", take)
    listeners = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN%'"
    async with start(wake=Wake.POLL) as polling:
        await polling.fires(job="a")
        assert len(await polling.sql(listeners)) == 1, "only this test's own"
    await listening.fetchval("SELECT true")  # what was told before has come by now
    assert told == []
    async with start() as notifying:
        await notifying.fires(job="b")
        await listening.fetchval("SELECT true")
        assert told == ["default"]
    await listening.close()
