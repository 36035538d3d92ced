"""Reading what is known of sources: when they were last heard, their heartbeats, and what is stale because of them.

Stale is computed when it is read, and stored nowhere: what has become stale is fresh again by its source's next word.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from lookout.incidents.heartbeat import Heartbeat
from lookout.incidents.incident import Incident, IncidentView
from lookout.store.isolation import OfTenant, Platform
from lookout.store.rows import heartbeat_of

if TYPE_CHECKING:
    from lookout.store.database import Pool
    from lookout.store.places import Places

COUNTED = timedelta(hours=24)
"""Of how long, in whole hours, the numbers of a source are."""


class HeartbeatView(msgspec.Struct, frozen=True):
    """A heartbeat. It is missing from `due_at` on, and `silent_since` is null while it is heard."""

    fingerprint: str
    labels: Mapping[str, str]
    last_received_at: datetime
    due_at: datetime
    silent_since: datetime | None


class SourceView(msgspec.Struct, frozen=True):
    """A source that has sent something. `alerts` and `rejected` are of the last 24 hours; `alerts` counts both."""

    source: str
    last_received_at: datetime | None
    alerts: int
    rejected: int
    heartbeats: tuple[HeartbeatView, ...]


class SourceReads:
    """The read side of the sources."""

    def __init__(self, pool: "Pool", places: "Places | None" = None) -> None:
        self._of_tenant = OfTenant(pool, places)
        self._platform = Platform(pool)

    async def all(self, tenant_id: str, now: datetime) -> list[SourceView]:
        """Every source that has sent something, by name."""
        beats: dict[str, list[HeartbeatView]] = {}
        for row in await self._of_tenant.fetch("heartbeats", tenant_id):
            beats.setdefault(row["source"], []).append(_view_of(heartbeat_of(row)))
        received = await self._of_tenant.fetch("received_by_source", tenant_id, now - COUNTED)
        numbers = {row["source"]: (row["last_received_at"], row["alerts"], row["rejected"]) for row in received}
        return [
            SourceView(source, *numbers.get(source, (None, 0, 0)), tuple(beats.get(source, ())))
            for source in sorted(beats.keys() | numbers.keys())
        ]

    async def heartbeat(self, tenant_id: str, source: str, fingerprint: str) -> Heartbeat | None:
        """One heartbeat, None if there is none."""
        row = await self._of_tenant.fetchrow("heartbeat", tenant_id, source, fingerprint)
        return heartbeat_of(row) if row is not None else None

    async def stale_incidents(self, tenant_id: str, incident_ids: Sequence[str]) -> frozenset[str]:
        """Those of the incidents in which something fires, all of it stale."""
        rows = await self._of_tenant.fetch("stale_incidents", tenant_id, incident_ids)
        return frozenset(str(row["id"]) for row in rows)

    async def stale_alerts(self, tenant_id: str, fingerprints: Sequence[str] | None = None) -> frozenset[str]:
        """Those of the alerts, or with None of all, that fire though their source is silent."""
        rows = await self._of_tenant.fetch("stale_alerts", tenant_id, fingerprints)
        return frozenset(row["fingerprint"] for row in rows)

    async def shown(self, incidents: Iterable[Incident]) -> list[IncidentView]:
        """Incidents of one tenant as they are shown now."""
        listed = list(incidents)
        open_ids = [incident.id for incident in listed if incident.is_open]
        stale = await self.stale_incidents(listed[0].tenant_id, open_ids) if open_ids else frozenset[str]()
        return [IncidentView(**msgspec.structs.asdict(incident), stale=incident.id in stale) for incident in listed]

    async def heartbeats_by_state(self) -> list[tuple[str, bool, int]]:
        """Source, whether it is silent, and number of the heartbeats of all tenants together: for the metrics."""
        rows = await self._platform.fetch("count_all_heartbeats")
        return [(row["source"], row["is_silent"], row["heartbeats"]) for row in rows]

    async def count_stale_alerts(self) -> int:
        """The stale alerts of all tenants together: for the metrics."""
        count: int = await self._platform.fetchval("count_stale_alerts")
        return count


def as_they_were(incidents: Iterable[Incident]) -> list[IncidentView]:
    """Incidents of a time that is past: what is stale now is nothing of theirs."""
    return [IncidentView(**msgspec.structs.asdict(incident)) for incident in incidents]


def _view_of(heartbeat: Heartbeat) -> HeartbeatView:
    return HeartbeatView(
        heartbeat.fingerprint,
        heartbeat.labels,
        heartbeat.last_received_at,
        heartbeat.due_at,
        heartbeat.silent_since,
    )
