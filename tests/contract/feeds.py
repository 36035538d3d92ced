"""Every feed, as one thing: opened after a position, it gives positions and event ids, and waits for more."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tests.driver import Driver
from tests.unit.graphql.client import open_socket

Told = tuple[int, str]
"""Position and event id."""
Open = Callable[[Driver, int], AbstractAsyncContextManager[AsyncIterator[Told]]]

_LIVE = "subscription($after: Position) { liveIncidentUpdates(after: $after) { position eventId } }"


@asynccontextmanager
async def _json_pages(lookout: Driver, after: int) -> AsyncGenerator[AsyncIterator[Told]]:
    async def told() -> AsyncIterator[Told]:
        position = after
        while True:
            page = (
                (await lookout.http.get("/v1/feed", params={"after": position, "first": 2})).raise_for_status().json()
            )
            position = page["next"]
            for event in page["events"]:
                yield event["position"], event["event_id"]

    yield told()


@asynccontextmanager
async def _server_sent_events(lookout: Driver, after: int) -> AsyncGenerator[AsyncIterator[Told]]:
    async with lookout.stream(last_event_id=str(after)) as events:
        yield ((event.position, event.event_id) async for event in events)


@asynccontextmanager
async def _subscription(lookout: Driver, after: int) -> AsyncGenerator[AsyncIterator[Told]]:
    async def told() -> AsyncIterator[Told]:
        while True:
            event = (await socket.next())["liveIncidentUpdates"]
            yield event["position"], event["eventId"]

    async with open_socket(lookout) as socket:
        await socket.subscribe(_LIVE, after=after)
        yield told()


FEEDS: Mapping[str, Open] = {
    "json pages": _json_pages,
    "server-sent events": _server_sent_events,
    "graphql subscription": _subscription,
}
"""A new feed gets a line here, and must then do what all do."""
