"""GraphQL queries: incidents, their alerts and events, figures."""

import base64
import uuid

import pytest
from structlog.testing import capture_logs
from tests.driver import Driver
from tests.unit.graphql.client import answer, ask, refusal

from lookout.api.graphql.incidents import Incident
from lookout.incidents.incident import Incident as Snapshot

EVERYTHING = """
query One($id: ID!) {
  incident(id: $id) {
    id incidentId tenantId dedupKey status severity title summary labels startedAt openedPosition position updatedAt
    firingAlerts totalAlerts reopenCount acknowledgedAt acknowledgedBy assignee resolvedAt resolution resolvedBy
    previousIncidentId investigationCount rule policyVersion stale flapping flappingUntil stateChanges
    alerts { totalCount pageInfo { hasNextPage } edges { cursor node { fingerprint } } nodes {
      fingerprint status severity startsAt endsAt labels annotations generatorUrl sources lastReceivedAt } }
    events { totalCount position nodes { schemaVersion eventId eventType tenantId position occurredAt recordedAt change
      incident { status } } }
  }
}
"""


def gid(incident: Snapshot) -> str:
    return base64.b64encode(f"Incident:{incident.id}".encode()).decode()


async def test_an_incident_has_all_that_the_other_surfaces_show(lookout: Driver) -> None:
    await lookout.fires(job="ingest", severity="critical")
    known = await lookout.only_incident()
    rest = (await lookout.http.get(f"/v1/incidents/{known.id}")).json()
    shown = (await ask(lookout, EVERYTHING, id=known.id))["incident"]
    assert shown["id"] == gid(known)
    assert shown["incidentId"] == known.id
    assert (shown["status"], shown["severity"]) == ("FIRING", "CRITICAL")
    for name, value in rest.items():
        if name not in {"id", "status", "severity"}:
            first, *others = name.split("_")
            assert shown[first + "".join(map(str.capitalize, others))] == value
    (alert,) = shown["alerts"]["nodes"]
    assert alert["labels"] == {"alertname": "Down", "job": "ingest", "severity": "critical"}
    assert (alert["status"], alert["sources"], alert["endsAt"]) == ("FIRING", ["prometheus"], None)
    assert shown["alerts"]["totalCount"] == 1


async def test_an_event_is_the_object_of_the_feed(lookout: Driver) -> None:
    await lookout.fires(job="ingest")
    (told,) = (await lookout.http.get("/v1/feed")).json()["events"]
    incident = await lookout.only_incident()
    events = (await ask(lookout, EVERYTHING, id=incident.id))["incident"]["events"]
    (event,) = events["nodes"]
    assert (events["totalCount"], events["position"]) == (1, 1)
    assert event["eventType"] == "INCIDENT_OPENED"
    assert event["change"] == told["change"]
    assert {event["eventId"], event["recordedAt"]} == {told["event_id"], told["recorded_at"]}


async def test_an_incident_is_found_by_raw_and_by_global_id_and_else_is_null(lookout: Driver) -> None:
    await lookout.fires(job="ingest")
    known = await lookout.only_incident()
    for given in (known.id, known.id.upper(), gid(known)):
        assert (await ask(lookout, "query($id: ID!) { incident(id: $id) { incidentId } }", id=given))["incident"]
    foreign = base64.b64encode(f"Alert:{known.id}".encode()).decode()
    for given in (str(uuid.uuid4()), foreign, "", "no id", "SW5jaWRlbnQ6", "\u0000", "%F0"):
        assert (await ask(lookout, "query($id: ID!) { incident(id: $id) { id } }", id=given)) == {"incident": None}


