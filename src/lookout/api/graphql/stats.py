"""Figures, as GraphQL shows them."""

from datetime import datetime

import msgspec
import strawberry
from strawberry import ID, Private

from lookout.alerts.severity import Severity
from lookout.api.graphql.asking import Asking, Info
from lookout.api.graphql.scalars import JSON
from lookout.store.stats import Period


@strawberry.type(description="How many incidents of a severity opened.")
class SeverityCount:
    severity: Severity = strawberry.field(description="How bad they are.")
    incidents: int = strawberry.field(description="How many.")


@strawberry.type(description="An hour or a day of a time.")
class StatsBucket:
    start: datetime = strawberry.field(description="Its first moment: a whole hour or day in UTC.")
    opened: list[SeverityCount] = strawberry.field(description="Incidents that started in it; every severity is there.")
    resolved: int = strawberry.field(description="Incidents that were resolved in it.")


@strawberry.type(description="A group of alerts that opened incidents again and again.")
class NoisyGroup:
    dedup_key: str = strawberry.field(description="What the alerts have in common.")
    title: str = strawberry.field(description="The title of its last incident.")
    labels: JSON = strawberry.field(description="The group labels.")
    severity: Severity = strawberry.field(description="The severity of its last incident.")
    incidents: int = strawberry.field(description="How many incidents opened.")
    reopens: int = strawberry.field(description="How often they fired again soon after they were resolved.")
    alerts: int = strawberry.field(description="Alerts of these incidents.")
    last_incident_id: ID = strawberry.field(description="The UUID of the last one.")
    last_started_at: datetime = strawberry.field(description="When the last one started.")


@strawberry.type(description="Figures of a time. Durations are in seconds, null where there was none.")
class IncidentStats:
    opened: int = strawberry.field(description="Incidents that started in it.")
    resolved: int = strawberry.field(description="Incidents that were resolved in it.")
    open: int = strawberry.field(description="Incidents that were open at its end.")
    reopened: int = strawberry.field(description="Of those that started in it, how many fired again after their end.")
    flapping: int = strawberry.field(description="Of those that started in it, how many were marked as flapping.")
    alerts: int = strawberry.field(description="Alerts of the incidents that started in it.")
    alerts_received: int = strawberry.field(description="Alerts that were sent in its hours, repeats too.")
    alerts_rejected: int = strawberry.field(description="How many of them were refused.")
    noise_reduction: float | None = strawberry.field(description="Alerts received for each incident that opened.")
    seconds_to_acknowledge: float | None = strawberry.field(
        description="From the start to the acknowledgement: the median."
    )
    seconds_to_acknowledge_p90: float | None = strawberry.field(description="What nine of ten stay below.")
    seconds_to_resolve: float | None = strawberry.field(description="From the start to the resolution: the median.")
    seconds_to_resolve_p90: float | None = strawberry.field(description="What nine of ten stay below.")
    period: Private[Period]

    @strawberry.field(description="The same by the hour or by the day, the empty ones too.")
    async def buckets(self, info: Info) -> list[StatsBucket]:
        asking = info.context
        async with asking.reading:
            found = await asking.parts.stats.buckets(asking.tenant_id, self.period)
        return [
            StatsBucket(
                start=bucket.start,
                opened=[SeverityCount(severity=severity, incidents=count) for severity, count in bucket.opened.items()],
                resolved=bucket.resolved,
            )
            for bucket in found
        ]

    @strawberry.field(description="The ten groups that opened and reopened most often.")
    async def noisiest(self, info: Info) -> list[NoisyGroup]:
        asking = info.context
        async with asking.reading:
            found = await asking.parts.stats.noisiest(asking.tenant_id, self.period.start, self.period.end)
        return [NoisyGroup(**msgspec.structs.asdict(group)) for group in found]

    @classmethod
    async def read(cls, asking: Asking, period: Period) -> "IncidentStats":
        """The figures of a time."""
        async with asking.reading:
            figures = await asking.parts.stats.figures(asking.tenant_id, period.start, period.end)
        return cls(period=period, **msgspec.structs.asdict(figures))
