"""What may have to do with an incident, as GraphQL shows it."""

import strawberry

from lookout.api.graphql.asking import Asking
from lookout.api.graphql.incidents import Incident
from lookout.api.graphql.pages import size_of
from lookout.api.graphql.scalars import JSON
from lookout.store.relations import RELATED_DEFAULT, RELATED_LIMIT


@strawberry.type(description="An incident that may have to do with another. A hint: nothing is merged by it.")
class RelatedIncident:
    incident: Incident = strawberry.field(description="The other incident.")
    score: float = strawberry.field(description="How much they share: rare label values count more than common ones.")
    shared: JSON = strawberry.field(description="The label values that both have, the rarest first.")


async def related_to(asking: Asking, incident_id: str, first: int | None) -> list[RelatedIncident]:
    """At most `first` incidents related to one, the best first. Raises `Refused`, `NotFound`."""
    limit = size_of(first, RELATED_DEFAULT, "first", RELATED_LIMIT)
    async with asking.reading:
        incident = await asking.parts.reads.incident(asking.tenant_id, incident_id)
        found = await asking.parts.relations.of(asking.tenant_id, incident, limit)
    return [RelatedIncident(incident=Incident.of(it.incident), score=it.score, shared=JSON(it.shared)) for it in found]
