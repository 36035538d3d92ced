"""Figures of a time: what opened and ended, how long it took, by the hour and by the day, and what was noisiest."""

from datetime import timedelta
from typing import Any

import pytest
from tests.clock import NOON
from tests.driver import Driver
from tests.plans import grow, plan_of
from tests.unit.graphql.client import ask, refusal


async def _stats(lookout: Driver, **query: str) -> dict[str, Any]:
    return (await lookout.http.get("/v1/stats", params=query)).raise_for_status().json()


async def _day(lookout: Driver) -> None:
    """Ten incidents of a minute to ten minutes, one an hour from noon on; the first is acknowledged and reopens."""
    for number in range(1, 11):
        started = lookout.clock.now()
        severity = "critical" if number % 2 else "info"
        await lookout.fires(alertname=f"Down{number % 3}", severity=severity)
        if number == 1:
            lookout.clock.move(seconds=20)
            await lookout.act((await lookout.only_incident()).id, "acknowledge")
            await lookout.resolves(started, alertname="Down1", severity=severity)
            lookout.clock.move(seconds=20)
            await lookout.fires(alertname="Down1", severity=severity)
            started = lookout.clock.now()
        else:
            lookout.clock.move(seconds=40)
        lookout.clock.move(seconds=-40, minutes=number)
        await lookout.fires(starts_at=started, alertname=f"Down{number % 3}", severity=severity)
        await lookout.resolves(started, alertname=f"Down{number % 3}", severity=severity)
        lookout.clock.move(hours=1, minutes=-number)
    await lookout.ticks()


async def test_the_figures_of_a_day(lookout: Driver) -> None:
    await _day(lookout)
    await lookout.fires(alertname="Still")
    await lookout.post_alerts({"labels": {}})
    await lookout.ticks()
    lookout.clock.move(minutes=1)
    answer = await _stats(lookout)
    assert answer["figures"] == {
        "opened": 11,
        "resolved": 10,
        "open": 1,
        "reopened": 1,
        "flapping": 0,
        "alerts": 11,
        "alerts_received": 34,
        "alerts_rejected": 1,
        "noise_reduction": pytest.approx(34 / 11),
        "seconds_to_acknowledge": None,
        "seconds_to_acknowledge_p90": None,
        "seconds_to_resolve": pytest.approx(330),
        "seconds_to_resolve_p90": pytest.approx(546),
    }
    assert (answer["bucket"], len(answer["buckets"])) == ("hour", 25)


async def test_the_time_to_acknowledge(lookout: Driver) -> None:
    for seconds in range(10, 110, 10):
        await lookout.fires(job=str(seconds))
        lookout.clock.move(seconds=seconds)
        await lookout.act((await lookout.incidents())[0].id, "acknowledge")
    figures = (await _stats(lookout, end="2026-01-02T00:00:00Z"))["figures"]
    assert (figures["seconds_to_acknowledge"], figures["seconds_to_acknowledge_p90"]) == (55, pytest.approx(91))


async def test_what_flapped_counts_while_it_is_marked_and_afterwards(lookout: Driver) -> None:
    await lookout.fires(job="calm")
    for _ in range(3):
        began = lookout.clock.now()
        await lookout.fires(starts_at=began, job="a")
        lookout.clock.move(minutes=1)
        await lookout.resolves(began, job="a")
        lookout.clock.move(minutes=1)
    assert (await _stats(lookout))["figures"]["flapping"] == 1
    lookout.clock.move(hours=1)
    await lookout.ticks()
    await lookout.ticks()
    assert (await lookout.types())[-1] == "flapping_ended"
    assert (await _stats(lookout))["figures"]["flapping"] == 1
    earlier = await _stats(lookout, start="2025-12-31T00:00:00Z", end="2026-01-01T00:00:00Z")
    assert earlier["figures"]["flapping"] == 0


async def test_only_the_time_asked_for_counts_and_open_is_of_its_end(lookout: Driver) -> None:
    await _day(lookout)
    answer = await _stats(lookout, start="2026-01-01T13:00:30Z", end="2026-01-01T15:01:00Z")
    figures = answer["figures"]
    assert (figures["opened"], figures["resolved"], figures["open"]) == (2, 2, 1)
    assert figures["alerts_received"] == 9
    opened = [(bucket["start"], sum(bucket["opened"].values()), bucket["resolved"]) for bucket in answer["buckets"]]
    assert opened == [("2026-01-01T13:00:00Z", 0, 1), ("2026-01-01T14:00:00Z", 1, 1), ("2026-01-01T15:00:00Z", 1, 0)]


