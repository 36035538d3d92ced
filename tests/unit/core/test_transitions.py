"""The table of an incident's life is complete, and `evolve` agrees with it."""

from itertools import product

import pytest
from tests.unit.times import NOW

from lookout.alerts.severity import Severity
from lookout.incidents.events import (
    EVENT_TYPES,
    Acknowledged,
    AlertsChanged,
    AlertsDelta,
    Assigned,
    Change,
    Escalated,
    EventType,
    Fact,
    FlappingEnded,
    InvestigationAttached,
    NoteAdded,
    Opened,
    Reopened,
    Resolved,
    number,
)
from lookout.incidents.evolve import evolve
from lookout.incidents.incident import Incident, Resolution, Status
from lookout.incidents.transitions import TRANSITIONS, Reason, Stimulus, reason_of

IMPOSSIBLE = {
    (None, Stimulus.RISE): "there is no severity to rise from: it opens",
    (None, Stimulus.END): "an alert that ends has an incident",
    (None, Stimulus.LAST_END): "an alert that ends has an incident",
    (None, Stimulus.ACKNOWLEDGE): "people act on incidents",
    (None, Stimulus.ASSIGN): "people act on incidents",
    (None, Stimulus.RESOLVE): "people act on incidents",
    (None, Stimulus.NOTE): "people act on incidents",
    (None, Stimulus.INVESTIGATION): "an investigation is about an incident",
    (None, Stimulus.PASSING): "what waits has an incident",
    (None, Stimulus.CALM): "what does not exist does not flap",
    (Status.RESOLVED, Stimulus.RISE): "an incident that reopens takes the severity of what reopens it",
    (Status.RESOLVED, Stimulus.END): "no alert of a resolved incident fires",
    (Status.RESOLVED, Stimulus.LAST_END): "no alert of a resolved incident fires",
}

DELTA = AlertsDelta(started=1, new=1)
CHANGES: dict[EventType, Change] = {
    EventType.OPENED: Opened("key", Severity.WARNING, "title", "summary", {}, NOW, DELTA),
    EventType.ESCALATED: Escalated(Severity.WARNING, Severity.ERROR, NOW, DELTA),
    EventType.ALERTS_CHANGED: AlertsChanged(NOW, DELTA),
    EventType.REOPENED: Reopened(Severity.INFO, "summary", DELTA),
    EventType.RESOLVED: Resolved(Resolution.SOURCE, AlertsDelta(ended=1)),
    EventType.ACKNOWLEDGED: Acknowledged("ann"),
    EventType.ASSIGNED: Assigned("bob", "ann"),
    EventType.NOTE_ADDED: NoteAdded("text", "ann"),
    EventType.INVESTIGATION_ATTACHED: InvestigationAttached("report", "skipper", "text", None, "", "ann"),
    EventType.FLAPPING_ENDED: FlappingEnded(),
}
LIVES: dict[Status | None, list[EventType]] = {
    None: [],
    Status.FIRING: [EventType.OPENED],
    Status.ACKNOWLEDGED: [EventType.OPENED, EventType.ACKNOWLEDGED],
    Status.RESOLVED: [EventType.OPENED, EventType.RESOLVED],
}


def _after(events: list[EventType]) -> Incident | None:
    incident = None
    for position, event_type in enumerate(events, start=1):
        incident = evolve(incident, number(Fact(NOW, CHANGES[event_type]), "acme", position, "incident-1", NOW))
    return incident


def test_each_status_and_stimulus_is_in_the_table_or_impossible_for_a_reason() -> None:
    assert TRANSITIONS.keys() | IMPOSSIBLE.keys() == set(product([None, *Status], Stimulus))
    assert not TRANSITIONS.keys() & IMPOSSIBLE.keys()


@pytest.mark.parametrize(("status", "stimulus"), [pair for pair, step in TRANSITIONS.items() if step.event_type])
def test_evolve_agrees_with_the_table(status: Status | None, stimulus: Stimulus) -> None:
    step = TRANSITIONS[status, stimulus]
    assert step.event_type is not None
    after = _after([*LIVES[status], step.event_type])
    assert after is not None
    assert after.status is step.status


@pytest.mark.parametrize(("status", "stimulus"), [pair for pair, step in TRANSITIONS.items() if not step.event_type])
def test_where_nothing_is_told_the_status_stays(status: Status | None, stimulus: Stimulus) -> None:
    assert TRANSITIONS[status, stimulus].status is status


def test_each_event_type_has_its_change_and_stands_in_the_table() -> None:
    assert set(EVENT_TYPES.values()) == set(EventType)
    assert {EVENT_TYPES[type(change)] for change in CHANGES.values()} == set(EventType)
    assert {step.event_type for step in TRANSITIONS.values()} - {None} == set(EventType)


def test_only_a_start_leads_out_of_resolved() -> None:
    steps = {stimulus: step for (status, stimulus), step in TRANSITIONS.items() if status is Status.RESOLVED}
    assert {stimulus for stimulus, step in steps.items() if step.status is not Status.RESOLVED} == {Stimulus.START}


def test_the_reason_of_a_change_can_be_read_from_its_event() -> None:
    """So that nothing but the log has to keep it."""
    starts = {Stimulus.START, Stimulus.RISE}
    ends = {Stimulus.END, Stimulus.LAST_END}
    for (_, stimulus), step in TRANSITIONS.items():
        if stimulus in starts | ends and step.event_type is not None:
            assert reason_of(step.event_type, started=stimulus in starts) is step.reason
    for event_type in (EventType.OPENED, EventType.ESCALATED, EventType.ALERTS_CHANGED, EventType.REOPENED):
        assert reason_of(event_type, started=False) is Reason.LEFT
