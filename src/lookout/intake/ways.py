"""Which of two commits goes first, when both are under way: that of the quiet tenants.

They share a processor and a database. So whoever commits a storm stands still, between two of its statements, while the
quiet lane commits; for a bounded time, or quiet tenants of whom there are many would keep it from ever ending.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress

from lookout.intake.queue import Lane

STANDSTILL_SECONDS = 0.1
STANDSTILL_LIMIT = 2.0
STANDSTILL_ALERTS = 500
"""For how long, in all, a commit stands still for others: so much for so many alerts, about as long again as it takes
itself, and never longer than the limit: it has a time limit of its own."""


class Way:
    """What one commit goes by. `clear` is set while nobody has precedence over it."""

    def __init__(self, clear: asyncio.Event, alerts: int) -> None:
        self._clear = clear
        self._left = min(STANDSTILL_SECONDS * max(1.0, alerts / STANDSTILL_ALERTS), STANDSTILL_LIMIT)

    async def give(self) -> None:
        """Return once nobody with precedence commits, or once this commit has waited long enough."""
        if self._clear.is_set() or self._left <= 0:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._left):
                await self._clear.wait()
        self._left -= loop.time() - began


class Ways:
    """The ways of both lanes: the quiet one has precedence."""

    def __init__(self) -> None:
        self._clear = asyncio.Event()
        self._clear.set()
        self._always = asyncio.Event()
        self._always.set()

    @contextmanager
    def of(self, lane: Lane, alerts: int) -> Generator[Way]:
        """The way of a commit of this lane, of so many alerts, which is under way until the block ends."""
        if lane is Lane.ALL:
            yield Way(self._clear, alerts)
            return
        self._clear.clear()
        try:
            yield Way(self._always, alerts)
        finally:
            self._clear.set()
