"""Why an incident is what it is, as GraphQL shows it."""

from datetime import datetime

import msgspec
import strawberry
from strawberry import ID, Private

from lookout.api import grouping
from lookout.api.graphql.asking import Asking, Info
from lookout.api.graphql.ids import alert_cursor, fingerprint_of
from lookout.api.graphql.pages import ConnectionInput, PageInfo, page_info, span_of
from lookout.api.graphql.scalars import JSON
from lookout.errors import Refused
from lookout.incidents.incident import Incident as Snapshot
from lookout.incidents.transitions import Reason


@strawberry.type(description="What the present policy does with the alerts that opened an incident.")
class PresentGrouping:
    policy_version: str = strawberry.field(description="A digest of the present policy.")
    rule: str = strawberry.field(description='The rule that matches the first of them now; "" for none.')
    dedup_key: str = strawberry.field(description="The key that it has now.")
    same_group: bool = strawberry.field(description="Whether all of them, of 100 at most, would be grouped the same.")


@strawberry.type(description="An alert of an incident, and the last decision about it.")
class GroupedAlert:
    fingerprint: ID = strawberry.field(description="16 hex digits of the labels, the same as Alertmanager's.")
    labels: JSON = strawberry.field(description="What identifies it, by name.")
    reason: Reason = strawberry.field(description="Why the last message about it meant what it did.")
    decided_at: datetime = strawberry.field(description="When that was decided; repeats that change nothing too.")
    rule: str = strawberry.field(description='The rule that matches it now; "" for none.')
    same_group: bool = strawberry.field(description="Whether the present policy would group it the same.")


@strawberry.type(description="An alert's place among those of its incident.")
class GroupedAlertEdge:
    cursor: str = strawberry.field(description="Where a next page can begin.")
    node: GroupedAlert = strawberry.field(description="The alert.")


@strawberry.type(description="A page of an incident's alerts with their last decisions, by fingerprint.")
class GroupedAlertsConnection:
    edges: list[GroupedAlertEdge] = strawberry.field(description="The alerts with their cursors.")
    nodes: list[GroupedAlert] = strawberry.field(description="The alerts.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    total_count: int = strawberry.field(description="How many different alerts have fired in the incident.")

    @classmethod
    async def read(cls, asking: Asking, incident: Snapshot, page: ConnectionInput | None) -> "GroupedAlertsConnection":
        """A page of the alerts of one incident. Raises `Refused`."""
        span = span_of(page, asking.parts.limits.page)
        if span.backward:
            raise Refused("alerts page forward only, with first and after", "page", "forward")
        after = fingerprint_of(span.cursor, "after") if span.cursor is not None else ""
        async with asking.reading:
            found = await grouping.decisions_of(asking.parts, incident, after, span.size + 1)
        nodes = [GroupedAlert(**msgspec.structs.asdict(alert)) for alert in found[: span.size]]
        edges = [GroupedAlertEdge(cursor=alert_cursor(node.fingerprint), node=node) for node in nodes]
        info = page_info([edge.cursor for edge in edges], span, more=len(found) > span.size)
        return cls(edges=edges, nodes=nodes, page_info=info, total_count=incident.total_alerts)


@strawberry.type(description="Why the alerts of an incident are together, and what was last decided about each.")
class Grouping:
    rule: str = strawberry.field(description='The policy rule that grouped its first alerts; "" for none.')
    policy_version: str = strawberry.field(description="A digest of the policy that grouped them.")
    dedup_key: str = strawberry.field(description="What the alerts have in common: canonical JSON of the group labels.")
    labels: JSON = strawberry.field(description="The group labels, by name.")
    incident: Private[Snapshot]

    @strawberry.field(description="The same by the present policy; null where the first alerts are no longer kept.")
    async def present(self, info: Info) -> PresentGrouping | None:
        async with info.context.reading:
            present = await grouping.present_of(info.context.parts, self.incident)
        return PresentGrouping(**msgspec.structs.asdict(present)) if present is not None else None

    @strawberry.field(description="Its alerts with the last decision about each, by fingerprint; forward only.")
    async def alerts(self, info: Info, page: ConnectionInput | None = None) -> GroupedAlertsConnection:
        return await GroupedAlertsConnection.read(info.context, self.incident, page)

    @classmethod
    def of(cls, incident: Snapshot) -> "Grouping":
        """What grouped an incident of the core."""
        return cls(
            rule=incident.rule,
            policy_version=incident.policy_version,
            dedup_key=incident.dedup_key,
            labels=JSON(incident.labels),
            incident=incident,
        )
