"""The list of incidents as it was at a time: at one position of the log, so what it shows was so together.

An incident that has not changed since is read from its row, every other from the last event that it had by then. No
event of another incident is looked at.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lookout.errors import Gone
from lookout.incidents.incident import Incident
from lookout.store import jsonb
from lookout.store.isolation import OfTenant
from lookout.store.reads import IncidentFilter
from lookout.store.rows import incident_of

if TYPE_CHECKING:
    import asyncpg

    from lookout.store.database import Pool
    from lookout.store.places import Places

CLOCKS_DIFFER = timedelta(minutes=1)
"""By how much the clocks of two replicas may differ for the last event of a time to be found."""


class History:
    """Reads of what was."""

    def __init__(self, pool: "Pool", places: "Places | None" = None) -> None:
        self._of_tenant = OfTenant(pool, places)

    async def position_at(self, tenant_id: str, time: datetime) -> int:
        """The position of the last event recorded at or before `time` by any replica's clock, 0 if there was none yet.

        Raises `Gone` where nothing of that time is kept.
        """
        position: int | None = await self._of_tenant.fetchval("position_at", tenant_id, time, CLOCKS_DIFFER)
        if position is not None:
            return position
        feed = await self._of_tenant.fetchrow("feed", tenant_id)
        if feed is None or not feed["pruned_position"]:
            return 0
        if feed["pruned_position"] == feed["last_position"]:  # all is over since long ago
            return feed["last_position"]
        first = feed["pruned_position"] + 1
        raise Gone(f"as_of is before the oldest event that is kept, at position {first}: ask for a later time", first)

    async def incidents_before(
        self, tenant_id: str, at: int, position: int, limit: int, wanted: IncidentFilter
    ) -> list[Incident]:
        """At most `limit` incidents as they were at `at`, of those that opened before `position`, the newest first."""
        name = "open_incidents_as_of" if wanted.is_of_open else "incidents_as_of_before"
        return await self._incidents(name, tenant_id, at, position, limit, wanted)

    async def incidents_after(
        self, tenant_id: str, at: int, position: int, limit: int, wanted: IncidentFilter
    ) -> list[Incident]:
        """At most `limit` incidents as they were at `at`, of those that opened after `position`, the oldest first."""
        return await self._incidents("incidents_as_of_after", tenant_id, at, position, limit, wanted)

    async def _incidents(
        self, name: str, tenant_id: str, at: int, position: int, limit: int, wanted: IncidentFilter
    ) -> list[Incident]:
        rows = await self._of_tenant.fetch(name, tenant_id, at, *wanted.arguments, position, limit)
        return [_incident_of(row) for row in rows]

    async def count(self, tenant_id: str, at: int, wanted: IncidentFilter) -> int:
        """How many there were at the position `at`."""
        name = "count_open_incidents_as_of" if wanted.is_of_open else "count_incidents_as_of"
        count: int = await self._of_tenant.fetchval(name, tenant_id, at, *wanted.arguments)
        return count


def _incident_of(row: "asyncpg.Record") -> Incident:
    snapshot = row["snapshot"]
    return incident_of(row) if snapshot is None else jsonb.loads(snapshot, Incident)
