"""Incidents, as GraphQL shows them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import strawberry
from strawberry import ID, Private

from lookout.alerts.severity import Severity
from lookout.api.graphql.alerts import AlertsConnection
from lookout.api.graphql.asking import Asking, Info
from lookout.api.graphql.grouping import Grouping
from lookout.api.graphql.ids import incident_cursor, incident_gid, incident_id_of, opened_position_of
from lookout.api.graphql.investigations import InvestigationsConnection
from lookout.api.graphql.pages import COUNT_LIMIT, EVENTS_DEFAULT, ConnectionInput, PageInfo, Span, page_info, span_of
from lookout.api.graphql.scalars import JSON, Position
from lookout.api.periods import past
from lookout.errors import NotFound
from lookout.incidents.incident import Incident as Snapshot
from lookout.incidents.incident import Resolution, Status
from lookout.store.reads import END, IncidentFilter
from lookout.store.relations import RELATED_DEFAULT

if TYPE_CHECKING:
    from lookout.api.graphql.events import IncidentEventsConnection
    from lookout.api.graphql.related import RelatedIncident


@strawberry.federation.type(keys=["id"], description="A problem that people act on, folded from alerts.")
class Incident:
    """All fields of the core's incident; `id` is the global id, and `incident_id` its own."""

    id: ID = strawberry.field(description="The global id.")
    incident_id: ID = strawberry.field(description="The UUID, by which every other surface knows it.")
    tenant_id: ID = strawberry.field(description="Whose it is.")
    dedup_key: str = strawberry.field(description="What its alerts have in common: canonical JSON of the group labels.")
    status: Status = strawberry.field(description="Where it is in its life.")
    severity: Severity = strawberry.field(description="The worst of its alerts; while it is open it only rises.")
    title: str = strawberry.field(description="One line that names it.")
    summary: str = strawberry.field(description="What the source says about it.")
    labels: JSON = strawberry.field(description="The group labels of its alerts, by name.")
    started_at: datetime = strawberry.field(description="When its first alert began to fire.")
    opened_position: Position = strawberry.field(description="The position of its first event.")
    position: Position = strawberry.field(description="The position of the event after which it was like this.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    firing_alerts: int = strawberry.field(description="How many of its alerts fire.")
    total_alerts: int = strawberry.field(description="How many different alerts have fired in it.")
    reopen_count: int = strawberry.field(description="How often it fired again soon after it was resolved.")
    acknowledged_at: datetime | None = strawberry.field(description="When it was acknowledged.")
    acknowledged_by: str | None = strawberry.field(description="Who acknowledged it.")
    assignee: str | None = strawberry.field(description="Who works on it.")
    resolved_at: datetime | None = strawberry.field(description="When it was resolved.")
    resolution: Resolution | None = strawberry.field(description="How it was resolved.")
    resolved_by: str | None = strawberry.field(description="Who resolved it, where a person did.")
    previous_incident_id: ID | None = strawberry.field(description="The UUID of the incident that it follows on.")
    investigation_count: int = strawberry.field(description="How many investigations it has.")
    rule: str = strawberry.field(description='The policy rule that grouped its first alerts; "" for none.')
    policy_version: str = strawberry.field(description="A digest of the policy that grouped them.")
    snapshot: Private[Snapshot]

    flapping: bool = strawberry.field(description="Whether it resolves and fires again, over and over.")
    flapping_until: datetime | None = strawberry.field(description="When that mark ends, at the earliest.")
    state_changes: list[datetime] = strawberry.field(description="The last times at which it resolved and reopened.")

    @strawberry.field(description="Its alerts as they were last in it, by fingerprint; pages go forward only.")
    async def alerts(self, info: Info, page: ConnectionInput | None = None) -> AlertsConnection:
        return await AlertsConnection.read(info.context, self.incident_id, page)

    @strawberry.field(
        description="Whether, now, nothing was heard of all that fires in it since its source fell silent."
    )
    async def stale(self, info: Info) -> bool:
        return self.status is not Status.RESOLVED and await info.context.stale.load(self.incident_id)

    @strawberry.field(description="Why its alerts are one incident, and what was last decided about each.")
    def grouping(self) -> Grouping:
        return Grouping.of(self.snapshot)

    @strawberry.field(description="What was found out about it, the oldest first; pages go forward only.")
    async def investigations(self, info: Info, page: ConnectionInput | None = None) -> InvestigationsConnection:
        return await InvestigationsConnection.read(info.context, self.incident_id, page)

    @strawberry.field(description="Its timeline: its events after a position, in order.")
    async def events(
        self, info: Info, after: Position | None = None, first: int | None = EVENTS_DEFAULT
    ) -> Annotated["IncidentEventsConnection", strawberry.lazy("lookout.api.graphql.events")]:
        from lookout.api.graphql.events import IncidentEventsConnection

        return await IncidentEventsConnection.read_of(info.context, self.incident_id, after or 0, first)

    @strawberry.field(description="What may have to do with it: started within 10 minutes of it, the best first.")
    async def related(
        self, info: Info, first: int | None = RELATED_DEFAULT
    ) -> list[Annotated["RelatedIncident", strawberry.lazy("lookout.api.graphql.related")]]:
        from lookout.api.graphql.related import related_to

        return await related_to(info.context, self.incident_id, first)

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Incident":
        """An incident of the core, as GraphQL shows it."""
        fields = msgspec.structs.asdict(snapshot)
        incident_id = fields.pop("id")
        return cls(id=ID(incident_gid(incident_id)), incident_id=incident_id, snapshot=snapshot, **fields)

    @classmethod
    async def find(cls, asking: Asking, given_id: str) -> "Incident | None":
        """The incident that a raw or global id means, None if there is none."""
        async with asking.reading:
            try:
                return cls.of(await asking.parts.reads.incident(asking.tenant_id, incident_id_of(given_id)))
            except NotFound:
                return None

    @classmethod
    async def resolve_reference(cls, info: Info, id: str = "", **_: object) -> "Incident | None":  # noqa: A002
        """The incident of the key that a federation gateway knows."""
        return await cls.find(info.context, str(id))


@strawberry.type(description="An incident's place in the list.")
class IncidentEdge:
    cursor: str = strawberry.field(description="Where a next page can begin.")
    node: Incident = strawberry.field(description="The incident.")


@strawberry.input(description="Which incidents; what is left out or empty admits all.")
class IncidentFilterInput:
    status: list[Status] | None = strawberry.field(default=None, description="Only those in one of these.")
    severity: list[Severity] | None = strawberry.field(default=None, description="Only those of one of these.")


@strawberry.type(description="A page of the incidents, the newest first.")
class IncidentsConnection:
    edges: list[IncidentEdge] = strawberry.field(description="The incidents with their cursors.")
    nodes: list[Incident] = strawberry.field(description="The incidents.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    wanted: Private[IncidentFilter]
    at: Private[int | None]

    @strawberry.field(description="How many there are on all pages; counted only if it is asked for.")
    async def total_count(self, info: Info) -> int:
        parts, tenant_id = info.context.parts, info.context.tenant_id
        async with info.context.reading:
            if self.at is None:
                count = await parts.reads.count_incidents(tenant_id, self.wanted)
            else:
                count = await parts.history.count(tenant_id, self.at, self.wanted)
        return min(count, COUNT_LIMIT)

    @classmethod
    async def read(
        cls,
        asking: Asking,
        page: ConnectionInput | None,
        only: IncidentFilterInput | None,
        as_of: datetime | None = None,
    ) -> "IncidentsConnection":
        """A page of the tenant's incidents, as they are or as they were at a time. Raises `Refused`, `Gone`."""
        span = span_of(page, asking.parts.limits.page)
        only = only or IncidentFilterInput()
        wanted = IncidentFilter(tuple(only.status or ()), tuple(only.severity or ()))
        at = await _position_at(asking, as_of) if as_of is not None else None
        found = await (_found(asking, span, wanted) if at is None else _found_at(asking, at, span, wanted))
        nodes = [Incident.of(snapshot) for snapshot in found[: span.size]]
        if span.backward:
            nodes.reverse()
        edges = [IncidentEdge(cursor=incident_cursor(node.opened_position), node=node) for node in nodes]
        info = page_info([edge.cursor for edge in edges], span, more=len(found) > span.size)
        return cls(edges=edges, nodes=nodes, page_info=info, wanted=wanted, at=at)


async def _position_at(asking: Asking, as_of: datetime) -> int:
    async with asking.reading:
        return await asking.parts.history.position_at(asking.tenant_id, past(as_of, asking.parts.clock.now()))


async def _found_at(asking: Asking, at: int, span: Span, wanted: IncidentFilter) -> list[Snapshot]:
    """The same of the list as it was at a position."""
    history, tenant_id = asking.parts.history, asking.tenant_id
    async with asking.reading:
        if span.backward:
            after = opened_position_of(span.cursor, "before") if span.cursor is not None else 0
            return await history.incidents_after(tenant_id, at, after, span.size + 1, wanted)
        before = opened_position_of(span.cursor, "after") if span.cursor is not None else END
        return await history.incidents_before(tenant_id, at, before, span.size + 1, wanted)


async def _found(asking: Asking, span: Span, wanted: IncidentFilter) -> list[Snapshot]:
    """Those of the page and one more, if there is one, from the cursor on."""
    reads, tenant_id = asking.parts.reads, asking.tenant_id
    async with asking.reading:
        if span.backward:
            after = opened_position_of(span.cursor, "before") if span.cursor is not None else 0
            return await reads.incidents_after(tenant_id, after, span.size + 1, wanted)
        before = opened_position_of(span.cursor, "after") if span.cursor is not None else END
        return await reads.incidents_before(tenant_id, before, span.size + 1, wanted)