async def test_buckets_by_the_day_have_every_severity_and_the_empty_days(lookout: Driver) -> None:
    await _day(lookout)
    answer = await _stats(lookout, start="2025-12-31T12:00:00Z", end="2026-01-03T00:00:00Z")
    nothing = {"critical": 0, "error": 0, "warning": 0, "info": 0}
    assert answer["bucket"] == "day"
    assert answer["buckets"] == [
        {"start": "2025-12-31T00:00:00Z", "opened": nothing, "resolved": 0},
        {"start": "2026-01-01T00:00:00Z", "opened": {**nothing, "critical": 5, "info": 5}, "resolved": 10},
        {"start": "2026-01-02T00:00:00Z", "opened": nothing, "resolved": 0},
    ]


async def test_the_noisiest_groups_come_first_with_their_numbers(lookout: Driver) -> None:
    await _day(lookout)
    noisiest = (await _stats(lookout))["noisiest"]
    told = [(it["labels"]["alertname"], it["incidents"], it["reopens"], it["alerts"]) for it in noisiest]
    assert told == [("Down1", 4, 1, 4), ("Down0", 3, 0, 3), ("Down2", 3, 0, 3)]
    last = (await lookout.incidents())[0]
    assert (noisiest[0]["last_incident_id"], noisiest[0]["title"]) == (last.id, last.title)


async def test_graphql_tells_the_same(lookout: Driver) -> None:
    await _day(lookout)
    answer = await _stats(lookout)
    document = """{ incidentStats {
      opened reopened flapping alertsReceived noiseReduction secondsToResolveP90
      buckets { start resolved opened { severity incidents } }
      noisiest { dedupKey incidents lastIncidentId } } }"""
    stats = (await ask(lookout, document))["incidentStats"]
    assert stats["alertsReceived"] == answer["figures"]["alerts_received"]
    assert stats["noiseReduction"] == answer["figures"]["noise_reduction"]
    assert stats["secondsToResolveP90"] == answer["figures"]["seconds_to_resolve_p90"]
    assert [(it["start"], it["resolved"]) for it in stats["buckets"]] == [
        (it["start"], it["resolved"]) for it in answer["buckets"]
    ]
    assert [{c["severity"].lower(): c["incidents"] for c in it["opened"]} for it in stats["buckets"]] == [
        it["opened"] for it in answer["buckets"]
    ]
    assert [it["lastIncidentId"] for it in stats["noisiest"]] == [it["last_incident_id"] for it in answer["noisiest"]]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, "start must be before end"),
        ({"start": "2026-02-01T00:00:00Z"}, "start must be before end"),
        ({"start": "2020-01-01T00:00:00Z"}, "at most 750 days"),
        ({"start": "2025-11-01T00:00:00Z", "bucket": "hour"}, "by the day"),
        ({"bucket": "week"}, "hour, day"),
        ({"start": "noon"}, "2026-01-31T12:00:00Z"),
    ],
)
async def test_what_is_no_time_or_too_long_is_refused(lookout: Driver, query: dict[str, str], problem: str) -> None:
    answer = await lookout.http.get("/v1/stats", params=query)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]


async def test_graphql_refuses_what_is_too_long(lookout: Driver) -> None:
    document = "query($range: TimeRangeInput) { incidentStats(timeRange: $range) { opened } }"
    long = {"start": (NOON - timedelta(days=751)).isoformat(), "end": NOON.isoformat()}
    assert (await refusal(lookout, document, range=long))["extensions"]["field"] == "timeRange"


async def test_another_tenants_figures_are_not_in_it(lookout: Driver) -> None:
    await lookout.fires(job="a")
    await lookout.ticks()
    for table in ("incidents", "received"):
        await lookout.sql(f"UPDATE {table} SET tenant_id = 'other'")
    answer = await _stats(lookout, end="2026-01-02T00:00:00Z")
    assert {name: value for name, value in answer["figures"].items() if value} == {}
    assert answer["noisiest"] == []


HOUR = "'default'", "'2026-01-01 12:10Z'", "'2026-01-01 12:11Z'"


PLANS: dict[str, tuple[str, list[str]]] = {
    "incident_stats": ("incidents_in_time resolved_incidents_in_time received_pkey", []),
    "opened_by_bucket": ("incidents_in_time", ["'1 hour'", "'2026-01-01 12:00Z'"]),
    "resolved_by_bucket": ("resolved_incidents_in_time", ["'1 hour'", "'2026-01-01 12:00Z'"]),
    "noisiest_groups": ("incidents_in_time incidents_in_order", ["10"]),
}


async def test_figures_are_read_by_index(lookout: Driver) -> None:
    await grow(lookout)
    for name, (index, others) in PLANS.items():
        plan = await plan_of(lookout, name, *HOUR, *others)
        assert "Seq Scan" not in plan, name
        assert all(part in plan for part in index.split()), name
