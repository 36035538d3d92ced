"""`/metrics` tells the story in numbers. Counters are of the process: what counts is how much they grew."""

import asyncio
import math

import asyncpg
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families
from tests.driver import Driver, owner_dsn
from tests.scenario.conftest import Start

from lookout import metrics
from lookout.incidents.events import EventType

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def _values(lookout: Driver) -> Values:
    text = (await lookout.http.get("/metrics")).raise_for_status().text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _grown(before: Values, after: Values, name: str, **labels: str) -> float:
    key = name, frozenset(labels.items())
    return after.get(key, 0) - before.get(key, 0)


def _open_incidents(values: Values) -> list[float]:
    return [value for (name, _), value in values.items() if name == "lookout_open_incidents"]


async def test_every_metric_is_told_and_named_lookout(lookout: Driver) -> None:
    await lookout.post_alerts(lookout.alert({"job": "a"}), {"labels": {}})
    text = (await lookout.http.get("/metrics")).text
    told = {family.name for family in text_string_to_metric_families(text)}
    ours = [value for value in vars(metrics).values() if isinstance(value, Counter | Gauge | Histogram)]
    assert len(ours) >= 14
    for metric in ours:
        [family] = metric.describe()
        assert family.name.startswith("lookout_")
        assert family.name in told


async def test_a_story_in_numbers(lookout: Driver) -> None:
    await lookout.clock.until_asleep(seconds=1)
    before = await _values(lookout)
    started = lookout.clock.now()
    async with lookout.stream(after="0") as events:
        await lookout.post_alerts(lookout.alert({"job": "a"}), lookout.alert({"job": "b", "severity": "critical"}))
        await lookout.fires(starts_at=started, job="a")
        await lookout.post_alerts({"labels": {}})
        assert [(await anext(events)).position for _ in range(2)] == [1, 2]
        await lookout.act((await lookout.incidents())[0].id, "acknowledge")
        assert (await anext(events)).position == 3
        after = await _values(lookout)
    grown = {
        "received": _grown(before, after, "lookout_alerts_received_total", source="prometheus"),
        "rejected": _grown(before, after, "lookout_alerts_rejected_total", source="prometheus"),
        "opened": _grown(before, after, "lookout_alerts_decided_total", reason="opened"),
        "duplicate": _grown(before, after, "lookout_alerts_decided_total", reason="duplicate"),
        "events opened": _grown(before, after, "lookout_events_total", event_type="incident_opened"),
        "events acknowledged": _grown(before, after, "lookout_events_total", event_type="incident_acknowledged"),
        "overloaded": _grown(before, after, "lookout_overloaded_total"),
        "failed": _grown(before, after, "lookout_failed_commits_total"),
        "batches": _grown(before, after, "lookout_batch_alerts_count"),
        "commits": _grown(before, after, "lookout_commit_seconds_count"),
        "read": _grown(before, after, "lookout_feed_read_events_total"),
        "followers": _grown(before, after, "lookout_feed_followers"),
    }
    assert grown == {
        "received": 4,
        "rejected": 1,
        "opened": 2,
        "duplicate": 1,
        "events opened": 2,
        "events acknowledged": 1,
        "overloaded": 0,
        "failed": 0,
        "batches": 4,
        "commits": 4,
        "read": 3,
        "followers": 1,
    }
    assert _open_incidents(after) == [1, 1]
    assert after["lookout_intake_queue_alerts", frozenset()] == 0
    assert after["lookout_noise_reduction_ratio", frozenset()] > 0


async def test_open_incidents_that_have_resolved_are_gone_from_the_gauge(lookout: Driver) -> None:
    await lookout.fires(job="a")
    assert _open_incidents(await _values(lookout)) == [1]
    await lookout.act((await lookout.only_incident()).id, "resolve")
    assert _open_incidents(await _values(lookout)) == []


async def test_failures_and_refusals_are_counted_and_told_while_the_database_is_away(lookout: Driver) -> None:
    before = await _values(lookout)
    async with lookout.database_away():
        await lookout.after_all_tries(lookout.post_alerts(lookout.alert({"job": "a"})))
        after = await _values(lookout)
    assert _grown(before, after, "lookout_failed_commits_total") == 1
    assert (before["lookout_database_up", frozenset()], after["lookout_database_up", frozenset()]) == (1, 0)
    assert (await _values(lookout))["lookout_database_up", frozenset()] == 1
    known_by_the_database = ("lookout_open_incidents", "lookout_heartbeats")
    assert [value for key, value in after.items() if key[0] in known_by_the_database] == []
    assert all(math.isnan(after[name, frozenset()]) for name in ("lookout_postponed_alerts", "lookout_stale_alerts"))


async def test_what_is_refused_is_counted_from_0_on(lookout: Driver) -> None:
    told = {labels for name, labels in await _values(lookout) if name == "lookout_alerts_rejected_total"}
    assert told >= {frozenset({("source", name)}) for name in ("prometheus", "alertmanager", "grafana", "events")}


async def test_what_can_happen_is_counted_from_0_on(start: Start) -> None:
    for counter in (metrics.DECIDED, metrics.EVENTS, metrics.LIMITED):
        counter.clear()
    async with start() as lookout:
        values = await _values(lookout)
    told = {(name, *dict(labels).values()) for (name, labels), value in values.items() if value == 0}
    assert told >= {("lookout_alerts_decided_total", reason) for reason in ("opened", "duplicate", "stale", "passed")}
    assert ("lookout_alerts_decided_total", "acknowledged") not in told  # which is decided about no alert
    assert told >= {("lookout_events_total", event_type) for event_type in EventType}
    assert told >= {("lookout_limited_total", kind) for kind in ("ingest", "read", "stream", "connection")}


async def test_a_body_that_is_refused_whole_is_one_in_all_figures(lookout: Driver) -> None:
    before = await _values(lookout)
    assert (await lookout.repeats_captured("/v1/alertmanager", b"{")).status_code == 400
    after = await _values(lookout)
    for name in ("received", "rejected"):
        assert _grown(before, after, f"lookout_alerts_{name}_total", source="alertmanager") == 1
    await lookout.ticks()
    (row,) = await lookout.sql("SELECT alerts, rejected FROM received")
    assert (row["alerts"], row["rejected"]) == (1, 1)


async def test_two_that_ask_at_once_are_both_told_all(lookout: Driver) -> None:
    """As an HA pair of Prometheis does: one is at its last question when the other begins."""
    await lookout.fires(job="a")
    one, other = await asyncpg.connect(owner_dsn(lookout.dsn)), await asyncpg.connect(owner_dsn(lookout.dsn))
    async with asyncio.TaskGroup() as asking:
        async with other.transaction():
            async with one.transaction():
                await one.execute("LOCK TABLE postponed_alerts")
                first = asking.create_task(_values(lookout))
                await lookout.until_waiting_for("postponed_alerts")
                await other.execute("LOCK TABLE incidents")
                second = asking.create_task(_values(lookout))
                await lookout.until_waiting_for("incidents")
            assert _open_incidents(await first) == [1]
        assert _open_incidents(await second) == [1]
    await one.close()
    await other.close()


async def test_what_the_queue_refuses_is_counted(lookout: Driver) -> None:
    before = await _values(lookout)
    lookout.running.parts.intake.close()
    assert (await lookout.post_alerts(lookout.alert({"job": "a"}))).status_code == 503
    assert _grown(before, await _values(lookout), "lookout_overloaded_total") == 1
