"""The investigations of an incident, as GraphQL shows and takes them."""

from datetime import datetime

import msgspec
import strawberry
from strawberry import ID, Private

from lookout.api.graphql.asking import Asking, Info
from lookout.api.graphql.ids import attached_position_of, investigation_cursor
from lookout.api.graphql.pages import ConnectionInput, PageInfo, page_info, span_of
from lookout.api.graphql.scalars import Position
from lookout.errors import Refused
from lookout.incidents.investigation import Investigation as Report
from lookout.store.reads import InvestigationView


@strawberry.type(description="What somebody, or a program, found out about an incident. Its texts are Markdown: data.")
class Investigation:
    report_id: ID = strawberry.field(description="The investigator's own id of it; an incident has it once.")
    investigator: str = strawberry.field(description="Who found it out.")
    summary: str = strawberry.field(description="What was found out.")
    root_cause: str = strawberry.field(description="Why it happened; empty if nothing is said of it.")
    recommendations: list[str] = strawberry.field(description="What to do about it.")
    confidence: float | None = strawberry.field(description="How sure the investigator is, from 0 to 1.")
    link: str = strawberry.field(description="Where the whole report is: an http or https URL, or empty.")
    attached_at: datetime = strawberry.field(description="When it was attached.")
    attached_by: str = strawberry.field(description="Who attached it.")
    position: Position = strawberry.field(description="The position of its event.")

    @classmethod
    def of(cls, investigation: InvestigationView) -> "Investigation":
        """An investigation that was read, as GraphQL shows it."""
        return cls(**msgspec.structs.asdict(investigation))


@strawberry.type(description="An investigation's place in its incident.")
class InvestigationEdge:
    cursor: str = strawberry.field(description="Where a next page can begin.")
    node: Investigation = strawberry.field(description="The investigation.")


@strawberry.type(description="A page of an incident's investigations, the oldest first.")
class InvestigationsConnection:
    edges: list[InvestigationEdge] = strawberry.field(description="The investigations with their cursors.")
    nodes: list[Investigation] = strawberry.field(description="The investigations.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    incident_id: Private[str]

    @strawberry.field(description="How many the incident has.")
    async def total_count(self, info: Info) -> int:
        asking = info.context
        async with asking.reading:
            return (await asking.parts.reads.incident(asking.tenant_id, self.incident_id)).investigation_count

    @classmethod
    async def read(cls, asking: Asking, incident_id: str, page: ConnectionInput | None) -> "InvestigationsConnection":
        """A page of the investigations of one incident. Raises `Refused`."""
        span = span_of(page, asking.parts.limits.page)
        if span.backward:
            raise Refused("investigations page forward only, with first and after", "page", "forward")
        after = attached_position_of(span.cursor, "after") if span.cursor is not None else 0
        async with asking.reading:
            found = await asking.parts.reads.investigations_of(asking.tenant_id, incident_id, after, span.size + 1)
        nodes = [Investigation.of(investigation) for investigation in found[: span.size]]
        edges = [InvestigationEdge(cursor=investigation_cursor(node.position), node=node) for node in nodes]
        info = page_info([edge.cursor for edge in edges], span, more=len(found) > span.size)
        return cls(edges=edges, nodes=nodes, page_info=info, incident_id=incident_id)


@strawberry.input(description="What was found out. The texts may be Markdown.")
class AttachInvestigationInput:
    report_id: ID = strawberry.field(description="The investigator's own id of it. The first of an id stands.")
    summary: str = strawberry.field(description="What was found out; at most 20,000 characters.")
    investigator: str | None = strawberry.field(default=None, description="Who found it out; whoever calls, if null.")
    root_cause: str | None = strawberry.field(default=None, description="Why it happened; at most 5,000 characters.")
    recommendations: list[str] | None = strawberry.field(
        default=None, description="What to do about it: at most 20, of at most 500 characters."
    )
    confidence: float | None = strawberry.field(default=None, description="How sure the investigator is, from 0 to 1.")
    link: str | None = strawberry.field(default=None, description="Where the whole report is: an http or https URL.")

    def given(self) -> Report:
        """The investigation as it was given."""
        return Report(
            str(self.report_id),
            self.investigator or "",
            self.summary,
            self.root_cause or "",
            tuple(self.recommendations or ()),
            self.confidence,
            self.link or "",
        )
