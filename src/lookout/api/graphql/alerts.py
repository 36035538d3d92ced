"""The alerts of an incident, as GraphQL shows them."""

from datetime import datetime

import msgspec
import strawberry
from strawberry import ID, Private

from lookout.alerts.alert import AlertStatus
from lookout.alerts.severity import Severity
from lookout.api.graphql.asking import AlertPage, Asking, Info
from lookout.api.graphql.ids import alert_cursor, fingerprint_of
from lookout.api.graphql.pages import ConnectionInput, PageInfo, page_info, span_of
from lookout.api.graphql.scalars import JSON
from lookout.errors import Refused
from lookout.store.reads import AlertView


@strawberry.type(description="One report about one thing, as it was last in its incident.")
class Alert:
    fingerprint: ID = strawberry.field(description="16 hex digits of the labels, the same as Alertmanager's.")
    status: AlertStatus = strawberry.field(description="Whether it goes on.")
    severity: Severity = strawberry.field(description="How bad it is, by its label `severity`.")
    starts_at: datetime = strawberry.field(description="When it began to fire.")
    ends_at: datetime | None = strawberry.field(description="When the firing ended.")
    labels: JSON = strawberry.field(description="What identifies it, by name.")
    annotations: JSON = strawberry.field(description="What describes it, by name.")
    generator_url: str = strawberry.field(description="Where its source shows it.")
    sources: list[str] = strawberry.field(description="All sources that reported it.")
    last_received_at: datetime | None = strawberry.field(description="When a source last spoke of it.")
    links: JSON = strawberry.field(description="Where to look, by name: dashboard, panel, silence and others.")
    values: JSON = strawberry.field(description="What was measured, by name.")
    stale: bool = strawberry.field(description="Whether it fires, and was not heard of since its source fell silent.")

    @classmethod
    def of(cls, alert: AlertView) -> "Alert":
        """An alert that was read, as GraphQL shows it."""
        return cls(**msgspec.structs.asdict(alert))


@strawberry.type(description="An alert's place in its incident.")
class AlertEdge:
    cursor: str = strawberry.field(description="Where a next page can begin.")
    node: Alert = strawberry.field(description="The alert.")


@strawberry.type(description="A page of an incident's alerts, by fingerprint.")
class AlertsConnection:
    edges: list[AlertEdge] = strawberry.field(description="The alerts with their cursors.")
    nodes: list[Alert] = strawberry.field(description="The alerts.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    incident_id: Private[str]

    @strawberry.field(description="How many different alerts have fired in the incident.")
    async def total_count(self, info: Info) -> int:
        return await info.context.total_alerts.load(self.incident_id)

    @classmethod
    async def read(cls, asking: Asking, incident_id: str, page: ConnectionInput | None) -> "AlertsConnection":
        """A page of the alerts of one incident. Raises `Refused`."""
        span = span_of(page, asking.parts.limits.page)
        if span.backward:
            raise Refused("alerts page forward only, with first and after", "page", "forward")
        after = fingerprint_of(span.cursor, "after") if span.cursor is not None else ""
        found = await asking.alerts.load(AlertPage(incident_id, after, span.size + 1))
        nodes = [Alert.of(alert) for alert in found[: span.size]]
        edges = [AlertEdge(cursor=alert_cursor(node.fingerprint), node=node) for node in nodes]
        info = page_info([edge.cursor for edge in edges], span, more=len(found) > span.size)
        return cls(edges=edges, nodes=nodes, page_info=info, incident_id=incident_id)
