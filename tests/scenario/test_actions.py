"""What people do to an incident over REST: each is a fact with a name on it."""

import pytest
from tests.driver import Driver

from lookout.incidents.events import Acknowledged, Assigned, NoteAdded, Resolved
from lookout.incidents.incident import Incident, Resolution, Status


@pytest.fixture
async def incident(lookout: Driver) -> Incident:
    await lookout.fires(job="a")
    return await lookout.only_incident()


async def test_acknowledge_is_answered_with_the_incident_and_names_who_did(lookout: Driver, incident: Incident) -> None:
    lookout.clock.move(minutes=3)
    answer = await lookout.act(incident.id, "acknowledge")
    acknowledged = await lookout.only_incident()
    assert answer.status_code == 200
    assert answer.json()["position"] == acknowledged.position == 2
    assert acknowledged.status is Status.ACKNOWLEDGED
    assert (acknowledged.acknowledged_by, acknowledged.acknowledged_at) == ("jo", lookout.clock.now())
    assert (await lookout.feed())[-1].change == Acknowledged("jo")


async def test_i7_the_same_action_again_adds_no_event(lookout: Driver, incident: Incident) -> None:
    for action, arguments in (("acknowledge", {}), ("assign", {"assignee": "kim"}), ("resolve", {"reason": "x"})):
        first = await lookout.act(incident.id, action, **arguments)
        again = await lookout.act(incident.id, action, **arguments)
        assert (again.status_code, again.json()) == (200, first.json())
    assert await lookout.types() == ["opened", "acknowledged", "assigned", "resolved"]


async def test_assign_gives_it_to_somebody_and_null_to_nobody(lookout: Driver, incident: Incident) -> None:
    await lookout.act(incident.id, "assign", assignee="kim")
    assert (await lookout.only_incident()).assignee == "kim"
    await lookout.act(incident.id, "assign", assignee=None)
    assert (await lookout.only_incident()).assignee is None
    assert [event.change for event in await lookout.feed(after=1)] == [Assigned("kim", "jo"), Assigned(None, "jo")]


async def test_resolve_ends_it_with_its_alerts_and_the_reason(lookout: Driver, incident: Incident) -> None:
    await lookout.act(incident.id, "resolve", reason="switched off")
    resolved = await lookout.only_incident()
    assert (resolved.status, resolved.resolution, resolved.resolved_by) == (Status.RESOLVED, Resolution.OPERATOR, "jo")
    assert resolved.firing_alerts == 0
    change = (await lookout.feed())[-1].change
    assert isinstance(change, Resolved)
    assert (change.by, change.reason) == ("jo", "switched off")
    assert [alert.ends_at for alert in await lookout.alerts_of(incident.id)] == [lookout.clock.now()]


async def test_a_note_stands_in_the_timeline_and_changes_nothing_else(lookout: Driver, incident: Incident) -> None:
    await lookout.act(incident.id, "notes", text="looking\nat it")
    assert (await lookout.feed())[-1].change == NoteAdded("looking\nat it", "jo")
    noted = await lookout.only_incident()
    assert (noted.status, noted.position) == (Status.FIRING, 2)


async def test_a_resolved_incident_takes_notes_and_no_acknowledgement(lookout: Driver, incident: Incident) -> None:
    await lookout.act(incident.id, "resolve")
    refused = await lookout.act(incident.id, "acknowledge")
    assert refused.status_code == 409
    assert refused.json() == {"error": "the incident is resolved: only an open one can be acknowledged"}
    assert (await lookout.act(incident.id, "notes", text="it was the disk")).status_code == 200


async def test_who_does_not_say_their_name_is_called_local(lookout: Driver, incident: Incident) -> None:
    answer = await lookout.http.post(f"/v1/incidents/{incident.id}/acknowledge", json={})
    assert answer.json()["acknowledged_by"] == "local"
