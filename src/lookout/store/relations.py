"""What an incident may have to do with: the incidents that started near it, and the labels that they opened with."""

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lookout.incidents.incident import Incident
from lookout.incidents.related import RELATED_WITHIN, Compared, Related, common_labels, related
from lookout.store import jsonb
from lookout.store.isolation import OfTenant
from lookout.store.rows import incident_of

if TYPE_CHECKING:
    from lookout.store.database import Pool
    from lookout.store.places import Places

NEAREST = 100
"""Incidents that are looked at before, and as many after: those that started nearest."""
RELATED_DEFAULT = 10
RELATED_LIMIT = 50
"""Related incidents of one answer."""
OPENING_ALERTS = 10
"""Alerts of an opening whose common labels an incident is compared by."""


class Relations:
    """Reads of several incidents together."""

    def __init__(self, pool: "Pool", places: "Places | None" = None) -> None:
        self._of_tenant = OfTenant(pool, places)

    async def of(self, tenant_id: str, incident: Incident, limit: int) -> list[Related]:
        """At most `limit` incidents that may have to do with `incident`, the best first."""
        started, within = incident.started_at, RELATED_WITHIN
        rows = await self._of_tenant.fetch(
            "incidents_near", tenant_id, started, within, uuid.UUID(incident.id), NEAREST
        )
        one, *others = await self._compared(tenant_id, [incident, *map(incident_of, rows)])
        return related(one, others, limit)

    async def _compared(self, tenant_id: str, incidents: Sequence[Incident]) -> list[Compared]:
        """The incidents with their group labels, and what the first alerts of each opening have in common."""
        positions = [incident.opened_position for incident in incidents]
        opened: dict[int, list[dict[str, str]]] = {position: [] for position in positions}
        for row in await self._of_tenant.fetch("opening_labels", tenant_id, positions, OPENING_ALERTS):
            opened[row["position"]].append(jsonb.loads(row["labels"], dict[str, str]))
        return [
            Compared(incident, common_labels(opened[incident.opened_position]) | dict(incident.labels))
            for incident in incidents
        ]
