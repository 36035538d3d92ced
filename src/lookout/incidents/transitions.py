"""The life of an incident as a table: in which status, what can happen, which event tells it, what is so after it.

`decide` looks everything up here, `evolve` must agree, and the diagram in docs/architecture.md is drawn from it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from lookout.incidents.events import EventType
from lookout.incidents.incident import Status


class Stimulus(StrEnum):
    """What can happen to an incident."""

    START = "an alert starts"
    RISE = "a worse alert starts"
    END = "an alert ends, others fire"
    LAST_END = "the last alert ends"
    PASSING = "an alert that began and ended is told"
    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    RESOLVE = "resolve"
    NOTE = "note"
    INVESTIGATION = "attach an investigation"
    CALM = "it flaps no more"


class Reason(StrEnum):
    """Why a decision is what it is. It reaches the answer, the metrics and the logs."""

    OPENED = "opened"
    JOINED = "joined"
    ESCALATED = "escalated"
    REOPENED = "reopened"
    LEFT = "left"
    RESOLVED = "resolved"

    DUPLICATE = "duplicate"
    """A repeat of what is known: silent."""
    HELD = "held"
    """One sender says that it ended, another one's lease still holds it."""
    STALE = "stale"
    """A late message about a firing that has ended."""
    CLOSED = "closed"
    """A repeat of a firing that an operator resolved."""
    UNKNOWN_RESOLVE = "unknown_resolve"
    """The end of something that was never told to have begun."""
    HEARTBEAT = "heartbeat"
    """A sign of its source's life, which is no incident."""

    POSTPONED = "postponed"
    """Its incident has told enough for the moment: it is told with others, if it is still so then."""
    PASSED = "passed"
    """The alert ended before its beginning was told."""

    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    NOTED = "noted"
    INVESTIGATED = "investigated"
    ALREADY = "already"
    """What was asked for is so already."""
    NOT_OPEN = "not_open"
    """A resolved incident cannot be acknowledged."""
    FULL = "full"
    """The incident has as many investigations as it takes."""
    CALMED = "calmed"
    """An incident that was flapping has been calm for long enough."""


REASONS_OF_ALERTS = tuple(Reason)[: tuple(Reason).index(Reason.PASSED) + 1]
"""Why something was decided about an alert. The others are of what people do, and of an incident that is calm again."""

_REASONS_OF_STARTS: Mapping[EventType, Reason] = {
    EventType.OPENED: Reason.OPENED,
    EventType.ESCALATED: Reason.ESCALATED,
    EventType.REOPENED: Reason.REOPENED,
}


def reason_of(event_type: EventType, *, started: bool) -> Reason:
    """Why an alert that an event is about started, or ended, in it."""
    if started:
        return _REASONS_OF_STARTS.get(event_type, Reason.JOINED)
    return Reason.RESOLVED if event_type is EventType.RESOLVED else Reason.LEFT


class Step(NamedTuple):
    """What follows: the event, None if nothing changes; the status after it; the reason."""

    event_type: EventType | None
    status: Status
    reason: Reason


_FIRING, _ACKNOWLEDGED, _RESOLVED = Status.FIRING, Status.ACKNOWLEDGED, Status.RESOLVED

