"""Reads for lists that people look at: all that is open in short, and what a row shows besides."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lookout.alerts.severity import Severity
from lookout.incidents.events import EventType, FeedEvent
from lookout.incidents.incident import Incident, Status
from lookout.store import jsonb
from lookout.store.isolation import OfTenant
from lookout.store.rows import feed_event_of, incident_of

if TYPE_CHECKING:
    import asyncpg

    from lookout.store.database import Pool
    from lookout.store.places import Places

FIRING_LIMIT = 200_000
"""Firing alerts of a tenant that are looked at for the sources and the labels of its incidents."""
ROW_ALERTS = 50
"""Alerts of an incident that are looked at for the sources that its row names."""
TURNS_LIMIT = 60
"""The last turns of an incident that are drawn."""
GROUP_LIMIT = 12
"""The last incidents of a group of which they are drawn together."""
_LABELS = msgspec.json.Decoder(dict[str, str])


class Brief(msgspec.Struct, frozen=True, gc=False):
    """An incident as far as lists are sorted, searched and counted by it."""

    id: str
    opened_position: int
    position: int
    status: Status
    severity: Severity
    title: str
    summary: str
    labels: Mapping[str, str]
    started_at: datetime
    resolved_at: datetime | None
    assignee: str | None
    rule: str


class Turn(NamedTuple):
    """An incident began to fire at a time, or stopped."""

    at: datetime
    fires: bool


class BoardReads:
    """The read side of the lists for people."""

    def __init__(self, pool: "Pool", places: "Places | None" = None) -> None:
        self._of_tenant = OfTenant(pool, places)

    async def open_briefs(self, tenant_id: str, limit: int) -> list[Brief]:
        """At most `limit` open incidents, the newest first."""
        return [_brief_of(row) for row in await self._of_tenant.fetch("open_incidents_in_short", tenant_id, limit)]

    async def changed_briefs(self, tenant_id: str, position: int, limit: int) -> tuple[list[Brief], list[str]]:
        """What changed after a position: at most `limit` incidents that are open, and the ids of the resolved.

        The open ones are read first: what is resolved meanwhile is among the others, and what reopens is past the
        position from which the next look goes on.
        """
        changed = await self._of_tenant.fetch("open_incidents_changed", tenant_id, position, limit)
        resolved = await self._of_tenant.fetch("resolved_incidents_since", tenant_id, position)
        return [_brief_of(row) for row in changed], [str(row["id"]) for row in resolved]

    async def resolved_briefs(self, tenant_id: str, at: datetime, position: int, limit: int) -> list[Brief]:
        """At most `limit` that were resolved before `at`, or then and opened before `position`; the latest first."""
        rows = await self._of_tenant.fetch("resolved_incidents_in_short", tenant_id, at, position, limit)
        return [_brief_of(row) for row in rows]

    async def count_resolved_since(self, tenant_id: str, at: datetime, limit: int) -> int:
        """How many were resolved after a time and are so still, `limit` at most."""
        count: int = await self._of_tenant.fetchval("count_resolved_since", tenant_id, at, limit)
        return count

    async def incidents(self, tenant_id: str, incident_ids: Sequence[str]) -> list[Incident]:
        """The incidents with these ids, in their order."""
        rows = await self._of_tenant.fetch("incidents_of_ids", tenant_id, incident_ids)
        found = {str(row["id"]): incident_of(row) for row in rows}
        return [found[incident_id] for incident_id in incident_ids if incident_id in found]

    async def sources_of(
        self, tenant_id: str, incident_ids: Sequence[str], alerts: int = ROW_ALERTS
    ) -> dict[str, tuple[str, ...]]:
        """Who tells of the incidents' first firing alerts, of `alerts` at most, by incident."""
        rows = await self._of_tenant.fetch("sources_of_incidents", tenant_id, incident_ids, alerts)
        return {str(row["id"]): tuple(row["sources"]) for row in rows}

    async def firing_sources(self, tenant_id: str) -> dict[str, set[str]]:
        """Who tells of what fires, by incident."""
        rows = await self._of_tenant.fetch("sources_that_fire", tenant_id, FIRING_LIMIT)
        return _sets((row["incident_id"], row["source"]) for row in rows)

    async def firing_values(self, tenant_id: str, name: str) -> dict[str, set[str]]:
        """What the alerts that fire have for a label, by incident."""
        rows = await self._of_tenant.fetch("label_values_that_fire", tenant_id, jsonb.escape(name), FIRING_LIMIT)
        return _sets((row["incident_id"], jsonb.unescape(row["value"])) for row in rows)

    async def turns(self, tenant_id: str, incident_ids: Sequence[str]) -> dict[str, list[Turn]]:
        """When each of the incidents, and its group before it, began and stopped to fire, in order, by incident."""
        turns: dict[str, list[Turn]] = {}
        for row in await self._of_tenant.fetch("turns_of_incidents", tenant_id, incident_ids, TURNS_LIMIT, GROUP_LIMIT):
            fires = row["event_type"] != EventType.RESOLVED
            turns.setdefault(str(row["id"]), []).append(Turn(row["occurred_at"], fires))
        return turns

    async def events_before(self, tenant_id: str, incident_id: str, position: int, limit: int) -> list[FeedEvent]:
        """At most `limit` events of an incident before a position, the newest first."""
        rows = await self._of_tenant.fetch(
            "events_of_incident_before", tenant_id, uuid.UUID(incident_id), position, limit
        )
        return [feed_event_of(row) for row in rows]

    async def assignments(self, tenant_id: str, incident_id: str, limit: int) -> list[FeedEvent]:
        """The newest two of an incident's last `limit` events that assign it, or open it; the newest first."""
        rows = await self._of_tenant.fetch("assignments_of_incident", tenant_id, uuid.UUID(incident_id), limit)
        return [feed_event_of(row) for row in rows]


def _brief_of(row: "asyncpg.Record") -> Brief:
    return Brief(
        id=str(row["id"]),
        opened_position=row["opened_position"],
        position=row["position"],
        status=Status(row["status"]),
        severity=Severity(row["severity"]),
        title=row["title"],
        summary=row["summary"],
        labels=_LABELS.decode(jsonb.given_back(row["labels"])),
        started_at=row["started_at"],
        resolved_at=row["resolved_at"],
        assignee=row["assignee"],
        rule=row["rule"],
    )


def _sets(pairs: Iterable[tuple[uuid.UUID, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for incident_id, value in pairs:
        found.setdefault(str(incident_id), set()).add(value)
    return found
