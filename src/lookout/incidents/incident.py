"""An incident: what people act on."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from lookout.alerts.severity import Severity


class Status(StrEnum):
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """How an incident was resolved: by its source's word, by its silence, by a person, or by asking the source."""

    SOURCE = "source"
    EXPIRED = "expired"
    OPERATOR = "operator"
    RECONCILED = "reconciled"


class Incident(msgspec.Struct, frozen=True):
    """An incident after one of its events. Times are UTC; `position` is that of the event.

    `firing_alerts` counts those that fire now, `total_alerts` the different ones that ever fired in it. `rule` is the
    policy rule that grouped its first alerts, "" for none, and `policy_version` tells of which policy.
    `state_changes` are the last times at which it resolved and reopened, `flapping_until` is when its mark ends at the
    earliest.
    """

    id: str
    tenant_id: str
    dedup_key: str
    status: Status
    severity: Severity
    title: str
    summary: str
    labels: Mapping[str, str]
    started_at: datetime
    opened_position: int
    position: int
    updated_at: datetime
    firing_alerts: int = 0
    total_alerts: int = 0
    reopen_count: int = 0
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    assignee: str | None = None
    resolved_at: datetime | None = None
    resolution: Resolution | None = None
    resolved_by: str | None = None
    previous_incident_id: str | None = None
    investigation_count: int = 0
    rule: str = ""
    policy_version: str = ""
    flapping: bool = False
    flapping_until: datetime | None = None
    state_changes: tuple[datetime, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.status is not Status.RESOLVED


class IncidentView(Incident, frozen=True):
    """An incident as it is shown, with what is so only while it is looked at and stands in no event.

    `stale`: it is open, and of all that fires in it nothing was heard since its source fell silent.
    """

    stale: bool = False
