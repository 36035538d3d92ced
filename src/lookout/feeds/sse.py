"""Server-Sent Events: the feed as a stream that resumes by position (WHATWG HTML, section 9.2).

Plain ASGI: an event is encoded once per process and written as it is, so that a delivery costs one copy.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import structlog
from starlette.types import Receive, Scope, Send

from lookout.errors import Conflict, Gone
from lookout.feeds.encoded import Encoded
from lookout.store.database import PASSING_ERRORS

RECONNECT_MILLISECONDS = 1000

log = structlog.get_logger()
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # Proxies that buffer would hold events back.
    (b"x-accel-buffering", b"no"),
]
_LAST = {"type": "http.response.body", "body": b"", "more_body": False}


async def frames(events: AsyncGenerator[list[Encoded]]) -> AsyncGenerator[bytes]:
    """A follower's events as they stand in the stream, and between them signs of life."""
    async with aclosing(events):
        async for batch in events:
            yield b"".join(map(frame, batch)) if batch else b": still here\n\n"


class EventStream:
    """An ASGI response that writes frames until either side ends it, or `ended` returns. Calls `over` at its end."""

    def __init__(
        self, written: AsyncGenerator[bytes], ended: Callable[[], Awaitable[None]], over: Callable[[], None]
    ) -> None:
        self._written = written
        self._ended = ended
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._answer(scope, receive, send)
        finally:
            self._over()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        if scope["method"] == "HEAD":
            await self._written.aclose()
            await send({"type": "http.response.body", "body": b""})
            return
        writing = asyncio.create_task(self._write(send))
        leaving = asyncio.create_task(_disconnect(receive))
        ending = asyncio.ensure_future(self._ended())
        tasks = (writing, leaving, ending)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if ending in done and not done & {writing, leaving}:
            await send(_LAST)
        if not writing.cancelled() and (error := writing.exception()) is not None:
            # The answer has begun: all that is left is to say so here, and to cut it off, so that the client resumes.
            log.error("sse", action="stream_failed", error=repr(error), exc_info=error)
            raise error

    async def _write(self, send: Send) -> None:
        opening = f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
        await send({"type": "http.response.body", "body": opening, "more_body": True})
        try:
            async with aclosing(self._written):
                async for body in self._written:
                    await send({"type": "http.response.body", "body": body, "more_body": True})
        except (Conflict, Gone):
            pass  # a client that is ahead of the log, or was slower than the retention, is told so when it resumes
        except PASSING_ERRORS as error:
            log.warning("sse", action="stream_ended", error=repr(error))  # its client resumes, here or elsewhere
        await send(_LAST)


def frame(encoded: Encoded) -> bytes:
    """One event as it stands in the stream. JSON has no line breaks, so it is one line of data."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (encoded.position, encoded.event_type.encode(), encoded.json)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
