"""The tests' clock: it stands until it is moved."""

import asyncio
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FakeClock:
    """A clock that only a test moves. What sleeps on it wakes when its time has come."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._sleepers: list[tuple[datetime, asyncio.Future[timedelta]]] = []
        self._fell_asleep = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    async def sleep(self, delay: timedelta) -> timedelta:
        sleeper = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + delay, sleeper))
        self._fell_asleep.set()
        return await sleeper

    async def until_asleep(self, **time: float) -> None:
        """Return once somebody sleeps who wakes in just this time: `until_asleep(seconds=1)`."""
        wanted = self._now + timedelta(**time)
        async with asyncio.timeout(10):
            while not any(wakes_at == wanted and not sleeper.done() for wakes_at, sleeper in self._sleepers):
                self._fell_asleep.clear()
                await self._fell_asleep.wait()

    def move(self, **time: float) -> None:
        """Let time pass: `move(minutes=5)`. Sleepers wake when the test next waits for something."""
        self._now += timedelta(**time)
        self._wake(late=False)

    def jump(self, **time: float) -> None:
        """Let time pass in which nothing runs, as when the machine is asleep: sleepers wake late."""
        self._now += timedelta(**time)
        self._wake(late=True)

    def _wake(self, *, late: bool) -> None:
        due = [(wakes_at, sleeper) for wakes_at, sleeper in self._sleepers if wakes_at <= self._now]
        self._sleepers = [(wakes_at, sleeper) for wakes_at, sleeper in self._sleepers if wakes_at > self._now]
        for wakes_at, sleeper in due:
            if not sleeper.done():
                sleeper.set_result(self._now - wakes_at if late else timedelta())
