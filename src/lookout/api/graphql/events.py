"""Events, as GraphQL shows them: the feed's one shape, of a whole tenant or of one incident."""

from datetime import datetime

import strawberry
from strawberry import ID, Private

from lookout.api.graphql.asking import Asking, Info
from lookout.api.graphql.incidents import Incident
from lookout.api.graphql.pages import COUNT_LIMIT, EVENTS_DEFAULT, PageInfo, Span, page_info, size_of
from lookout.api.graphql.scalars import JSON, Position
from lookout.api.positions import check_position
from lookout.feeds.follow import check_kept
from lookout.incidents.events import EventType, FeedEvent
from lookout.store.reads import LogEnds


@strawberry.type(description="Something that happened to an incident: one entry of its tenant's log.")
class IncidentEvent:
    schema_version: int = strawberry.field(description="The version of this shape.")
    event_id: ID = strawberry.field(description="The same whenever and wherever the event is seen.")
    event_type: EventType = strawberry.field(description="What happened.")
    tenant_id: ID = strawberry.field(description="Whose incident it happened to.")
    position: Position = strawberry.field(description="Its place in the tenant's log: 1, 2, 3, ... without gaps.")
    occurred_at: datetime = strawberry.field(description="When it happened, by the source's clock where it has one.")
    recorded_at: datetime = strawberry.field(description="When Lookout took it in.")
    incident: Incident = strawberry.field(description="The incident as it was after the event.")
    change: JSON = strawberry.field(description="What the event changed, as the feed writes it.")

    @classmethod
    def of(cls, event: FeedEvent) -> "IncidentEvent":
        """An event of the feed, as GraphQL shows it."""
        return cls(
            schema_version=event.schema_version,
            event_id=ID(event.event_id),
            event_type=event.event_type,
            tenant_id=ID(event.tenant_id),
            position=Position(event.position),
            occurred_at=event.occurred_at,
            recorded_at=event.recorded_at,
            incident=Incident.of(event.incident),
            change=JSON(event.change),
        )


@strawberry.type(description="An event's place in the log.")
class IncidentEventEdge:
    cursor: str = strawberry.field(description="The event's position, as text.")
    node: IncidentEvent = strawberry.field(description="The event.")


@strawberry.type(description="A page of events, in order. The next page begins after the last one's position.")
class IncidentEventsConnection:
    edges: list[IncidentEventEdge] = strawberry.field(description="The events with their cursors.")
    nodes: list[IncidentEvent] = strawberry.field(description="The events.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    incident_id: Private[str | None]

    @strawberry.field(description="The position of the tenant's last event, 0 if there is none.")
    async def position(self, info: Info) -> Position:
        return Position((await _ends(info.context)).last)

    @strawberry.field(description="How many events the log, as far as it is kept, or the incident has in all.")
    async def total_count(self, info: Info) -> int:
        if self.incident_id is None:
            ends = await _ends(info.context)
            return min(ends.last - ends.pruned, COUNT_LIMIT)
        return await _count_of(info.context, self.incident_id)

    @classmethod
    async def read(cls, asking: Asking, after: int, first: int | None) -> "IncidentEventsConnection":
        """The tenant's events after a position. Raises `Refused`, also for a position that has not happened."""
        size = size_of(first, EVENTS_DEFAULT, "first", asking.parts.limits.page)
        ends = await check_happened(asking, after)
        async with asking.reading:
            found = await asking.parts.reads.events_after(asking.tenant_id, after, size + 1)
        if found:
            check_kept(after, found[0].position)
        return cls._page(found, after, size, begins_at=ends.pruned + 1)

    @classmethod
    async def read_of(
        cls, asking: Asking, incident_id: str, after: int, first: int | None
    ) -> "IncidentEventsConnection":
        """The events of one incident after a position. Raises `Refused`."""
        size = size_of(first, EVENTS_DEFAULT, "first", asking.parts.limits.page)
        async with asking.reading:
            found = await asking.parts.reads.events_of(asking.tenant_id, incident_id, after, size + 1)
        # An incident's first event is the one that opened it.
        begins_at = found[0].incident.opened_position if found else 1
        return cls._page(found, after, size, begins_at, incident_id)

    @classmethod
    def _page(
        cls, found: list[FeedEvent], after: int, size: int, begins_at: int, incident_id: str | None = None
    ) -> "IncidentEventsConnection":
        nodes = [IncidentEvent.of(event) for event in found[:size]]
        edges = [IncidentEventEdge(cursor=str(node.position), node=node) for node in nodes]
        span = Span(size, cursor=str(after) if after >= begins_at else None)
        info = page_info([edge.cursor for edge in edges], span, more=len(found) > size)
        return cls(edges=edges, nodes=nodes, page_info=info, incident_id=incident_id)


async def check_happened(asking: Asking, position: int) -> LogEnds:
    """Where the log begins and ends. Raises `Conflict` if `position` lies beyond it, `Gone` if it lies before it."""
    ends = await _ends(asking)
    check_position(position, ends)
    return ends


async def _ends(asking: Asking) -> LogEnds:
    async with asking.reading:
        return await asking.parts.reads.ends(asking.tenant_id)


async def _count_of(asking: Asking, incident_id: str) -> int:
    async with asking.reading:
        count = await asking.parts.reads.count_events_of(asking.tenant_id, incident_id)
    return min(count, COUNT_LIMIT)
