"""`/metrics` tells the story in numbers. Counters are of the process: what counts is how much they grew."""

import math

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families
from tests.driver import Driver

from lookout import metrics

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
    open_incidents = {key[1]: value for key, value in after.items() if key[0] == "lookout_open_incidents"}
    assert sorted(open_incidents.values()) == [1, 1]
    assert after["lookout_intake_queue_alerts", frozenset()] == 0
    assert after["lookout_noise_reduction_ratio", frozenset()] > 0


async def test_open_incidents_that_have_resolved_are_gone_from_the_gauge(lookout: Driver) -> None:
    await lookout.fires(job="a")
    assert [value for key, value in (await _values(lookout)).items() if key[0] == "lookout_open_incidents"] == [1]
    await lookout.act((await lookout.only_incident()).id, "resolve")
    assert [value for key, value in (await _values(lookout)).items() if key[0] == "lookout_open_incidents"] == []


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


async def test_what_the_queue_refuses_is_counted(lookout: Driver) -> None:
    before = await _values(lookout)
    lookout.running.parts.intake.close()
    assert (await lookout.post_alerts(lookout.alert({"job": "a"}))).status_code == 503
    assert _grown(before, await _values(lookout), "lookout_overloaded_total") == 1
