"""The queries."""

from datetime import datetime, timedelta

import msgspec
import strawberry
from strawberry import ID

from lookout.api.graphql.asking import Info
from lookout.api.graphql.events import IncidentEventsConnection
from lookout.api.graphql.incidents import Incident, IncidentFilterInput, IncidentsConnection
from lookout.api.graphql.pages import EVENTS_DEFAULT, ConnectionInput
from lookout.api.graphql.scalars import Position
from lookout.api.graphql.sources import Source
from lookout.errors import Refused

STATS_PERIOD = timedelta(hours=24)
"""What the figures are of, where nobody says."""


@strawberry.input(description="The time from `start` to before `end`.")
class TimeRangeInput:
    start: datetime = strawberry.field(description="Its first moment.")
    end: datetime = strawberry.field(description="The first moment after it.")


@strawberry.type(description="Figures of a time. The durations are medians in seconds, null where there was none.")
class IncidentStats:
    opened: int = strawberry.field(description="Incidents that started in it.")
    resolved: int = strawberry.field(description="Incidents that were resolved in it.")
    open: int = strawberry.field(description="Incidents that started before its end and are open.")
    alerts: int = strawberry.field(description="Alerts of the incidents that started in it.")
    seconds_to_acknowledge: float | None = strawberry.field(description="From the start to the acknowledgement.")
    seconds_to_resolve: float | None = strawberry.field(description="From the start to the resolution.")


@strawberry.type(description="What can be read.")
class Query:
    @strawberry.field(description="The incidents, the newest first.")
    async def incidents_connection(
        self,
        info: Info,
        page: ConnectionInput | None = None,
        filter: IncidentFilterInput | None = None,  # noqa: A002
    ) -> IncidentsConnection:
        return await IncidentsConnection.read(info.context, page, filter)

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

    @strawberry.field(description="Figures of a time, by default of the last 24 hours.")
    async def incident_stats(self, info: Info, time_range: TimeRangeInput | None = None) -> IncidentStats:
        asking = info.context
        now = asking.parts.clock.now()
        period = time_range or TimeRangeInput(start=now - STATS_PERIOD, end=now)
        if period.start >= period.end:
            raise Refused("timeRange ends before it starts: start must be before end", "timeRange", "start < end")
        async with asking.reading:
            stats = await asking.parts.reads.stats(asking.tenant_id, period.start, period.end)
        return IncidentStats(**msgspec.structs.asdict(stats))
