"""The watch over open streams: one whose credential has expired, or was revoked, ends within seconds.

When a credential expires is known from the start, so that asks nobody. Whether it was revoked has to be looked up: that
goes on beside it, for several at once, and what takes long holds up neither the others nor what expires.
"""

import asyncio
from datetime import datetime, timedelta

import structlog

from lookout.api.auth.gate import Gate
from lookout.clock import Clock
from lookout.errors import Overloaded
from lookout.store.database import PASSING_ERRORS

INTERVAL = timedelta(seconds=1)
"""How often the credentials of open streams are looked at. With what is remembered of a token: out within 5 s."""
LOOKS = 8
"""Credentials that are looked up at once."""
LOOK_SECONDS = 2.0
"""How long a look may take: then nobody can say, and the next round looks again."""

log = structlog.get_logger()


class _Watched:
    def __init__(self, expires_at: datetime | None) -> None:
        self.expires_at = expires_at
        self.streams = 0
        self.ended = asyncio.Event()


class Watch:
    """Knows the credentials of all open streams, however many streams each has."""

    def __init__(self, gate: Gate, clock: Clock) -> None:
        self._gate = gate
        self._clock = clock
        self._watched: dict[str, _Watched] = {}

    async def run(self) -> None:
        """Look now and then, for ever."""
        looking: asyncio.Task[None] | None = None
        try:
            while True:
                await self._clock.sleep(INTERVAL)
                self._end_expired()
                if looking is None or looking.done():
                    if looking is not None:
                        await looking  # what should not happen is not lost
                    looking = asyncio.create_task(self._look())
        finally:
            if looking is not None:
                looking.cancel()

    def _end_expired(self) -> None:
        now = self._clock.now()
        for watched in self._watched.values():
            if watched.expires_at is not None and now >= watched.expires_at:
                watched.ended.set()

    async def _look(self) -> None:
        """One round: whether each still holds."""
        waiting = iter([(text, watched) for text, watched in self._watched.items() if not watched.ended.is_set()])

        async def look_at_the_next() -> None:
            for authorization, watched in waiting:
                if not await self._may_hold(authorization):
                    watched.ended.set()

        async with asyncio.TaskGroup() as looks:
            for _ in range(LOOKS):
                looks.create_task(look_at_the_next())

    async def _may_hold(self, authorization: str) -> bool:
        """Whether a credential holds, or nobody can say: then a stream from the same database will soon end anyhow."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await self._gate.holds(authorization)
        except (Overloaded, *PASSING_ERRORS) as error:
            log.warning("auth", action="watch_failed", error=repr(error))
            return True

    async def ended(self, authorization: str, expires_at: datetime | None) -> None:
        """Return once this credential, which holds until then, no longer does."""
        watched = self._watched.setdefault(authorization, _Watched(expires_at))
        watched.streams += 1
        try:
            await watched.ended.wait()
        finally:
            watched.streams -= 1
            if not watched.streams and self._watched.get(authorization) is watched:
                del self._watched[authorization]
