"""The watch over open streams: one whose credential has expired, or was revoked, ends within seconds.

That a credential's time is over is known without asking anybody. All else is asked for beside, so that one lookup that
takes long holds up neither that nor the other lookups.
"""

import asyncio
from datetime import datetime, timedelta

import structlog

from lookout.api.auth.gate import Gate
from lookout.clock import Clock
from lookout.store.database import PASSING_ERRORS

INTERVAL = timedelta(seconds=1)
"""How often the credentials of open streams are looked at. With what is remembered of a token: out within 5 s."""
LOOKUPS = 20
"""Credentials that are looked up at once."""
LOOKUP_SECONDS = 2.0
"""How long one lookup may take; then it is tried again."""

log = structlog.get_logger()


class _Watched:
    def __init__(self, expires_at: datetime | None) -> None:
        self.expires_at = expires_at
        self.streams = 0
        self.is_looked_up = False
        self.ended = asyncio.Event()


class Watch:
    """Knows the credentials of all open streams, however many streams each has."""

    def __init__(self, gate: Gate, clock: Clock) -> None:
        self._gate = gate
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._turns = asyncio.Semaphore(LOOKUPS)

    async def run(self) -> None:
        """Look now and then, for ever."""
        async with asyncio.TaskGroup() as lookups:
            while True:
                await self._clock.sleep(INTERVAL)
                now = self._clock.now()
                for authorization, watched in self._watched.items():
                    if watched.expires_at is not None and now >= watched.expires_at:
                        watched.ended.set()
                    elif not watched.is_looked_up:
                        watched.is_looked_up = True
                        lookups.create_task(self._look_up(authorization, watched))

    async def _look_up(self, authorization: str, watched: _Watched) -> None:
        try:
            async with self._turns, asyncio.timeout(LOOKUP_SECONDS):
                if not await self._gate.holds(authorization):
                    watched.ended.set()
        except PASSING_ERRORS as error:
            # Nobody can say: a stream that reads from the same database will not go on for long.
            log.warning("auth", action="watch_failed", error=repr(error))
        finally:
            watched.is_looked_up = False

    async def ended(self, authorization: str, expires_at: datetime | None) -> None:
        """Return once this credential, which ends by itself at `expires_at`, no longer holds."""
        watched = self._watched.setdefault(authorization, _Watched(expires_at))
        watched.streams += 1
        try:
            await watched.ended.wait()
        finally:
            watched.streams -= 1
            if not watched.streams and self._watched.get(authorization) is watched:
                del self._watched[authorization]
