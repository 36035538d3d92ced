"""The subscription: the feed as it grows."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, closing

import strawberry

from lookout.api.graphql.asking import Asking, Info
from lookout.api.graphql.events import IncidentEvent, check_happened
from lookout.api.graphql.scalars import Position
from lookout.errors import Overloaded
from lookout.feeds.encoded import Encoded


@strawberry.type(description="What can be followed.")
class Subscription:
    @strawberry.subscription(
        description="The tenant's events after a position, in order and without gaps; without one, those from now on."
    )
    async def live_incident_updates(
        self, info: Info, after: Position | None = None
    ) -> AsyncGenerator[IncidentEvent, None]:
        asking = info.context
        ends = await check_happened(asking, after or 0)
        followed = _follow(asking, ends.last if after is None else after)
        with closing(asking.parts.streams.open(asking.caller.counted_as)):
            async with aclosing(followed) as events:
                async for event in events:
                    yield event


async def _follow(asking: Asking, after: int) -> AsyncGenerator[IncidentEvent, None]:
    position = after
    batches: AsyncIterator[list[Encoded]] = asking.parts.followers.follow(asking.tenant_id, after)
    async with aclosing(batches) as following:
        async for batch in following:
            for encoded in batch:
                yield IncidentEvent.of(encoded.event)
                position = encoded.position
    raise Overloaded(f"Lookout is stopping: subscribe again after position {position}")
