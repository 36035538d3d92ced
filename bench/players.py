"""Tenants that send as in life: each over connections of its own, at real pace, evenly spread over the interval.

What fires is told again in groups, as rules are evaluated in groups; what begins or ends is told at once; and what has
ended is told again with its group for a while.
"""

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import msgspec

from bench.quantities import Load
from bench.senders import Refused, Sender, alert, body

SEED = 1
AT_ONCE = 32
"""Requests under way while the tenants are filled."""
CHANGE = -1
"""In place of a group's: what begins and ends is of any group."""
HOLDS = 4
"""How many intervals a sender's word holds, as Prometheus has it."""


class Ended(msgspec.Struct, frozen=True):
    """An alert that has ended, and until when its end is told."""

    number: int
    at: datetime
    until: datetime


class Group(msgspec.Struct):
    """The alerts of one rule group of a tenant: what fires, the oldest first, and what has ended."""

    tenant: int
    firing: deque[int]
    ended: deque[Ended]


class Players:
    """All tenants. `senders` are, for each tenant, those of its twins."""

    def __init__(self, load: Load, senders: Sequence[Sequence[Sender]]) -> None:
        self._load = load
        self._senders = senders
        self._random = random.Random(SEED)
        self._numbers = iter(range(10**9))
        self._began = datetime.now(UTC).replace(microsecond=0)
        self._groups = list(self._made())
        self.requests = 0
        self.begun = 0
        self.refused = 0
        self.late_seconds = 0.0
        """How far the senders themselves were behind at the worst."""

    def _made(self) -> Iterator[Group]:
        count = max(1, round(self._load.active_alerts / self._load.alerts_per_request))
        left = self._load.active_alerts
        for place in range(count):
            size = left // (count - place)
            left -= size
            yield Group(place % self._load.tenants, deque(islice(self._numbers, size)), deque())

    async def fill(self) -> tuple[int, int]:
        """Begin all that fires, and begin and end what ended a short while ago. Returns how many of each."""
        holds = self._load.resend_seconds * HOLDS
        told_for = self._load.end_repeats * self._load.resend_seconds
        now = datetime.now(UTC)
        for _ in range(round(self._load.starts * told_for)):
            group = self._random.choice(self._groups)
            until = now + timedelta(seconds=self._random.uniform(0, told_for))
            group.ended.append(Ended(next(self._numbers), now, until))

        async def begin(group: Group) -> None:
            # Leases are looked at when they end for the first time: spread evenly, as they are in the long run.
            ends_at = datetime.now(UTC) + timedelta(seconds=holds * self._random.uniform(0.5, 1.5))
            fresh = [*group.firing, *(ended.number for ended in group.ended)]
            await self._send(group.tenant, [(number, ends_at) for number in fresh])

        async def end(group: Group) -> None:
            await self._send(group.tenant, [(ended.number, ended.at) for ended in group.ended])

        await _all(begin, self._groups)
        await _all(end, [group for group in self._groups if group.ended])
        firing, ended = (sum(map(len, some)) for some in zip(*((g.firing, g.ended) for g in self._groups), strict=True))
        return firing + ended, ended

    async def play(self, stop: asyncio.Event) -> None:
        """Send at real pace until `stop`."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        due: list[tuple[float, int]] = []
        for place in range(len(self._groups)):
            # Tenants one after the other, and not each with all its groups at once.
            heapq.heappush(due, (self._load.resend_seconds * self._random.random(), place))
        if self._load.starts:
            heapq.heappush(due, (1 / self._load.starts, CHANGE))
        sending: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            at, place = due[0]
            wait = began + at - loop.time()
            self.late_seconds = max(self.late_seconds, -wait)
            if wait > 0:
                await asyncio.sleep(min(wait, 0.5))
                continue
            every = 1 / self._load.starts if place == CHANGE else self._load.resend_seconds
            heapq.heapreplace(due, (at + every, place))
            task = asyncio.create_task(self._change() if place == CHANGE else self._repeat(self._groups[place]))
            sending.add(task)
            task.add_done_callback(sending.discard)
            await asyncio.sleep(0)  # whoever is late sends all the same
        await asyncio.gather(*sending)

    async def _repeat(self, group: Group) -> None:
        now = datetime.now(UTC)
        while group.ended and group.ended[0].until < now:
            group.ended.popleft()
        ends_at = now + timedelta(seconds=self._load.resend_seconds * HOLDS)
        firing = [(number, ends_at) for number in group.firing]
        await self._send(group.tenant, [*firing, *((ended.number, ended.at) for ended in group.ended)])

    async def _change(self) -> None:
        """One alert begins, and another one ends."""
        begins, ends = self._random.choice(self._groups), self._random.choice(self._groups)
        now = datetime.now(UTC)
        number = next(self._numbers)
        self.begun += 1
        await self._send(begins.tenant, [(number, now + timedelta(seconds=self._load.resend_seconds * HOLDS))])
        begins.firing.append(number)
        if ends.firing:
            ended = ends.firing.popleft()
            await self._send(ends.tenant, [(ended, now)])
            until = now + timedelta(seconds=self._load.resend_seconds * self._load.end_repeats)
            ends.ended.append(Ended(ended, now, until))

    async def _send(self, tenant: int, alerts: Sequence[tuple[int, datetime]]) -> None:
        if not alerts:
            return
        twins = self._senders[tenant]
        replicas = [f"replica-{place}" for place in range(len(twins))] if len(twins) > 1 else [""]
        sent = [
            sender.send(body(alert(number, self._began, ends_at, replica) for number, ends_at in alerts))
            for sender, replica in zip(twins, replicas, strict=True)
        ]
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
        self.requests += len(outcomes)
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                self.refused += 1
            elif isinstance(outcome, BaseException):
                raise outcome


async def _all(do: Callable[[Group], Awaitable[None]], groups: Iterable[Group]) -> None:
    """For each of the groups, so many at once."""
    left = iter(groups)

    async def some() -> None:
        for group in left:
            await do(group)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
