"""GraphQL mutations: what each does, and each member of the union that it can answer with."""

import uuid
from typing import Any

import pytest
from tests.driver import Driver
from tests.unit.graphql.client import answer, ask

from lookout.incidents.actions import NAME_LIMIT
from lookout.incidents.events import EventType, NoteAdded
from lookout.limits import USUAL

RESULT = """{ __typename
  ... on Incident { incidentId status acknowledgedBy acknowledgedAt assignee resolution resolvedBy position }
  ... on Error { message code }
  ... on ValidationError { field constraint }
  ... on NotFoundError { resourceType resourceId } }"""
ACKNOWLEDGE = "mutation($id: ID!) { result: acknowledgeIncident(id: $id) %s }" % RESULT  # noqa: UP031
ASSIGN = "mutation($id: ID!, $assignee: String) { result: assignIncident(id: $id, assignee: $assignee) %s }" % RESULT  # noqa: UP031
RESOLVE = "mutation($id: ID!, $reason: String) { result: resolveIncident(id: $id, reason: $reason) %s }" % RESULT  # noqa: UP031
NOTE = "mutation($id: ID!, $text: String!) { result: addIncidentNote(id: $id, text: $text) %s }" % RESULT  # noqa: UP031


async def act(lookout: Driver, document: str, **arguments: Any) -> dict[str, Any]:
    return (await ask(lookout, document, **arguments))["result"]


@pytest.fixture(name="open_id")
async def have_one(lookout: Driver) -> str:
    await lookout.fires(job="a")
    return (await lookout.only_incident()).id


async def test_acknowledge(lookout: Driver, open_id: str) -> None:
    lookout.clock.move(minutes=1)
    result = await act(lookout, ACKNOWLEDGE, id=open_id)
    assert (result["__typename"], result["status"], result["acknowledgedBy"]) == ("Incident", "ACKNOWLEDGED", "jo")
    assert result["acknowledgedAt"] == "2026-01-01T12:01:00Z"
    again = await act(lookout, ACKNOWLEDGE, id=open_id)
    assert again == result
    assert len(await lookout.feed()) == 2


async def test_acknowledge_accepts_the_global_id(lookout: Driver, open_id: str) -> None:
    gid = (await ask(lookout, "{ incidentsConnection { nodes { id } } }"))["incidentsConnection"]["nodes"][0]["id"]
    assert (await act(lookout, ACKNOWLEDGE, id=gid))["incidentId"] == open_id


async def test_a_resolved_incident_cannot_be_acknowledged(lookout: Driver, open_id: str) -> None:
    await act(lookout, RESOLVE, id=open_id)
    result = await act(lookout, ACKNOWLEDGE, id=open_id)
    assert (result["__typename"], result["field"], result["constraint"]) == ("ValidationError", "id", "open")
    assert "resolved" in result["message"]


async def test_assign_and_take_away(lookout: Driver, open_id: str) -> None:
    assert (await act(lookout, ASSIGN, id=open_id, assignee="kim"))["assignee"] == "kim"
    assert (await act(lookout, ASSIGN, id=open_id, assignee=None))["assignee"] is None
    assert (await act(lookout, ASSIGN, id=open_id, assignee="kim"))["assignee"] == "kim"
    assert (await act(lookout, ASSIGN, id=open_id))["assignee"] is None


async def test_resolve(lookout: Driver, open_id: str) -> None:
    result = await act(lookout, RESOLVE, id=open_id, reason="rebooted")
    assert (result["status"], result["resolution"], result["resolvedBy"]) == ("RESOLVED", "OPERATOR", "jo")
    assert await act(lookout, RESOLVE, id=open_id) == result


async def test_note(lookout: Driver, open_id: str) -> None:
    assert (await act(lookout, NOTE, id=open_id, text="looking\nat it"))["position"] == 2
    event = (await lookout.feed())[-1]
    assert event.event_type is EventType.NOTE_ADDED
    assert event.change == NoteAdded("looking\nat it", "jo")


@pytest.mark.parametrize(
    ("document", "arguments", "field"),
    [
        (ASSIGN, {"assignee": "x" * (NAME_LIMIT + 1)}, "assignee"),
        (RESOLVE, {"reason": "x" * (USUAL.note_length + 1)}, "reason"),
        (NOTE, {"text": "x" * (USUAL.note_length + 1)}, "text"),
        (NOTE, {"text": "\u0000 \n"}, "text"),
    ],
)
async def test_what_cannot_be_used_is_a_validation_error(
    lookout: Driver, open_id: str, document: str, arguments: dict[str, Any], field: str
) -> None:
    result = await act(lookout, document, id=open_id, **arguments)
    assert (result["__typename"], result["code"], result["field"]) == ("ValidationError", "VALIDATION_ERROR", field)
    assert result["constraint"]
    assert len(await lookout.feed()) == 1


@pytest.mark.parametrize("document", [ACKNOWLEDGE, ASSIGN, RESOLVE, NOTE])
async def test_what_is_not_there_is_a_not_found_error(lookout: Driver, document: str) -> None:
    arguments = {"text": "x"} if document is NOTE else {}
    for given in (str(uuid.UUID(int=7)), "QWxlcnQ6MQ==", "nonsense", ""):
        result = await act(lookout, document, id=given, **arguments)
        assert (result["__typename"], result["code"]) == ("NotFoundError", "NOT_FOUND")
        assert (result["resourceType"], result["resourceId"]) == ("Incident", given)


async def test_an_overloaded_lookout_says_so_as_a_graphql_error(lookout: Driver, open_id: str) -> None:
    lookout.running.parts.intake.close()
    told = await answer(lookout, ACKNOWLEDGE, id=open_id)
    (error,) = told["errors"]
    assert error["extensions"]["code"] == "UNAVAILABLE"
    assert error["extensions"]["retryAfter"] == 1
