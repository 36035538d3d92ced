"""What is so after an event, and what no log can hold."""

import msgspec
import pytest
from tests.unit.stories import Story
from tests.unit.times import NOW, at

from lookout.alerts.alert import AlertStatus
from lookout.alerts.severity import Severity
from lookout.incidents.events import (
    AlertChange,
    AlertsDelta,
    Event,
    Fact,
    InvestigationAttached,
    NoteAdded,
    Opened,
    event_id,
    number,
)
from lookout.incidents.evolve import evolve
from lookout.incidents.incident import Status
from lookout.incidents.ledger import alert_after

OPENING = Opened("key", Severity.ERROR, "title", "summary", {"a": "b"}, at(-1), AlertsDelta(3, 1, 3), "incident-0")


def _event(fact: Fact, position: int = 7) -> Event:
    return number(fact, "acme", position, "incident-1", NOW)


def test_an_opening_says_all_there_is() -> None:
    incident = evolve(None, _event(Fact(at(-1), OPENING)))
    assert (incident.id, incident.tenant_id, incident.dedup_key) == ("incident-1", "acme", "key")
    assert (incident.status, incident.severity) == (Status.FIRING, Severity.ERROR)
    assert (incident.opened_position, incident.position, incident.updated_at) == (7, 7, NOW)
    assert (incident.firing_alerts, incident.total_alerts) == (2, 3)
    assert incident.previous_incident_id == "incident-0"


def test_each_event_moves_position_and_time_and_a_note_nothing_else() -> None:
    before = evolve(None, _event(Fact(at(-1), OPENING)))
    after = evolve(before, number(Fact(NOW, NoteAdded("text", "ann")), "acme", 9, before.id, at(1)))
    assert after == msgspec.structs.replace(before, position=9, updated_at=at(1))


def test_an_investigation_is_counted_and_moves_nothing_else() -> None:
    before = evolve(None, _event(Fact(at(-1), OPENING)))
    attached = InvestigationAttached("report-1", "skipper", "the disk is full", 0.5, "", "ann")
    after = evolve(before, number(Fact(NOW, attached), "acme", 9, before.id, at(1)))
    assert after == msgspec.structs.replace(before, position=9, updated_at=at(1), investigation_count=1)


def test_an_incident_cannot_begin_with_anything_but_its_opening() -> None:
    with pytest.raises(AssertionError, match="not its opening"):
        evolve(None, _event(Fact(NOW, NoteAdded("text", "ann"))))


def test_the_end_of_an_alert_that_never_began_is_refused() -> None:
    change = AlertChange("f", AlertStatus.RESOLVED, NOW, NOW)
    with pytest.raises(AssertionError, match="ends before it began"):
        alert_after(None, change, _event(Fact(NOW, OPENING)))


def test_an_end_keeps_what_was_received_when_the_alert_began() -> None:
    story = Story()
    story.fires(since=0)
    [before] = story.ledger.alerts.values()
    story.passes(1)
    story.resolves(since=0)
    [after] = story.ledger.alerts.values()
    assert after.alert == before.alert
    assert (after.status, after.starts_at, after.ends_at, after.position) == (AlertStatus.RESOLVED, at(0), at(1), 2)


def test_i12_event_ids_are_stable_and_tell_tenants_and_positions_apart() -> None:
    assert event_id("acme", 1) == event_id("acme", 1)
    ids = {event_id(tenant, position) for tenant in ("acme", "acme/1", "b") for position in range(1, 20)}
    assert len(ids) == 57