async def test_lists_filter_by_status_and_severity(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a", severity="critical")
    await lookout.fires(job="b")
    await lookout.fires(job="c")
    await lookout.resolves(started, job="c")
    document = """query($filter: IncidentFilterInput) {
      incidentsConnection(filter: $filter) { totalCount nodes { labels } } }"""

    async def jobs(**only: list[str]) -> list[str]:
        found = (await ask(lookout, document, filter=only))["incidentsConnection"]
        assert found["totalCount"] == len(found["nodes"])
        return [node["labels"]["job"] for node in found["nodes"]]

    assert await jobs() == ["c", "b", "a"]
    assert await jobs(status=["FIRING"]) == ["b", "a"]
    assert await jobs(status=["RESOLVED", "ACKNOWLEDGED"]) == ["c"]
    assert await jobs(severity=["CRITICAL"]) == ["a"]
    assert await jobs(severity=["CRITICAL"], status=["RESOLVED"]) == []
    assert await jobs(severity=[], status=[]) == ["c", "b", "a"]


async def test_the_feed_is_read_from_a_position_on(lookout: Driver) -> None:
    for job in "abc":
        await lookout.fires(job=job)
    document = """query($after: Position, $first: Int) { incidentEventsConnection(after: $after, first: $first) {
      totalCount position pageInfo { startCursor endCursor hasNextPage hasPreviousPage } nodes { position }
      edges { cursor node { incident { labels } } } } }"""
    page = (await ask(lookout, document, first=2))["incidentEventsConnection"]
    assert [node["position"] for node in page["nodes"]] == [1, 2]
    assert (page["totalCount"], page["position"]) == (3, 3)
    assert page["pageInfo"] == {"startCursor": "1", "endCursor": "2", "hasNextPage": True, "hasPreviousPage": False}
    page = (await ask(lookout, document, after=2, first=2))["incidentEventsConnection"]
    assert [node["position"] for node in page["nodes"]] == [3]
    assert page["pageInfo"] == {"startCursor": "3", "endCursor": "3", "hasNextPage": False, "hasPreviousPage": True}
    error = await refusal(lookout, document, after=4)
    assert "the log ends at 3" in error["message"]
    assert error["extensions"]["code"] == "CONFLICT"


async def test_a_snapshot_in_an_event_leads_on_to_its_incident(lookout: Driver) -> None:
    await lookout.fires(job="a")
    await lookout.fires(job="a", instance="2")
    document = """{ incidentEventsConnection(first: 1) { nodes { incident { totalAlerts
      alerts { totalCount nodes { labels } } events(after: 1) { totalCount pageInfo { hasPreviousPage }
        nodes { position } } } } } }"""
    (event,) = (await ask(lookout, document))["incidentEventsConnection"]["nodes"]
    assert event["incident"]["totalAlerts"] == 1
    assert event["incident"]["alerts"]["totalCount"] == 2
    assert event["incident"]["events"] == {
        "totalCount": 2, "pageInfo": {"hasPreviousPage": True}, "nodes": [{"position": 2}]
    }  # fmt: skip


async def test_figures_are_of_the_last_day_or_of_a_given_time(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a")
    lookout.clock.move(minutes=2)
    await lookout.act((await lookout.only_incident()).id, "acknowledge")
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, job="a")
    document = """query($range: TimeRangeInput) { incidentStats(timeRange: $range) {
      opened resolved open alerts secondsToAcknowledge secondsToResolve } }"""
    lookout.clock.move(minutes=1)
    assert (await ask(lookout, document))["incidentStats"] == {
        "opened": 1, "resolved": 1, "open": 0, "alerts": 1, "secondsToAcknowledge": 120.0, "secondsToResolve": 180.0
    }  # fmt: skip
    before = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00+01:00"}
    stats = (await ask(lookout, document, range=before))["incidentStats"]
    assert (stats["opened"], stats["secondsToResolve"]) == (0, None)
    turned = {"start": before["end"], "end": before["start"]}
    error = await refusal(lookout, document, range=turned)
    assert "start must be before end" in error["message"]
    assert error["extensions"] == {"code": "VALIDATION_ERROR", "field": "timeRange", "constraint": "start < end"}


async def test_a_federation_gateway_finds_incidents_by_their_key(lookout: Driver) -> None:
    await lookout.fires(job="a")
    known = await lookout.only_incident()
    document = """query($representations: [_Any!]!) {
      _service { sdl } _entities(representations: $representations) { ... on Incident { incidentId } } }"""
    keys = [{"__typename": "Incident", "id": gid(known)}, {"__typename": "Incident", "id": str(uuid.uuid4()), "x": 1}]
    found = await ask(lookout, document, representations=keys)
    assert found["_entities"] == [{"incidentId": known.id}, None]
    assert 'type Incident @key(fields: "id")' in found["_service"]["sdl"]


@pytest.mark.parametrize(
    "odd",
    [
        5,
        {},
        {"__typename": "Alert"},
        {"__typename": "Alert", "fingerprint": "0" * 16},
        {"__typename": "Secret"},
        {"__typename": "Incident"},
        {"__typename": "Incident", "id": 5},
        {"__typename": ["Incident"], "id": "x"},
    ],
)
async def test_a_representation_that_is_none_is_refused_and_the_others_are_answered(
    lookout: Driver, odd: object
) -> None:
    await lookout.fires(job="a")
    known = await lookout.only_incident()
    document = "query($keys: [_Any!]!) { _entities(representations: $keys) { ... on Incident { incidentId } } }"
    keys = [odd, {"__typename": "Incident", "id": known.id, "cls": 1, "info": 2}]
    with capture_logs() as logs:
        told = await answer(lookout, document, keys=keys)
    (error,) = told["errors"]
    assert error["message"] == 'a representation is {"__typename": "Incident", "id": "..."}'
    assert error["path"] == ["_entities", 0]
    assert error["extensions"] == {"code": "VALIDATION_ERROR", "field": "representations", "constraint": "key"}
    assert told["data"]["_entities"] == [None, {"incidentId": known.id}]
    assert [entry for entry in logs if entry["event"] == "graphql"] == []


async def test_an_unexpected_error_tells_nothing_of_the_inside(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("a secret")

    monkeypatch.setattr(Incident, "find", broken)
    told = await answer(lookout, '{ incident(id: "x") { id } }')
    (error,) = told["errors"]
    assert (error["message"], error["extensions"]) == ("internal error", {"code": "INTERNAL"})
