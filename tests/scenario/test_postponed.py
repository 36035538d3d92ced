"""I8: an incident that has told enough postpones what its alerts do, durably, and tells it together a second later."""

import asyncio
from datetime import timedelta
from typing import Any

from tests.clock import NOON
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.incidents.incident import Status
from lookout.incidents.policy import Pace, Policy

TERSE = Policy(pace=Pace(burst=1))
COUNT = "SELECT count(*) FROM postponed_alerts"


async def _fire(lookout: Driver, number: int) -> list[dict[str, Any]]:
    """So many alerts of one incident fire since noon, one message for each. Returns their receipts."""
    receipts: list[dict[str, Any]] = []
    for instance in range(number):
        alert = {"labels": {"alertname": "Down", "instance": str(instance)}, "startsAt": NOON.isoformat()}
        answer = await lookout.webhook(alert)
        receipts += answer.json()["receipts"]
    return receipts


async def _waiting(lookout: Driver) -> int:
    return (await lookout.sql(COUNT))[0]["count"]


async def test_the_receipt_says_so_and_the_counts_lag_by_a_second(lookout: Driver) -> None:
    receipts = await _fire(lookout, 8)
    assert [receipt["reason"] for receipt in receipts] == ["opened"] + ["joined"] * 4 + ["postponed"] * 3
    incident = await lookout.only_incident()
    assert {receipt["incident_id"] for receipt in receipts} == {incident.id}
    assert (incident.firing_alerts, await _waiting(lookout)) == (5, 3)
    assert len((await lookout.http.get("/api/v2/alerts")).json()) == 5
    lookout.clock.move(seconds=1)
    await lookout.ticks()
    incident = await lookout.only_incident()
    assert (incident.firing_alerts, incident.total_alerts, await _waiting(lookout)) == (8, 8, 0)
    assert len((await lookout.http.get("/api/v2/alerts")).json()) == 8
    assert await lookout.types() == ["opened"] + ["alerts_changed"] * 5


async def test_it_is_told_without_another_alert_and_without_anybody_asking(lookout: Driver) -> None:
    await _fire(lookout, 8)
    async with lookout.stream(after="5") as events:
        for _ in range(2):
            await lookout.clock.until_asleep(seconds=0.5)
            lookout.clock.move(seconds=0.5)
        async with asyncio.timeout(10):
            event = await anext(events)
    assert (event.event_type, event.incident.firing_alerts) == ("incident_alerts_changed", 8)


async def test_i7_repeats_of_it_are_silent(start: Start) -> None:
    async with start(TERSE) as lookout:
        await _fire(lookout, 3)
        receipts = await _fire(lookout, 3)
        assert [receipt["reason"] for receipt in receipts] == ["duplicate"] * 3
        lookout.clock.move(seconds=1)
        await lookout.ticks()
        assert await lookout.types() == ["opened", "alerts_changed"]


async def test_i1_it_is_told_by_another_process_if_the_one_that_postponed_it_is_gone(start: Start) -> None:
    async with start(TERSE) as first:
        await _fire(first, 4)
        assert await first.types() == ["opened"]
    async with start(TERSE) as second:
        second.clock.move(seconds=1)
        await second.ticks()
        assert (await second.only_incident()).firing_alerts == 4
        assert await second.types() == ["opened", "alerts_changed"]


async def test_replicas_know_of_each_other_what_was_told_and_tell_what_waits_once(start: Start) -> None:
    async with start() as one, start() as other:
        for number in range(10):
            await (one, other)[number % 2].fires(instance=str(number))
        assert await one.types() == ["opened"] + ["alerts_changed"] * 4
        one.clock.move(seconds=1)
        await asyncio.gather(one.ticks(), other.ticks())
        assert await one.types() == ["opened"] + ["alerts_changed"] * 5
        assert (await other.only_incident()).firing_alerts == 10


