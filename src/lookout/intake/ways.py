"""Who goes first while two commits are under way: the quiet tenants, until their followers here have read it.

They share a processor and a database. So whoever commits a storm stands still, between two of its steps, while the
quiet lane commits and what it committed is read; for a bounded time, or quiet tenants of whom there are many would keep
it from ever ending.
"""

import asyncio
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

from lookout.intake.queue import Lane

STANDSTILL_SECONDS = 0.1
STANDSTILL_LIMIT = 2.0
STANDSTILL_ALERTS = 500
"""For how long, in all, a commit stands still for others: so much for so many alerts, about as long again as it takes
itself, and never longer than the limit: it has a time limit of its own."""


class Way:
    """What one piece of work goes by. `ways` say who has precedence; None: nobody has."""

    def __init__(self, ways: "Ways | None", alerts: int) -> None:
        self._ways = ways
        self._left = min(STANDSTILL_SECONDS * max(1.0, alerts / STANDSTILL_ALERTS), STANDSTILL_LIMIT)

    async def give(self) -> None:
        """Return once nobody with precedence is at work, or once this one has waited long enough."""
        if self._ways is None or self._ways.are_clear or self._left <= 0:
            return
        began = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._left):
                await self._ways.until_clear()
        self._left -= time.monotonic() - began

    def give_in_thread(self) -> None:
        """The same for a thread."""
        if self._ways is None or self._ways.are_clear or self._left <= 0:
            return
        began = time.monotonic()
        self._ways.hold_thread(self._left)
        self._left -= time.monotonic() - began


class Ways:
    """The ways of both lanes: the quiet one has precedence."""

    def __init__(self) -> None:
        self._first = 0
        self._others = 0
        self._clear = asyncio.Event()
        self._clear_for_threads = threading.Event()
        self._clear.set()
        self._clear_for_threads.set()

    @property
    def are_clear(self) -> bool:
        """Whether nobody with precedence is at work."""
        return not self._first

    @property
    def are_shared(self) -> bool:
        """Whether there is anybody to have precedence over."""
        return self._others > 0

    @contextmanager
    def of(self, lane: Lane, alerts: int) -> Generator[Way]:
        """The way of a commit of this lane, of so many alerts, which is under way until the block ends."""
        if lane is Lane.ALL:
            self._others += 1
            try:
                yield Way(self, alerts)
            finally:
                self._others -= 1
            return
        self._enter()
        try:
            yield Way(None, alerts)
        finally:
            self._leave()

    def hold(self, until: "asyncio.Future[None]") -> None:
        """Let what is done by then have precedence too."""
        self._enter()
        until.add_done_callback(lambda _: self._leave())

    async def until_clear(self) -> None:
        """Wait until nobody with precedence is at work."""
        await self._clear.wait()

    def hold_thread(self, seconds: float) -> None:
        """The same for a thread, for at most so long."""
        self._clear_for_threads.wait(seconds)

    def _enter(self) -> None:
        self._first += 1
        self._clear.clear()
        self._clear_for_threads.clear()

    def _leave(self) -> None:
        self._first -= 1
        if not self._first:
            self._clear.set()
            self._clear_for_threads.set()
