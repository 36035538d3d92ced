"""A client that is cut off at random places during 10,000 changes sees each once, and so does every other feed (I4)."""

import asyncio
import random

from tests.driver import Driver
from tests.unit.graphql.client import open_socket

CHANGES = 10_000
BATCH = 250
LIVE = "subscription($after: Position) { liveIncidentUpdates(after: $after) { position eventId } }"

Seen = list[tuple[int, str]]


async def _make_changes(lookout: Driver) -> None:
    for batch in range(CHANGES // BATCH):
        alerts = [lookout.alert({"job": f"{batch}-{number}"}) for number in range(BATCH)]
        (await lookout.post_alerts(*alerts)).raise_for_status()


async def _by_cut_streams(lookout: Driver) -> Seen:
    rng = random.Random(1)
    seen: Seen = []
    while len(seen) < CHANGES:
        left = rng.randrange(1, 800)
        async with lookout.stream(last_event_id=str(len(seen))) as events:
            while left and len(seen) < CHANGES:
                event = await anext(events)
                seen.append((event.position, event.event_id))
                left -= 1
    return seen


async def _by_cut_subscriptions(lookout: Driver) -> Seen:
    rng = random.Random(2)
    seen: Seen = []
    while len(seen) < CHANGES:
        left = rng.randrange(1, 3000)
        async with open_socket(lookout, "/graphql/ws") as socket:
            await socket.subscribe(LIVE, after=len(seen))
            while left and len(seen) < CHANGES:
                event = (await socket.next())["liveIncidentUpdates"]
                seen.append((event["position"], event["eventId"]))
                left -= 1
            # Cut, and not closed in order.
            socket.connection.transport.abort()
    return seen


async def test_i4_cut_clients_of_every_feed_see_every_change_once_and_in_order(lookout: Driver) -> None:
    await lookout.clock.until_asleep(seconds=1)
    async with asyncio.timeout(120):
        _, streamed, subscribed = await asyncio.gather(
            _make_changes(lookout), _by_cut_streams(lookout), _by_cut_subscriptions(lookout)
        )
        paged = [(event.position, event.event_id) for event in await lookout.feed()]
    assert [position for position, _ in streamed] == list(range(1, CHANGES + 1))
    assert len({event_id for _, event_id in streamed}) == CHANGES
    assert paged == streamed
    assert subscribed == streamed
