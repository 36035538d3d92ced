"""Events: past-tense facts about incidents. The log is made of them, and everything else is folded from them."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec
import uuid_utils

from lookout.alerts.alert import Alert, AlertStatus
from lookout.alerts.severity import Severity
from lookout.incidents.incident import Incident, Resolution
from lookout.incidents.investigation import Investigation

SCHEMA_VERSION = 1
FIRST_ALERTS = 5
"""How many alerts an event names in itself; all of them are in its `event_alerts` rows."""

_EVENT_IDS = uuid_utils.uuid5(uuid_utils.NAMESPACE_URL, "urn:lookout:event")


class EventType(StrEnum):
    OPENED = "incident_opened"
    ESCALATED = "incident_escalated"
    ALERTS_CHANGED = "incident_alerts_changed"
    ACKNOWLEDGED = "incident_acknowledged"
    ASSIGNED = "incident_assigned"
    RESOLVED = "incident_resolved"
    REOPENED = "incident_reopened"
    NOTE_ADDED = "incident_note_added"
    INVESTIGATION_ATTACHED = "incident_investigation_attached"
    FLAPPING_ENDED = "incident_flapping_ended"


class AlertChange(msgspec.Struct, frozen=True, gc=False):
    """What an event says about one alert: it began to fire at `starts_at`, or the firing ended at `ends_at`.

    `alert` is what was received, None for an end. `is_new` says that the incident has not had this alert before.
    An end with an alert is a firing that has passed before it was told: both are told at once.
    """

    fingerprint: str
    status: AlertStatus
    starts_at: datetime
    ends_at: datetime | None
    alert: Alert | None = None
    is_new: bool = False

    @property
    def has_passed(self) -> bool:
        return self.alert is not None and self.status is AlertStatus.RESOLVED


class AlertBrief(msgspec.Struct, frozen=True):
    """One of the first alerts of an event, for whoever reads only the event."""

    fingerprint: str
    status: AlertStatus
    name: str


class AlertsDelta(msgspec.Struct, frozen=True):
    """What an event changes about the incident's alerts: counts, and the first few by name."""

    started: int = 0
    ended: int = 0
    new: int = 0
    first: tuple[AlertBrief, ...] = ()


class Opened(msgspec.Struct, frozen=True, tag_field="kind", tag="opened"):
    """`rule` is the name of the policy rule that grouped its alerts, "" for none, and `policy_version` of which policy.

    Both are "" too in events from before they were recorded.
    """

    dedup_key: str
    severity: Severity
    title: str
    summary: str
    labels: Mapping[str, str]
    started_at: datetime
    alerts: AlertsDelta
    previous_incident_id: str | None = None
    rule: str = ""
    policy_version: str = ""


class Escalated(msgspec.Struct, frozen=True, tag_field="kind", tag="escalated"):
    """`before` and `severity` are the severities before and after."""

    before: Severity
    severity: Severity
    started_at: datetime
    alerts: AlertsDelta


class AlertsChanged(msgspec.Struct, frozen=True, tag_field="kind", tag="alerts_changed"):
    """`started_at` is the incident's earliest start, which an alert that joins late can move back."""

    started_at: datetime
    alerts: AlertsDelta


class Reopened(msgspec.Struct, frozen=True, tag_field="kind", tag="reopened"):
    """`flapping_until` is set if the incident flaps, `state_changes` are the last ones that say so."""

    severity: Severity
    summary: str
    alerts: AlertsDelta
    flapping_until: datetime | None = None
    state_changes: tuple[datetime, ...] = ()


class Resolved(msgspec.Struct, frozen=True, tag_field="kind", tag="resolved"):
    """`by` is who resolved it, for the resolution `operator`. The last two are as in `Reopened`."""

    resolution: Resolution
    alerts: AlertsDelta
    by: str | None = None
    reason: str = ""
    flapping_until: datetime | None = None
    state_changes: tuple[datetime, ...] = ()


class Acknowledged(msgspec.Struct, frozen=True, tag_field="kind", tag="acknowledged"):
    by: str


class Assigned(msgspec.Struct, frozen=True, tag_field="kind", tag="assigned"):
    """`assignee` None: it belongs to nobody again."""

    assignee: str | None
    by: str


