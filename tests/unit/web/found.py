"""Incidents in short, for what is sorted, searched and counted."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lookout.alerts.severity import Severity
from lookout.incidents.incident import Status
from lookout.store.board import Brief

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def brief(number: int = 1, **others: Any) -> Brief:
    """An open warning."""
    fields: dict[str, Any] = {
        "id": f"id-{number}",
        "opened_position": number,
        "position": number,
        "status": Status.FIRING,
        "severity": Severity.WARNING,
        "title": f"Down {number}",
        "summary": "it is down",
        "labels": {"alertname": "Down"},
        "started_at": NOON + timedelta(minutes=number),
        "resolved_at": None,
        "assignee": None,
        "rule": "",
    }
    return Brief(**{**fields, **others})
