"""Request bodies, read whole and within bounds: one body, and all bodies under way at once."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.requests import Request

from lookout.errors import Overloaded
from lookout.sources.parsed import MalformedBody

BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of one body: 100,000 alerts of an Alertmanager group are 50 MB."""
BODIES_LIMIT = 4 * BODY_LIMIT
"""Bytes of all bodies that are being read or stored. Parsed, alerts take up to four times as much for a moment."""


class Bodies:
    """Reads bodies, and knows how much is under way."""

    def __init__(self) -> None:
        self._under_way = 0

    @asynccontextmanager
    async def read(self, request: Request, limit: int | None = None) -> AsyncGenerator[bytes]:
        """The body, counted until the block ends. Raises `MalformedBody` (413) for one beyond `limit`, or the limit of
        all bodies, and `Overloaded`.
        """
        limit = BODY_LIMIT if limit is None else limit
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            raise _too_large(limit)
        taken = 0
        chunks: list[bytes] = []
        try:
            async for chunk in request.stream():
                taken += len(chunk)
                self._under_way += len(chunk)
                if taken > limit:
                    raise _too_large(limit)
                if self._under_way > BODIES_LIMIT:
                    raise Overloaded("too many large requests are under way; nothing of this one was taken")
                chunks.append(chunk)
            yield b"".join(chunks)
        finally:
            self._under_way -= taken


def _too_large(limit: int) -> MalformedBody:
    bound = f"{limit // (1024 * 1024)} MiB" if limit >= 1024 * 1024 else f"{limit:,} bytes"
    return MalformedBody(f"the body is larger than {bound}; nothing of it was taken", status=413, code=413)
