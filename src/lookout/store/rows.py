"""Rows as the domain's values, and back."""

from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from lookout.alerts.alert import Alert, AlertStatus, LabelSet
from lookout.incidents.events import (
    AlertChange,
    Change,
    Event,
    EventType,
    FeedEvent,
    InvestigationAttached,
    Record,
    feed_event,
)
from lookout.incidents.heartbeat import Heartbeat
from lookout.incidents.incident import Incident, Resolution
from lookout.incidents.lease import Lease
from lookout.incidents.ledger import AlertState
from lookout.incidents.postponed import Postponed
from lookout.sources import known_again
from lookout.store import jsonb

_TEXTS = dict[str, str]
_CHANGE: msgspec.json.Decoder[Change] = msgspec.json.Decoder(Change)
_INCIDENT_FIELDS = Incident.__struct_fields__


def incident_of(row: asyncpg.Record) -> Incident:
    """The incident of a row of `incidents`."""
    fields = {name: row[name] for name in _INCIDENT_FIELDS if name != "flapping"}
    fields["flapping"] = row["flapping_until"] is not None
    fields["state_changes"] = jsonb.loads(row["state_changes"], tuple[datetime, ...])
    fields["id"] = str(row["id"])
    fields["previous_incident_id"] = str(row["previous_incident_id"]) if row["previous_incident_id"] else None
    fields["labels"] = _labels_of(row)
    return msgspec.convert(fields, Incident)


def incident_values(incident: Incident) -> tuple[Any, ...]:
    """The arguments of `write_incidents` for one incident, in its order."""
    return (
        incident.id,
        incident.tenant_id,
        incident.dedup_key,
        incident.status,
        incident.severity,
        incident.title,
        incident.summary,
        jsonb.dumps(incident.labels),
        incident.started_at,
        incident.opened_position,
        incident.position,
        incident.updated_at,
        incident.firing_alerts,
        incident.total_alerts,
        incident.reopen_count,
        incident.acknowledged_at,
        incident.acknowledged_by,
        incident.assignee,
        incident.resolved_at,
        incident.resolution,
        incident.resolved_by,
        incident.previous_incident_id,
        incident.investigation_count,
        incident.rule,
        incident.policy_version,
        incident.flapping_until,
        jsonb.dumps(incident.state_changes),
    )


def alert_state_of(row: asyncpg.Record) -> AlertState:
    """The alert of a row of `alerts`."""
    return AlertState(
        fingerprint=row["fingerprint"],
        status=AlertStatus(row["status"]),
        incident_id=str(row["incident_id"]),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        position=row["position"],
        alert=_alert_of(row),
    )


def alert_values(tenant_id: str, state: AlertState) -> tuple[Any, ...]:
    """The arguments of `write_alerts` for one alert, in its order."""
    alert = state.alert
    return (
        tenant_id,
        state.fingerprint,
        state.status,
        state.incident_id,
        state.starts_at,
        state.ends_at,
        state.position,
        alert.source,
        jsonb.dumps(alert.labels),
        jsonb.dumps(alert.annotations),
        jsonb.escape(alert.generator_url),
    )