TRANSITIONS: Mapping[tuple[Status | None, Stimulus], Step] = {
    (None, Stimulus.START): Step(EventType.OPENED, _FIRING, Reason.OPENED),
    (_FIRING, Stimulus.START): Step(EventType.ALERTS_CHANGED, _FIRING, Reason.JOINED),
    (_FIRING, Stimulus.RISE): Step(EventType.ESCALATED, _FIRING, Reason.ESCALATED),
    (_FIRING, Stimulus.END): Step(EventType.ALERTS_CHANGED, _FIRING, Reason.LEFT),
    (_FIRING, Stimulus.LAST_END): Step(EventType.RESOLVED, _RESOLVED, Reason.RESOLVED),
    (_FIRING, Stimulus.PASSING): Step(EventType.ALERTS_CHANGED, _FIRING, Reason.PASSED),
    (_FIRING, Stimulus.ACKNOWLEDGE): Step(EventType.ACKNOWLEDGED, _ACKNOWLEDGED, Reason.ACKNOWLEDGED),
    (_FIRING, Stimulus.ASSIGN): Step(EventType.ASSIGNED, _FIRING, Reason.ASSIGNED),
    (_FIRING, Stimulus.RESOLVE): Step(EventType.RESOLVED, _RESOLVED, Reason.RESOLVED),
    (_FIRING, Stimulus.NOTE): Step(EventType.NOTE_ADDED, _FIRING, Reason.NOTED),
    (_FIRING, Stimulus.INVESTIGATION): Step(EventType.INVESTIGATION_ATTACHED, _FIRING, Reason.INVESTIGATED),
    (_FIRING, Stimulus.CALM): Step(EventType.FLAPPING_ENDED, _FIRING, Reason.CALMED),
    (_ACKNOWLEDGED, Stimulus.START): Step(EventType.ALERTS_CHANGED, _ACKNOWLEDGED, Reason.JOINED),
    (_ACKNOWLEDGED, Stimulus.RISE): Step(EventType.ESCALATED, _ACKNOWLEDGED, Reason.ESCALATED),
    (_ACKNOWLEDGED, Stimulus.END): Step(EventType.ALERTS_CHANGED, _ACKNOWLEDGED, Reason.LEFT),
    (_ACKNOWLEDGED, Stimulus.LAST_END): Step(EventType.RESOLVED, _RESOLVED, Reason.RESOLVED),
    (_ACKNOWLEDGED, Stimulus.PASSING): Step(EventType.ALERTS_CHANGED, _ACKNOWLEDGED, Reason.PASSED),
    (_ACKNOWLEDGED, Stimulus.ACKNOWLEDGE): Step(None, _ACKNOWLEDGED, Reason.ALREADY),
    (_ACKNOWLEDGED, Stimulus.ASSIGN): Step(EventType.ASSIGNED, _ACKNOWLEDGED, Reason.ASSIGNED),
    (_ACKNOWLEDGED, Stimulus.RESOLVE): Step(EventType.RESOLVED, _RESOLVED, Reason.RESOLVED),
    (_ACKNOWLEDGED, Stimulus.NOTE): Step(EventType.NOTE_ADDED, _ACKNOWLEDGED, Reason.NOTED),
    (_ACKNOWLEDGED, Stimulus.INVESTIGATION): Step(EventType.INVESTIGATION_ATTACHED, _ACKNOWLEDGED, Reason.INVESTIGATED),
    (_ACKNOWLEDGED, Stimulus.CALM): Step(EventType.FLAPPING_ENDED, _ACKNOWLEDGED, Reason.CALMED),
    (_RESOLVED, Stimulus.START): Step(EventType.REOPENED, _FIRING, Reason.REOPENED),
    (_RESOLVED, Stimulus.PASSING): Step(EventType.ALERTS_CHANGED, _RESOLVED, Reason.PASSED),
    (_RESOLVED, Stimulus.ACKNOWLEDGE): Step(None, _RESOLVED, Reason.NOT_OPEN),
    (_RESOLVED, Stimulus.ASSIGN): Step(EventType.ASSIGNED, _RESOLVED, Reason.ASSIGNED),
    (_RESOLVED, Stimulus.RESOLVE): Step(None, _RESOLVED, Reason.ALREADY),
    (_RESOLVED, Stimulus.NOTE): Step(EventType.NOTE_ADDED, _RESOLVED, Reason.NOTED),
    (_RESOLVED, Stimulus.INVESTIGATION): Step(EventType.INVESTIGATION_ATTACHED, _RESOLVED, Reason.INVESTIGATED),
    (_RESOLVED, Stimulus.CALM): Step(EventType.FLAPPING_ENDED, _RESOLVED, Reason.CALMED),
}
