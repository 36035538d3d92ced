"""The queries."""

from datetime import datetime

import strawberry
from strawberry import ID

from lookout.api.graphql.asking import Info
from lookout.api.graphql.events import IncidentEventsConnection
from lookout.api.graphql.incidents import Incident, IncidentFilterInput, IncidentsConnection
from lookout.api.graphql.pages import EVENTS_DEFAULT, ConnectionInput
from lookout.api.graphql.scalars import Position
from lookout.api.graphql.sources import Source
from lookout.api.graphql.stats import IncidentStats
from lookout.api.periods import BucketSize, period_of


@strawberry.input(description="The time from `start` to before `end`.")
class TimeRangeInput:
    start: datetime = strawberry.field(description="Its first moment.")
    end: datetime = strawberry.field(description="The first moment after it.")


@strawberry.type(description="What can be read.")
class Query:
    @strawberry.field(
        description="The incidents, the newest first; with `asOf` as they were at that time. Their alerts and events "
        "are those of now."
    )
    async def incidents_connection(
        self,
        info: Info,
        page: ConnectionInput | None = None,
        filter: IncidentFilterInput | None = None,  # noqa: A002
        as_of: datetime | None = None,
    ) -> IncidentsConnection:
        return await IncidentsConnection.read(info.context, page, filter, as_of)

    @strawberry.field(description="One incident, by its UUID or its global id; null if there is none.")
    async def incident(self, info: Info, id: ID) -> Incident | None:  # noqa: A002
        return await Incident.find(info.context, id)

    @strawberry.field(description="The feed: the tenant's events after a position, in order.")
    async def incident_events_connection(
        self, info: Info, after: Position | None = None, first: int | None = EVENTS_DEFAULT
    ) -> IncidentEventsConnection:
        return await IncidentEventsConnection.read(info.context, after or 0, first)

    @strawberry.field(description="What has sent alerts, by name: when last, and whether it is still heard.")
    async def sources(self, info: Info) -> list[Source]:
        return await Source.read(info.context)

    @strawberry.field(description="Figures of a time of at most 750 days, by default of the last 24 hours.")
    async def incident_stats(
        self, info: Info, time_range: TimeRangeInput | None = None, bucket: BucketSize | None = None
    ) -> IncidentStats:
        start, end = (time_range.start, time_range.end) if time_range is not None else (None, None)
        return await IncidentStats.read(info.context, period_of(info.context.parts.clock.now(), start, end, bucket))
