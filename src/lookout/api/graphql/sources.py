"""Sources, as GraphQL shows them."""

from datetime import datetime

import msgspec
import strawberry
from strawberry import ID

from lookout.api.graphql.asking import Asking
from lookout.api.graphql.pages import COUNT_LIMIT
from lookout.api.graphql.scalars import JSON
from lookout.store.sources import HeartbeatView, SourceView


@strawberry.type(description="An alert that always fires, and so is the sign of its source's life.")
class Heartbeat:
    fingerprint: ID = strawberry.field(description="16 hex digits of the labels.")
    labels: JSON = strawberry.field(description="Its labels, by name. It covers the alerts that have them too.")
    last_received_at: datetime = strawberry.field(description="When it was last heard.")
    due_at: datetime = strawberry.field(description="From when on it is missing, if it is not heard.")
    silent_since: datetime | None = strawberry.field(description="Since when it is missing; null while it is heard.")

    @classmethod
    def of(cls, heartbeat: HeartbeatView) -> "Heartbeat":
        """A heartbeat that was read, as GraphQL shows it."""
        return cls(**msgspec.structs.asdict(heartbeat))


@strawberry.type(description="A system that has sent alerts.")
class Source:
    source: str = strawberry.field(description="Its name.")
    last_received_at: datetime | None = strawberry.field(description="When its last request was taken.")
    alerts: int = strawberry.field(description="Alerts received in the last 24 hours, refused ones too.")
    rejected: int = strawberry.field(description="Alerts refused in the last 24 hours.")
    heartbeats: list[Heartbeat] = strawberry.field(description="Its signs of life, at most 1,000 of a tenant.")

    @classmethod
    def of(cls, source: SourceView) -> "Source":
        """A source that was read, as GraphQL shows it."""
        return cls(
            source=source.source,
            last_received_at=source.last_received_at,
            alerts=min(source.alerts, COUNT_LIMIT),
            rejected=min(source.rejected, COUNT_LIMIT),
            heartbeats=[Heartbeat.of(heartbeat) for heartbeat in source.heartbeats],
        )

    @classmethod
    async def read(cls, asking: Asking) -> "list[Source]":
        """All that have sent something, by name."""
        async with asking.reading:
            found = await asking.parts.reads.sources.all(asking.tenant_id, asking.parts.clock.now())
        return [cls.of(source) for source in found]
