"""The tally: what each source sent, by the hour, repeats and refused alerts too."""

import asyncio
from datetime import timedelta

from structlog.testing import capture_logs
from tests.clock import NOON
from tests.driver import Driver
from tests.scenario.conftest import Start

Row = tuple[timedelta, str, int, int, timedelta]


async def _tally(lookout: Driver) -> list[Row]:
    """Hour and last delivery are told as the time since noon."""
    rows = await lookout.sql("SELECT * FROM received WHERE tenant_id = 'default' ORDER BY hour, source")
    return [
        (row["hour"] - NOON, row["source"], row["alerts"], row["rejected"], row["last_received_at"] - NOON)
        for row in rows
    ]


HOUR, MINUTE, NOTHING = timedelta(hours=1), timedelta(minutes=1), timedelta()


async def test_repeats_and_refused_alerts_are_counted_by_source_and_hour(lookout: Driver) -> None:
    await lookout.post_alerts(lookout.alert({"job": "a"}), lookout.alert({"job": "b"}))
    lookout.clock.move(minutes=1)
    await lookout.fires(starts_at=NOON, job="a")
    await lookout.post_alerts(lookout.alert({"job": "a"}), {"labels": {}})
    await lookout.webhook({"labels": {"alertname": "Down", "job": "a"}})
    await lookout.ticks()
    assert await _tally(lookout) == [
        (NOTHING, "alertmanager", 1, 0, MINUTE),
        (NOTHING, "prometheus", 5, 1, MINUTE),
    ]
    lookout.clock.move(minutes=61)
    await lookout.fires(job="a")
    await lookout.ticks()
    await lookout.ticks()
    assert (await _tally(lookout))[2:] == [(HOUR, "prometheus", 1, 0, HOUR + 2 * MINUTE)]


async def test_a_body_that_is_refused_whole_is_one_and_a_source_that_sends_nothing_has_spoken(lookout: Driver) -> None:
    await lookout.repeats_captured("/v1/alertmanager", b"{")
    await lookout.post_alerts()
    await lookout.ticks()
    assert await _tally(lookout) == [(NOTHING, "alertmanager", 1, 1, NOTHING), (NOTHING, "prometheus", 0, 0, NOTHING)]


async def test_all_refused_alerts_of_a_body_are_counted_not_only_those_told(lookout: Driver) -> None:
    no_alert: dict[str, dict[str, str]] = {"labels": {}}
    await lookout.post_alerts(*[no_alert] * 150)
    await lookout.ticks()
    assert await _tally(lookout) == [(NOTHING, "prometheus", 150, 150, NOTHING)]


async def test_a_person_is_no_source(lookout: Driver) -> None:
    await lookout.fires(job="a")
    await lookout.act((await lookout.only_incident()).id, "acknowledge")
    await lookout.ticks()
    assert [row[1:4] for row in await _tally(lookout)] == [("prometheus", 1, 0)]


async def test_replicas_add_up(start: Start) -> None:
    async with start() as one, start() as other:
        await other.fires(job="b")
        one.clock.move(minutes=1)
        await one.fires(job="a")
        await one.ticks()
        await other.ticks()
        assert await _tally(one) == [(NOTHING, "prometheus", 2, 0, MINUTE)]


async def test_a_stop_writes_it_down(start: Start) -> None:
    async with start() as lookout:
        await lookout.fires(job="a")
        assert await _tally(lookout) == []
    async with start() as lookout:
        assert await _tally(lookout) == [(NOTHING, "prometheus", 1, 0, NOTHING)]


async def test_what_the_database_did_not_take_is_kept(lookout: Driver) -> None:
    await lookout.fires(job="a")
    async with lookout.database_away():
        answer = await lookout.after_all_tries(lookout.post_alerts(lookout.alert({"job": "b"})))
        assert answer.status_code == 503
        await lookout.clock.until_asleep(seconds=5 - 0.4)
        with capture_logs() as logs:
            lookout.clock.move(seconds=5 - 0.4)
            async with asyncio.timeout(10):
                while not (told := [line["action"] for line in logs if line["event"] == "timers"]):
                    await lookout.http.get("/health")
        assert told == ["tick_failed"]
    await lookout.fires(job="b")
    await lookout.ticks()
    assert [row[1:4] for row in await _tally(lookout)] == [("prometheus", 2, 0)]
