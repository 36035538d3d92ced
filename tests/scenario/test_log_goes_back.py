"""A standby that takes over may lack the last events: who was told of them does not take others for known (I4)."""

import asyncio
from collections.abc import Iterable

import pytest
from structlog.testing import capture_logs
from tests.driver import Driver
from tests.scenario.conftest import Start
from tests.unit.graphql.client import open_socket

from lookout.config import Wake
from lookout.feeds.follow import POLL
from lookout.store.reads import Reads

LOSES = (
    "DELETE FROM events WHERE position > 1",
    "DELETE FROM event_alerts WHERE position > 1",
    "DELETE FROM incidents WHERE opened_position > 1",
    "DELETE FROM leases WHERE fingerprint IN (SELECT fingerprint FROM alerts WHERE position > 1)",
    "DELETE FROM alerts WHERE position > 1",
    "UPDATE feeds SET last_position = 1",
)
LIVE = "subscription { liveIncidentUpdates(after: 0) { position } }"


async def _fails_over(lookout: Driver) -> None:
    """To a server on which nothing happened after the first event."""
    for statement in LOSES:
        await lookout.sql(statement)
    await _away_for_a_second(lookout)


async def _away_for_a_second(lookout: Driver) -> None:
    with capture_logs() as logs:
        async with lookout.database_away(), asyncio.timeout(10):
            while "read_failed" not in [entry["action"] for entry in logs]:
                await lookout.clock.until_asleep(seconds=POLL.total_seconds())
                lookout.clock.move(seconds=POLL.total_seconds())
                await lookout.http.get("/health")
    await lookout.clock.until_asleep(seconds=POLL.total_seconds())
    lookout.clock.move(seconds=POLL.total_seconds())


@pytest.mark.parametrize("wake", Wake, ids=str)
async def test_i4_streams_end_and_are_told_so_when_they_resume(start: Start, wake: Wake) -> None:
    async with start(wake=wake) as lookout:
        for job in "abc":
            await lookout.fires(job=job)
        async with lookout.stream(after="0") as events, open_socket(lookout) as socket:
            await socket.subscribe(LIVE)
            for position in (1, 2, 3):
                assert (await anext(events)).position == position
                assert (await socket.next())["liveIncidentUpdates"]["position"] == position
            await _fails_over(lookout)
            with pytest.raises(StopAsyncIteration):
                await asyncio.wait_for(anext(events), 10)
            assert "the log ends at 1" in str(await socket.receive())
        resumed = await lookout.http.get("/v1/feed", headers={"Accept": "text/event-stream", "Last-Event-ID": "3"})
        assert (resumed.status_code, "ends at 1" in resumed.text) == (409, True)
        async with lookout.stream(after="1") as events:
            await lookout.fires(job="new")
            lookout.clock.move(seconds=POLL.total_seconds())
            event = await asyncio.wait_for(anext(events), 10)
            assert (event.position, event.incident.labels["job"]) == (2, "new")


@pytest.mark.parametrize("wake", Wake, ids=str)
async def test_a_failover_that_loses_nothing_ends_no_stream(start: Start, wake: Wake) -> None:
    async with start(wake=wake) as lookout:
        await lookout.fires(job="a")
        async with lookout.stream(after="0") as events:
            assert (await anext(events)).position == 1
            await _away_for_a_second(lookout)
            await lookout.fires(job="b")
            lookout.clock.move(seconds=POLL.total_seconds())
            assert (await asyncio.wait_for(anext(events), 10)).position == 2


async def test_i4_what_a_late_answer_says_of_those_before_ends_no_stream_that_began_meanwhile(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()
    ask = Reads.last_positions

    async def answers_late(self: Reads, tenant_ids: Iterable[str]) -> dict[str, int]:
        positions = await ask(self, tenant_ids)
        asked.set()
        await answered.wait()
        return positions

    async with start(wake=Wake.POLL) as lookout, asyncio.timeout(10):
        for job in "abc":
            await lookout.fires(job=job)
        async with lookout.stream(after="2") as events:
            assert (await anext(events)).position == 3
            for statement in LOSES:
                await lookout.sql(statement)
            monkeypatch.setattr(Reads, "last_positions", answers_late)
            await lookout.clock.until_asleep(seconds=POLL.total_seconds())
            lookout.clock.move(seconds=POLL.total_seconds())
            await asked.wait()
        await lookout.until_following(0)
        async with lookout.stream(after="1") as events:
            await lookout.until_following(1)
            answered.set()
            await lookout.clock.until_asleep(seconds=POLL.total_seconds())
            await lookout.fires(job="new")
            assert (await anext(events)).position == 2
