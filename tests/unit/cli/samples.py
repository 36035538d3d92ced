"""Incidents and events to show, with whatever a test wants to be different."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lookout.alerts.severity import Severity
from lookout.incidents.events import EVENT_TYPES, SCHEMA_VERSION, AlertsDelta, Change, FeedEvent, event_id
from lookout.incidents.incident import Incident, Status

NOW = datetime(2026, 6, 1, 12, 3, 44, tzinfo=UTC)
STARTED = NOW - timedelta(minutes=12)
ID = "01977e4e-0000-7000-8000-00005f3c9a1e"
TITLE = "TargetDown (cluster=eu-1, job=ingest)"
HOSTILE = "a\x1b[31mred\x1b]0;t\x07\u202eevil\u200b [bold]x[/bold] :skull:\r\nnext\x9b2J"
"""Escapes, C1 controls, right-to-left override, zero width, markup, an emoji code, line breaks."""


def incident(**different: Any) -> Incident:
    fields: dict[str, Any] = {
        "id": ID,
        "tenant_id": "default",
        "dedup_key": "labels/1:{}",
        "status": Status.FIRING,
        "severity": Severity.CRITICAL,
        "title": TITLE,
        "summary": "Ingest does not answer",
        "labels": {"alertname": "TargetDown", "cluster": "eu-1", "job": "ingest"},
        "started_at": STARTED,
        "opened_position": 1,
        "position": 1,
        "updated_at": NOW,
        "firing_alerts": 2,
        "total_alerts": 2,
    }
    return Incident(**fields | different)


def event(change: Change, position: int = 1, about: Incident | None = None) -> FeedEvent:
    return FeedEvent(
        schema_version=SCHEMA_VERSION,
        event_id=event_id("default", position),
        event_type=EVENT_TYPES[type(change)],
        tenant_id="default",
        position=position,
        occurred_at=NOW,
        recorded_at=NOW,
        incident=about if about is not None else incident(),
        change=change,
    )


def delta(started: int = 0, ended: int = 0) -> AlertsDelta:
    return AlertsDelta(started=started, ended=ended, new=started)
