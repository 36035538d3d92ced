"""Lookout's SSE stream, as the tests against real programs read it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec
from httpx_sse import aconnect_sse

from lookout.incidents.events import FeedEvent

PATIENCE = 60
"""Seconds to wait for what a real program does by its own clock."""


class Stream:
    """The events, one after the other."""

    def __init__(self, events: AsyncIterator[FeedEvent]) -> None:
        self._events = events

    async def next(self) -> FeedEvent:
        """The next event, when it comes."""
        async with asyncio.timeout(PATIENCE):
            return await anext(self._events)


@asynccontextmanager
async def stream_of(http: httpx.AsyncClient, after: int = 0) -> AsyncGenerator[Stream]:
    """The stream after a position, from the beginning of the log if none is given."""
    async with aconnect_sse(http, "GET", "/v1/feed", params={"after": after}, timeout=PATIENCE) as source:

        async def events() -> AsyncIterator[FeedEvent]:
            async for sse in source.aiter_sse():
                if sse.data:  # the first block only says when to come back
                    yield msgspec.json.decode(sse.data, type=FeedEvent)

        yield Stream(events())