def lease_of(row: asyncpg.Record) -> Lease:
    """The lease of a row of `leases`."""
    return Lease(
        source=row["source"],
        replica=row["replica"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        promised=row["promised"],
        last_received_at=row["last_received_at"],
        resolved_at=row["resolved_at"],
        expired=row["expired"],
        closed_at=row["closed_at"],
        annotations=jsonb.loads(row["annotations"], _TEXTS) if row["annotations"] is not None else None,
    )


def postponed_of(row: asyncpg.Record) -> Postponed:
    """What is postponed, of a row of `postponed_alerts`."""
    change = AlertChange(
        fingerprint=row["fingerprint"],
        status=AlertStatus(row["status"]),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        alert=_alert_of(row) if row["labels"] is not None else None,
    )
    return Postponed(row["dedup_key"], row["due_at"], change, Resolution(row["resolution"]))


def postponed_values(tenant_id: str, postponed: Postponed) -> tuple[Any, ...]:
    """The arguments of `write_postponed_alerts` for one alert, in its order."""
    change = postponed.change
    alert = change.alert
    return (
        tenant_id,
        change.fingerprint,
        postponed.dedup_key,
        postponed.due_at,
        change.status,
        change.starts_at,
        change.ends_at,
        postponed.resolution,
        *(_alert_values(alert) if alert is not None else _NO_ALERT),
    )


def heartbeat_of(row: asyncpg.Record) -> Heartbeat:
    """The heartbeat of a row of `heartbeats`."""
    return Heartbeat(
        source=row["source"],
        fingerprint=row["fingerprint"],
        labels=_labels_of(row),
        last_received_at=row["last_received_at"],
        due_at=row["due_at"],
        silent_since=row["silent_since"],
        heard_since=row["heard_since"],
    )


def heartbeat_values(tenant_id: str, heartbeat: Heartbeat) -> tuple[Any, ...]:
    """The arguments of `write_heartbeats` for one heartbeat, in its order."""
    return (
        tenant_id,
        heartbeat.source,
        heartbeat.fingerprint,
        jsonb.dumps(heartbeat.labels),
        jsonb.dumps(heartbeat.covering),
        heartbeat.last_received_at,
        heartbeat.due_at,
        heartbeat.silent_since,
        heartbeat.heard_since,
    )


def event_values(record: Record) -> tuple[Any, ...]:
    """The arguments of `append_events` for one record, in its order."""
    event = record.event
    return (
        event.tenant_id,
        event.position,
        event.event_id,
        event.incident_id,
        event.event_type,
        event.occurred_at,
        event.recorded_at,
        jsonb.dumps(record.incident),
        jsonb.dumps(event.change),
    )


def event_alert_values(record: Record) -> list[tuple[Any, ...]]:
    """The arguments of `append_event_alerts` for the alerts of one record, in its order."""
    event = record.event
    return [
        (
            event.tenant_id,
            event.position,
            change.fingerprint,
            change.status,
            change.starts_at,
            change.ends_at,
            change.is_new,
            *(_alert_values(change.alert) if change.alert is not None else _NO_ALERT),
        )
        for change in record.alerts
    ]


_NO_ALERT = (None, None, None, None)


def _alert_values(alert: Alert) -> tuple[Any, ...]:
    return (
        alert.source,
        jsonb.dumps(alert.labels),
        jsonb.dumps(alert.annotations),
        jsonb.escape(alert.generator_url),
    )


def investigation_values(record: Record) -> list[tuple[Any, ...]]:
    """The arguments of `append_investigations` for the investigation of one record, in its order; none without one."""
    event, found = record.event, record.investigation
    if found is None:
        return []
    assert isinstance(event.change, InvestigationAttached)
    return [
        (
            event.tenant_id,
            event.position,
            event.incident_id,
            found.report_id,
            found.investigator,
            found.summary,
            found.root_cause,
            jsonb.dumps(found.recommendations),
            found.confidence,
            found.link,
            event.recorded_at,
            event.change.by,
        )
    ]


def event_of(row: asyncpg.Record) -> Event:
    """The event of a row of `events`, to fold."""
    return Event(
        tenant_id=row["tenant_id"],
        position=row["position"],
        event_id=str(row["event_id"]),
        event_type=EventType(row["event_type"]),
        incident_id=str(row["incident_id"]),
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
        change=_CHANGE.decode(jsonb.given_back(row["change"])),
    )


def feed_event_of(row: asyncpg.Record) -> FeedEvent:
    """The event of a row of `events`, in the shape that every surface shows."""
    return feed_event(event_of(row), jsonb.loads(row["incident"], Incident))


def alert_change_of(row: asyncpg.Record) -> AlertChange:
    """The change of a row of `event_alerts`."""
    return AlertChange(
        fingerprint=row["fingerprint"],
        status=AlertStatus(row["status"]),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        alert=_alert_of(row) if row["labels"] is not None else None,
        is_new=row["is_new"],
    )


def _alert_of(row: asyncpg.Record) -> Alert:
    """What was received when a firing began, as far as it is kept: the lease's part of it is in `leases`."""
    return Alert(
        source=row["source"],
        label_set=label_set_of(row),
        annotations=jsonb.loads(row["annotations"], _TEXTS),
        status=AlertStatus.FIRING,
        starts_at=row["starts_at"],
        ends_at=None,
        leased=False,
        generator_url=jsonb.unescape(row["generator_url"]),
    )


def label_set_of(row: asyncpg.Record) -> LabelSet:
    """The identity of an alert, of a row that has its source."""
    return known_again(row["source"], _labels_of(row), row["fingerprint"])


def _labels_of(row: asyncpg.Record) -> dict[str, str]:
    """Labels by name: jsonb has an order of its own."""
    return dict(sorted(jsonb.loads(row["labels"], _TEXTS).items()))
