"""The list as it was at a time: an hour is played, and each of its minutes is told again as it was."""

import random
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.clock import NOON
from tests.driver import Driver
from tests.plans import grow, plan_of
from tests.unit.graphql.client import ask, refusal

from lookout.incidents.incident import Incident

MINUTES = 30
FILTERS: list[dict[str, Any]] = [
    {},
    {"status": "open"},
    {"status": "resolved"},
    {"status": ["firing"], "severity": ["critical"]},
    {"severity": ["warning", "error"]},
    {"status": ["acknowledged", "resolved"]},
]
LIST = """query($page: ConnectionInput, $filter: IncidentFilterInput, $asOf: Time) {
  incidentsConnection(page: $page, filter: $filter, asOf: $asOf) {
    totalCount pageInfo { endCursor startCursor hasNextPage hasPreviousPage }
    nodes { incidentId position status severity firingAlerts title } } }"""

Lists = list[list[Incident]]


async def every_incident(lookout: Driver, **query: Any) -> list[Incident]:
    """The whole list, by small pages."""
    listed: list[Incident] = []
    while True:
        answer = (await lookout.http.get("/v1/incidents", params={"first": "7", **query})).raise_for_status().json()
        listed += msgspec.convert(answer["incidents"], list[Incident])
        if answer["next"] is None:
            return listed
        query["after"] = answer["next"]


async def play(lookout: Driver) -> list[Lists]:
    """An hour of trouble. Returns what each filter listed at the end of each minute."""
    chance = random.Random(7)
    firing: dict[tuple[str, str], datetime] = {}
    recorded: list[Lists] = []
    for _ in range(MINUTES):
        for (job, severity), started in list(firing.items()):
            if chance.random() < 0.25:
                await lookout.resolves(started, job=job, severity=severity)
                del firing[job, severity]
        for _ in range(chance.randrange(3)):
            thing = f"job-{chance.randrange(12)}", chance.choice(["critical", "error", "warning"])
            firing.setdefault(thing, lookout.clock.now())
        for (job, severity), started in firing.items():
            await lookout.fires(starts_at=started, job=job, severity=severity)
        seen = await lookout.incidents(status="open")
        if seen and chance.random() < 0.4:
            action = chance.choice(["acknowledge", "resolve"])
            await lookout.act(chance.choice(seen).id, action)
        if seen and chance.random() < 0.3:
            await lookout.act((await lookout.incidents(first="500"))[-1].id, "notes", text="still looking")
        lookout.clock.move(seconds=30)
        # Whole, which is quick: by pages it is read as it was.
        recorded.append([await every_incident(lookout, first="500", **query) for query in FILTERS])
        lookout.clock.move(seconds=30)
        await lookout.ticks()
    return recorded


async def test_each_minute_of_half_an_hour_is_told_as_it_was(lookout: Driver) -> None:
    recorded = await play(lookout)
    assert len(recorded[-1][0]) > 10
    assert any(lists[2] for lists in recorded)
    for minute, lists in enumerate(recorded):
        as_of = NOON + timedelta(minutes=minute, seconds=30)
        for query, listed in zip(FILTERS, lists, strict=True):
            assert await every_incident(lookout, as_of=as_of.isoformat(), **query) == listed, (minute, query)
        turn = minute % len(FILTERS)
        shown = [_shown(incident) for incident in lists[turn]]
        assert await _forward_and_backward(lookout, as_of, FILTERS[turn]) == shown


def _shown(incident: Incident) -> dict[str, Any]:
    return {
        "incidentId": incident.id,
        "position": incident.position,
        "status": incident.status.upper(),
        "severity": incident.severity.upper(),
        "firingAlerts": incident.firing_alerts,
        "title": incident.title,
    }