class NoteAdded(msgspec.Struct, frozen=True, tag_field="kind", tag="note_added"):
    """`text` is as the author wrote it, Markdown at most, and data everywhere."""

    text: str
    by: str


class InvestigationAttached(msgspec.Struct, frozen=True, tag_field="kind", tag="investigation_attached"):
    """`summary` is the beginning of the investigation's, on one line; the whole is read from the incident."""

    report_id: str
    investigator: str
    summary: str
    confidence: float | None
    link: str
    by: str


class FlappingEnded(msgspec.Struct, frozen=True, tag_field="kind", tag="flapping_ended"):
    """The incident has been calm for long enough."""


Change = (
    Opened
    | Escalated
    | AlertsChanged
    | Reopened
    | Resolved
    | Acknowledged
    | Assigned
    | NoteAdded
    | InvestigationAttached
    | FlappingEnded
)

EVENT_TYPES: Mapping[type[Change], EventType] = {
    Opened: EventType.OPENED,
    Escalated: EventType.ESCALATED,
    AlertsChanged: EventType.ALERTS_CHANGED,
    Reopened: EventType.REOPENED,
    Resolved: EventType.RESOLVED,
    Acknowledged: EventType.ACKNOWLEDGED,
    Assigned: EventType.ASSIGNED,
    NoteAdded: EventType.NOTE_ADDED,
    InvestigationAttached: EventType.INVESTIGATION_ATTACHED,
    FlappingEnded: EventType.FLAPPING_ENDED,
}


BY_ALERTS = (
    EventType.OPENED,
    EventType.ESCALATED,
    EventType.ALERTS_CHANGED,
    EventType.REOPENED,
    EventType.RESOLVED,
)
"""What alerts do to an incident. How much of it is told is bounded."""


class Fact(msgspec.Struct, frozen=True):
    """Something decided that has no place in the log yet. `occurred_at` is the source's time where it has one."""

    occurred_at: datetime
    change: Change
    alerts: tuple[AlertChange, ...] = ()
    investigation: Investigation | None = None


class Event(msgspec.Struct, frozen=True):
    """A fact with its place in its tenant's log. `recorded_at` is Lookout's time."""

    tenant_id: str
    position: int
    event_id: str
    event_type: EventType
    incident_id: str
    occurred_at: datetime
    recorded_at: datetime
    change: Change


class Record(msgspec.Struct, frozen=True):
    """An event, the incident as it was after it, and all that it is about: one entry of the log.

    That are its alerts, or the investigation that was attached.
    """

    event: Event
    incident: Incident
    alerts: tuple[AlertChange, ...] = ()
    investigation: Investigation | None = None


class FeedEvent(msgspec.Struct, frozen=True):
    """The one shape in which every surface shows an event."""

    schema_version: int
    event_id: str
    event_type: EventType
    tenant_id: str
    position: int
    occurred_at: datetime
    recorded_at: datetime
    incident: Incident
    change: Change


def feed_event(event: Event, incident: Incident) -> FeedEvent:
    """An event with the incident as it was after it, as it is shown."""
    return FeedEvent(
        schema_version=SCHEMA_VERSION,
        event_id=event.event_id,
        event_type=event.event_type,
        tenant_id=event.tenant_id,
        position=event.position,
        occurred_at=event.occurred_at,
        recorded_at=event.recorded_at,
        incident=incident,
        change=event.change,
    )


def event_id(tenant_id: str, position: int) -> str:
    """The id of the event at `position`: a reader that sees a record twice can tell by it."""
    return str(uuid_utils.uuid5(_EVENT_IDS, f"{tenant_id}/{position}"))


def number(fact: Fact, tenant_id: str, position: int, incident_id: str, now: datetime) -> Event:
    """The event that `fact` becomes at `position`."""
    return Event(
        tenant_id=tenant_id,
        position=position,
        event_id=event_id(tenant_id, position),
        event_type=EVENT_TYPES[type(fact.change)],
        incident_id=incident_id,
        occurred_at=fact.occurred_at,
        recorded_at=now,
        change=fact.change,
    )
