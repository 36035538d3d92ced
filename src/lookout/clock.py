"""The one clock. Nothing else in Lookout reads the time: `now` is an argument everywhere, in SQL too."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What tells the time and waits for it."""

    def now(self) -> datetime:
        """The time, timezone-aware, in UTC."""
        ...

    async def sleep(self, delay: timedelta) -> timedelta:
        """Return once `delay` has passed on this clock, with how much more it was: the process may have stood still."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, delay: timedelta) -> timedelta:
        wakes_at = self.now() + delay
        await asyncio.sleep(delay.total_seconds())
        return self.now() - wakes_at