async def test_i1_what_ends_before_it_was_told_is_told_all_the_same(start: Start) -> None:
    async with start(TERSE) as lookout:
        await lookout.fires(instance="a")
        began = lookout.clock.now()
        await lookout.fires(starts_at=began, instance="b")
        await lookout.resolves(began, instance="b")
        lookout.clock.move(seconds=1)
        await lookout.ticks()
        assert await lookout.types() == ["opened", "alerts_changed"]
        incident = await lookout.only_incident()
        assert (incident.firing_alerts, incident.total_alerts) == (1, 2)
        assert {alert.labels["instance"]: alert.status for alert in await lookout.alerts_of(incident.id)} == {
            "a": "firing",
            "b": "resolved",
        }
        assert (await lookout.rebuild()).equal


async def test_what_runs_out_before_it_was_told_is_told_all_the_same(start: Start) -> None:
    async with start(Policy(pace=Pace(burst=1, interval=timedelta(hours=1)))) as lookout:
        await lookout.webhook({"labels": {"alertname": "Down", "instance": "a"}})
        await lookout.fires(instance="b")
        lookout.clock.move(minutes=6)
        await lookout.ticks()
        assert await _waiting(lookout) == 1
        lookout.clock.move(hours=1)
        await lookout.ticks()
        incident = await lookout.only_incident()
        assert (incident.firing_alerts, incident.total_alerts, await _waiting(lookout)) == (1, 2, 0)


async def test_an_operators_resolve_closes_it_too(start: Start) -> None:
    async with start(TERSE) as lookout:
        await _fire(lookout, 3)
        incident = await lookout.only_incident()
        (await lookout.act(incident.id, "resolve")).raise_for_status()
        assert await lookout.types() == ["opened", "alerts_changed", "resolved"]
        lookout.clock.move(seconds=1)
        await lookout.ticks()
        assert [receipt["reason"] for receipt in await _fire(lookout, 3)] == ["closed"] * 3
        resolved = await lookout.only_incident()
        assert (resolved.status, resolved.total_alerts, resolved.firing_alerts) == (Status.RESOLVED, 3, 0)


async def test_what_is_told_later_is_whole(start: Start) -> None:
    async with start(TERSE) as lookout:
        await lookout.fires(instance="a")
        labels = {"alertname": "Down", "instance": "b\0\ue000", "severity": "info"}
        await lookout.webhook({"labels": labels, "annotations": {"summary": "\0 nul"}, "generatorURL": "http://x/\0"})
        lookout.clock.move(seconds=1)
        await lookout.ticks()
        incident = await lookout.only_incident()
        (alert,) = [alert for alert in await lookout.alerts_of(incident.id) if alert.labels["instance"] != "a"]
        assert (alert.labels, alert.annotations, alert.generator_url) == (labels, {"summary": "\0 nul"}, "http://x/\0")


async def test_i5_the_tables_are_the_fold_of_the_log_while_something_waits(start: Start) -> None:
    async with start(TERSE) as lookout:
        await _fire(lookout, 5)
        report = await lookout.rebuild(repair=True)
        assert report.equal, report.lines
        lookout.clock.move(seconds=1)
        await lookout.ticks()
        report = await lookout.rebuild()
        assert report.equal, report.lines
        assert (await lookout.only_incident()).firing_alerts == 5


async def test_a_group_is_told_whole_when_only_one_of_its_alerts_is_looked_at(start: Start) -> None:
    async with start(Policy(pace=Pace(burst=1, interval=timedelta(minutes=5)))) as lookout:
        await _fire(lookout, 3)
        await lookout.fires(instance="short")
        lookout.clock.move(minutes=6)
        await lookout.ticks()
        assert await lookout.types() == ["opened", "alerts_changed"]
        assert await _waiting(lookout) in (0, 1), "the short one ran out, and that may wait"
        incident = await lookout.only_incident()
        assert incident.total_alerts == 4
