"""What is so after an event. Folding the log with this gives every incident (I5)."""

from typing import assert_never

from msgspec.structs import replace

from lookout.incidents.events import (
    Acknowledged,
    AlertsChanged,
    AlertsDelta,
    Assigned,
    Escalated,
    Event,
    FlappingEnded,
    InvestigationAttached,
    NoteAdded,
    Opened,
    Reopened,
    Resolved,
)
from lookout.incidents.incident import Incident, Status

_Later = (
    Escalated
    | AlertsChanged
    | Reopened
    | Resolved
    | Acknowledged
    | Assigned
    | NoteAdded
    | InvestigationAttached
    | FlappingEnded
)


def evolve(incident: Incident | None, event: Event) -> Incident:
    """The incident after `event`. An incident's first event is an `Opened`, all others need the incident before."""
    change = event.change
    if isinstance(change, Opened):
        return _open(event, change)
    assert incident is not None, f"the first event of {event.incident_id} is {event.event_type}, not its opening"
    return _change(replace(incident, position=event.position, updated_at=event.recorded_at), change, event)


def _open(event: Event, change: Opened) -> Incident:
    return Incident(
        id=event.incident_id,
        tenant_id=event.tenant_id,
        dedup_key=change.dedup_key,
        status=Status.FIRING,
        severity=change.severity,
        title=change.title,
        summary=change.summary,
        labels=change.labels,
        started_at=change.started_at,
        opened_position=event.position,
        position=event.position,
        updated_at=event.recorded_at,
        firing_alerts=change.alerts.started - change.alerts.ended,
        total_alerts=change.alerts.new,
        previous_incident_id=change.previous_incident_id,
        rule=change.rule,
        policy_version=change.policy_version,
    )


def _change(incident: Incident, change: _Later, event: Event) -> Incident:
    match change:
        case Escalated():
            after = replace(_count(incident, change.alerts), severity=change.severity, started_at=change.started_at)
        case AlertsChanged():
            after = replace(_count(incident, change.alerts), started_at=change.started_at)
        case Reopened():
            after = replace(
                _swing(_count(incident, change.alerts), change),
                status=Status.FIRING,
                severity=change.severity,
                summary=change.summary,
                reopen_count=incident.reopen_count + 1,
                acknowledged_at=None,
                acknowledged_by=None,
                resolved_at=None,
                resolution=None,
                resolved_by=None,
            )
        case Resolved():
            after = replace(
                _swing(_count(incident, change.alerts), change),
                status=Status.RESOLVED,
                resolved_at=event.occurred_at,
                resolution=change.resolution,
                resolved_by=change.by,
            )
        case Acknowledged(by=by):
            after = replace(incident, status=Status.ACKNOWLEDGED, acknowledged_at=event.occurred_at, acknowledged_by=by)
        case Assigned(assignee=assignee):
            after = replace(incident, assignee=assignee)
        case NoteAdded():
            after = incident
        case InvestigationAttached():
            after = replace(incident, investigation_count=incident.investigation_count + 1)
        case FlappingEnded():
            after = replace(incident, flapping=False, flapping_until=None)
        case _:
            assert_never(change)
    return after


def _count(incident: Incident, alerts: AlertsDelta) -> Incident:
    return replace(
        incident,
        firing_alerts=incident.firing_alerts + alerts.started - alerts.ended,
        total_alerts=incident.total_alerts + alerts.new,
    )


def _swing(incident: Incident, change: Reopened | Resolved) -> Incident:
    return replace(
        incident,
        flapping=change.flapping_until is not None,
        flapping_until=change.flapping_until,
        state_changes=change.state_changes,
    )
