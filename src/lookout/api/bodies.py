"""Request bodies, read whole and within bounds: one body, and all bodies under way at once."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from lookout.api.headers import headers_given
from lookout.api.limits import Key
from lookout.errors import Overloaded, TooSlow
from lookout.limits import Limits, size_in_words
from lookout.sources.parsed import MalformedBody

TENANT_PART = 2
"""A tenant has one part in so many of the room for all bodies: with ones that never end it keeps no others' out."""
SMALL_BODY = 1024 * 1024
RESERVE = 32 * 1024 * 1024
"""Bytes that only bodies have that are small as yet: tenants that fill all the rest keep out large ones alone."""
DIGITS = 18
"""Of a length that can be one at all."""
BODY_SECONDS = 30.0
"""Until when a body has to be there, whatever it is for: one that stands still holds a connection, and if it is of
alerts its part of the limit of all."""


def in_time(receive: Receive) -> Receive:
    """What a request is received by, which raises `TooSlow` if the body is not whole in time, counted from now."""
    ends_at = asyncio.get_running_loop().time() + BODY_SECONDS
    is_whole = False

    async def receive_in_time() -> Message:
        nonlocal is_whole
        if is_whole:  # what comes now is that the client goes, whenever that is
            return await receive()
        limit = asyncio.timeout_at(ends_at)
        try:
            async with limit:
                message = await receive()
        except TimeoutError:
            if not limit.expired():  # it is somebody else's: of the database, that was asked for the credential
                raise
            raise TooSlow(f"the body did not arrive within {BODY_SECONDS:g} seconds; nothing of it was taken") from None
        is_whole = not message.get("more_body", False)
        return message

    return receive_in_time


class Bodies:
    """Reads bodies, and knows how much is under way, in all and of each tenant."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._under_way = 0
        self._of_tenants: dict[Key, int] = {}

    async def read(self, scope: Scope, receive: Receive, key: Key, limit: int | None = None) -> bytes:
        """The body, which counts until it is told to be `done`. `key` names its tenant.

        Raises `MalformedBody` for one beyond `limit` (413) or too slow (408), `Overloaded` beyond the limit of all or
        of the tenant, `ClientDisconnect` if it does not come whole; then nothing of it counts.
        """
        limit = self._limits.body_bytes if limit is None else limit
        announced = headers_given(scope).get(b"content-length", b"").lstrip(b"0")
        if announced.isdigit() and (len(announced) > DIGITS or int(announced) > limit):
            raise _too_large(limit)
        taken = 0
        chunks: list[bytes] = []
        try:
            async for chunk in _chunks(receive):
                taken += len(chunk)
                self._count(key, len(chunk))
                if taken > limit:
                    raise _too_large(limit)
                self._check_room(key, taken)
                chunks.append(chunk)
        except BaseException:
            self._count(key, -taken)
            raise
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def done(self, key: Key, body: bytes) -> None:
        """A body that was read is not needed any more."""
        self._count(key, -len(body))

    def _count(self, key: Key, size: int) -> None:
        self._under_way += size
        self._of_tenants[key] = self._of_tenants.get(key, 0) + size
        if not self._of_tenants[key]:
            del self._of_tenants[key]

    def _check_room(self, key: Key, taken: int) -> None:
        """Whether a body may stay, of which so much has come. Raises `Overloaded`."""
        if self._of_tenants.get(key, 0) > self._limits.bodies_bytes // TENANT_PART:
            raise Overloaded("too many large requests of this tenant are under way; nothing of this one was taken")
        if self._under_way > self._limits.bodies_bytes + (RESERVE if taken <= SMALL_BODY else 0):
            raise Overloaded("too many large requests are under way; nothing of this one was taken")


async def _chunks(receive: Receive) -> AsyncGenerator[bytes]:
    """The parts of a body. Raises `MalformedBody` if it is too slow, and `ClientDisconnect`."""
    is_whole = False
    while not is_whole:
        try:
            message = await receive()
        except TooSlow as error:
            raise MalformedBody(str(error), status=408, code=408) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        is_whole = not message.get("more_body", False)
        yield message.get("body", b"")


def _too_large(limit: int) -> MalformedBody:
    return MalformedBody(
        f"the body is larger than {size_in_words(limit)}; nothing of it was taken", status=413, code=413
    )
