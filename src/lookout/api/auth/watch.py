"""The watch over open streams: one whose credential has expired, or was revoked, ends within seconds."""

import asyncio
from datetime import timedelta

import structlog

from lookout.api.auth.gate import Gate
from lookout.clock import Clock
from lookout.store.database import PASSING_ERRORS

INTERVAL = timedelta(seconds=1)
"""How often the credentials of open streams are looked at. With what is remembered of a token: out within 5 s."""

log = structlog.get_logger()


class _Watched:
    def __init__(self) -> None:
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
        while True:
            await self._clock.sleep(INTERVAL)
            for authorization, watched in list(self._watched.items()):
                try:
                    if not await self._gate.holds(authorization):
                        watched.ended.set()
                except PASSING_ERRORS as error:
                    # Nobody can say: a stream that reads from the same database will not go on for long.
                    log.warning("auth", action="watch_failed", error=repr(error))

    async def ended(self, authorization: str) -> None:
        """Return once this credential no longer holds."""
        watched = self._watched.setdefault(authorization, _Watched())
        watched.streams += 1
        try:
            await watched.ended.wait()
        finally:
            watched.streams -= 1
            if not watched.streams and self._watched.get(authorization) is watched:
                del self._watched[authorization]
