"""Request bodies, read whole and within bounds: one body, and all bodies under way at once."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.requests import Request

from lookout.errors import Overloaded
from lookout.sources.parsed import MalformedBody

BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of one body: 100,000 alerts of an Alertmanager group are 50 MB."""
BODIES_LIMIT = 4 * BODY_LIMIT
"""Bytes of all bodies that are being read or stored. Parsed, alerts take up to four times as much for a moment."""
BODY_SECONDS = 30.0
"""Until when a body has to be there: one that stands still holds its part of the limit of all."""


class Bodies:
    """Reads bodies, and knows how much is under way."""

    def __init__(self) -> None:
        self._under_way = 0

    @asynccontextmanager
    async def read(self, request: Request, limit: int | None = None) -> AsyncGenerator[bytes]:
        """The body, counted until the block ends.

        Raises `MalformedBody` for one beyond `limit` (413) or too slow (408), `Overloaded` beyond the limit of all.
        """
        limit = BODY_LIMIT if limit is None else limit
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            raise _too_large(limit)
        taken = 0
        chunks: list[bytes] = []
        try:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    async for chunk in request.stream():
                        taken += len(chunk)
                        self._under_way += len(chunk)
                        if taken > limit:
                            raise _too_large(limit)
                        if self._under_way > BODIES_LIMIT:
                            raise Overloaded("too many large requests are under way; nothing of this one was taken")
                        chunks.append(chunk)
            except TimeoutError:
                raise _too_slow() from None
            yield b"".join(chunks)
        finally:
            self._under_way -= taken


def _too_large(limit: int) -> MalformedBody:
    bound = f"{limit // (1024 * 1024)} MiB" if limit >= 1024 * 1024 else f"{limit:,} bytes"
    return MalformedBody(f"the body is larger than {bound}; nothing of it was taken", status=413, code=413)


def _too_slow() -> MalformedBody:
    message = f"the body did not arrive within {BODY_SECONDS:g} seconds; nothing of it was taken"
    return MalformedBody(message, status=408, code=408)