async def _forward_and_backward(lookout: Driver, as_of: datetime, query: dict[str, Any]) -> list[dict[str, Any]]:
    """The whole list over GraphQL, by pages from either end."""
    statuses = ["firing", "acknowledged"] if query.get("status") == "open" else query.get("status", [])
    statuses = [statuses] if isinstance(statuses, str) else statuses
    only = {
        "status": [status.upper() for status in statuses],
        "severity": [severity.upper() for severity in query.get("severity", [])],
    }
    forward: list[dict[str, Any]] = []
    backward: list[dict[str, Any]] = []
    totals: set[int] = set()
    for nodes, size, cursor, end, more in (
        (forward, "first", "after", "endCursor", "hasNextPage"),
        (backward, "last", "before", "startCursor", "hasPreviousPage"),
    ):
        page: dict[str, Any] = {size: 7}
        while True:
            variables: dict[str, Any] = {"page": page, "filter": only, "asOf": as_of.isoformat()}
            found = (await ask(lookout, LIST, **variables))["incidentsConnection"]
            nodes[:] = nodes + found["nodes"] if size == "first" else found["nodes"] + nodes
            totals.add(found["totalCount"])
            if not found["pageInfo"][more]:
                break
            page = {size: 7, cursor: found["pageInfo"][end]}
    assert forward == backward
    assert totals == {len(forward)}
    return forward


async def test_the_position_of_the_list_is_that_of_the_last_event_by_then(lookout: Driver) -> None:
    await lookout.fires(job="a")
    lookout.clock.move(minutes=1)
    await lookout.fires(job="b")
    for time, position in ((-1, 0), (0, 1), (59, 1), (60, 2)):
        as_of = (NOON + timedelta(seconds=time)).isoformat()
        answer = (await lookout.http.get("/v1/incidents", params={"as_of": as_of})).json()
        assert (answer["position"], len(answer["incidents"])) == (position, position)


async def test_replicas_whose_clocks_differ_show_all_that_any_recorded_by_then(lookout: Driver) -> None:
    for job, seconds in (("a", 0), ("b", -2), ("c", 1)):
        lookout.clock.move(seconds=seconds)
        await lookout.fires(job=job)
    lookout.clock.move(minutes=1)
    for seconds, listed in ((-3, 0), (-2, 2), (-1, 3), (0, 3), (30, 3)):
        as_of = (NOON + timedelta(seconds=seconds)).isoformat()
        answer = (await lookout.http.get("/v1/incidents", params={"as_of": as_of})).json()
        assert len(answer["incidents"]) == answer["position"] == listed


@pytest.mark.parametrize("time", ["yesterday", "2026-01-01", "2026-01-01T12:00:00", "9999-99-99T00:00:00Z", ""])
async def test_what_is_no_time_is_refused_with_an_example(lookout: Driver, time: str) -> None:
    answer = await lookout.http.get("/v1/incidents", params={"as_of": time})
    assert answer.status_code == 400
    assert "2026-01-31T12:00:00Z" in answer.json()["error"]


async def test_the_future_is_refused(lookout: Driver) -> None:
    as_of = (NOON + timedelta(seconds=1)).isoformat()
    answer = await lookout.http.get("/v1/incidents", params={"as_of": as_of})
    assert answer.status_code == 400
    assert "leave it out" in answer.json()["error"]
    assert (await refusal(lookout, LIST, asOf=as_of))["extensions"]["code"] == "VALIDATION_ERROR"


async def test_another_tenants_past_is_not_shown(lookout: Driver) -> None:
    await lookout.fires(job="a")
    await lookout.sql("UPDATE feeds SET tenant_id = 'other'")
    for table in ("events", "event_alerts", "incidents"):
        await lookout.sql(f"UPDATE {table} SET tenant_id = 'other'")
    assert await every_incident(lookout, as_of=NOON.isoformat()) == []


AS_OF = ["'default'", "3000", "'{firing,acknowledged}'", "NULL", "4000", "51"]
PLANS = {
    "position_at": ("events_in_time", ["'default'", "'2026-01-01 12:10Z'", "'1 min'"]),
    "incidents_as_of_before": ("events_of_incident", AS_OF),
    "incidents_as_of_after": ("events_of_incident", AS_OF),
    "open_incidents_as_of": ("events_of_incident", AS_OF),
    "count_incidents_as_of": ("events_of_incident", AS_OF),
    "count_open_incidents_as_of": ("events_of_incident", AS_OF),
}


async def test_the_log_is_read_by_index_alone(lookout: Driver) -> None:
    await grow(lookout)
    for name, (index, arguments) in PLANS.items():
        plan = await plan_of(lookout, name, *arguments)
        assert "Seq Scan on events" not in plan, name
        assert index in plan, name
        if "open" in name:
            assert "resolved_incidents_in_order" in plan
            assert "open_incidents_in_order" in plan
            assert "Seq Scan" not in plan
