"""Who goes first while two commits are under way: the quiet tenants.

They share a processor and a database. So whoever commits a storm stands still, between two of its steps, while the
quiet lane commits; for a bounded time, or quiet tenants of whom there are many would keep it from ever ending.
"""

import asyncio
import threading
import time
from collections.abc import Generator, Set
from contextlib import contextmanager, suppress

from lookout.intake.queue import QUIET_BATCH, Lane

STANDSTILL_SECONDS = 0.1
STANDSTILL_LIMIT = 2.0
STANDSTILL_ALERTS = 500
"""For how long, in all, a commit stands still for others: so much for so many alerts, about as long again as it takes
itself, and never longer than the limit: it has a time limit of its own."""


class Way:
    """What one piece of work goes by. `ways` say who has precedence; None: nobody has.

    It has stood still for `spent` seconds already.
    """

    def __init__(self, ways: "Ways | None", alerts: int, *, spent: float = 0) -> None:
        self._ways = ways
        self._left = min(STANDSTILL_SECONDS * max(1.0, alerts / STANDSTILL_ALERTS), STANDSTILL_LIMIT) - spent

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
    """The ways of both lanes: the quiet one has precedence over a storm.

    But not where the storm's commit is of the same tenant, as what time changes may be: the quiet one would wait for
    its locks.
    """

    def __init__(self) -> None:
        self._quiet: Set[str] | None = None
        self._storm: Set[str] | None = None
        """Whose commit is under way in each lane."""
        self._clear = asyncio.Event()
        self._clear_for_threads = threading.Event()
        self._look()

    @property
    def are_clear(self) -> bool:
        """Whether nobody with precedence is at work, or who is may be waiting for the storm."""
        return self._quiet is None or not self._quiet.isdisjoint(self._storm or ())

    @property
    def are_shared(self) -> bool:
        """Whether there is a storm to have precedence over."""
        return self._storm is not None

    @contextmanager
    def of(self, lane: Lane, alerts: int, tenants: Set[str] = frozenset()) -> Generator[Way]:
        """The way of a commit of so many alerts of these tenants, which is under way until the block ends."""
        if lane is Lane.ALL:
            with self._storming(alerts, tenants) as way:
                yield way
            return
        self._quiet = tenants
        self._look()
        try:
            yield Way(None, alerts)
        finally:
            self._quiet = None
            self._look()

    @contextmanager
    def _storming(self, alerts: int, tenants: Set[str]) -> Generator[Way]:
        if alerts <= QUIET_BATCH:  # as many as a quiet one: where there is no storm nobody has precedence
            yield Way(None, alerts)
            return
        self._storm = tenants
        self._look()
        try:
            yield Way(self, alerts)
        finally:
            self._storm = None
            self._look()

    async def until_clear(self) -> None:
        """Wait until nobody with precedence is at work."""
        await self._clear.wait()

    def hold_thread(self, seconds: float) -> None:
        """The same for a thread, for at most so long."""
        self._clear_for_threads.wait(seconds)

    def _look(self) -> None:
        for clear in (self._clear, self._clear_for_threads):
            if self.are_clear:
                clear.set()
            else:
                clear.clear()
