"""A steady load in a process of its own: requests at a fixed rate, streams that follow, and what it saw of both.

It costs little, as it shares the machine with what is measured. Times are from when a request was due, so that a
Lookout that stands still is not measured by fewer requests.
"""

import asyncio
import gc
import re
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import uvloop

from bench.figure import percentile
from bench.mix import TENANTS, Mix, Request
from bench.tenants import headers_of

CONNECTIONS = 32
FOLLOWERS = 50
PAGES_PER_SECOND = 4
WARM_UP = 5.0
FULL = 20.0
"""Seconds at full rate."""
TICK = 0.002
"""How long a request may be late: all that are due go out together."""
WAITING_LIMIT = 20_000
"""Requests that wait for a connection. What is more is not sent, and counted as failed."""
OVERDUE = 30.0
"""Seconds after which an event should have come."""
OK = 200
OPENED, RESOLVED = b"incident_opened", b"incident_resolved"
_EVENT = re.compile(rb'id: (\d+)\nevent: (\w+)\ndata: [^\n]*?"title":"Soak \(job=(\d+)\)')
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Window(msgspec.Struct):
    """What a stretch of the load saw. Times in milliseconds."""

    seconds: float
    alerts: int
    answered: dict[str, int]
    """Requests by kind."""
    refused: dict[str, int]
    """Answers that are no 200, by status; `failed`, requests without an answer; `streams`, streams that ended."""
    waiting: int
    """Requests that were due and are not sent, at the end of the stretch."""
    awaited: int
    """Events that have not come, and may yet."""
    overdue: int
    """Those of them that should have come long ago: lost, if they never do."""
    gaps: int
    """Positions that were passed over on a stream."""
    delivered: int
    """Bytes on all streams."""
    p50: dict[str, float]
    """By kind of request; `stream` is from the due time of the request to its event on a stream."""
    p99: dict[str, float]


class _Line(asyncio.Protocol):
    """A connection that is kept open. Has one request at a time."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._transport: Any = None
        self._received = b""
        self._asked: tuple[Request, float] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._load.free(self)

    def send(self, request: Request, due: float) -> None:
        self._asked = request, due
        self._transport.write(request.wire)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return
        assert self._asked is not None
        (request, due), self._asked, self._received = self._asked, None, b""
        self._load.answered(request, due, int(head[9:12]))
        self._load.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost_connection(self, None if self._asked is None else self._asked[0])


class _Follower(asyncio.Protocol):
    """A stream. Tells what came if `told` is given, else throws it away."""

    def __init__(self, request: bytes, load: "Load", told: Callable[[int, bytes], None] | None) -> None:
        self._request = request
        self._load = load
        self._told = told
        self._received = b""
        self._last = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self._load.delivered += len(data)
        if self._told is None:
            return
        whole, _, self._received = (self._received + data).rpartition(b"\n\n")
        for position, event_type, number in _EVENT.findall(whole + b"\n\n" if whole else b""):
            self._load.gaps += bool(self._last and int(position) != self._last + 1)
            self._last = int(position)
            self._told(int(number), event_type)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.ended_streams += 1


class Load:
    """Sends and follows, and keeps account of it."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._address = where.hostname or "", where.port or 0
        self._mix = Mix()
        self._free: list[_Line] = []
        self._waiting: deque[tuple[Request, float]] = deque()
        self._is_full = False
        self._opening: set[asyncio.Task[None]] = set()
        self._awaited: dict[tuple[int, bytes], float] = {}
        self._follows = False
        self.delivered = 0
        self.gaps = 0
        self.ended_streams = 0
        self._begin()

    def _begin(self) -> None:
        self._since = time.monotonic()
        self._alerts = 0
        self._answered: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._times: defaultdict[str, list[float]] = defaultdict(list)
        self.delivered = self.gaps = self.ended_streams = 0

    async def connect(self) -> None:
        """Open the connections."""
        for _ in range(CONNECTIONS):
            await self._open()

    async def follow(self) -> None:
        """Open the streams. One of each tenant is read."""
        for number in range(FOLLOWERS):
            headers = {"Host": "127.0.0.1", "Accept": "text/event-stream", **headers_of(f"churn-{number % TENANTS}")}
            lines = ["GET /v1/feed HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
            request = "\r\n".join(lines).encode()
            told = self._came if number < TENANTS else None
            await asyncio.get_running_loop().create_connection(
                lambda request=request, told=told: _Follower(request, self, told), *self._address
            )
        self._follows = True

    async def full(self, seconds: float) -> float:
        """Send each request as soon as another was answered. Requests a second."""
        self._begin()
        self._is_full = True
        for line in self._free[:]:
            self._free.remove(line)
            self.free(line)
        await asyncio.sleep(seconds)
        self._is_full = False
        return sum(self._answered.values()) / (time.monotonic() - self._since)

    async def steady(self, rate: float) -> None:
        """Send so many requests a second, evenly, for ever."""
        began, sent = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - began) * rate)
            for _ in range(due - sent):
                self._send(self._mix.next(datetime.now(UTC)))
            sent = due
            await asyncio.sleep(TICK)

    async def read(self) -> None:
        """Read pages, evenly, for ever."""
        while True:
            self._send(self._mix.page())
            await asyncio.sleep(1 / PAGES_PER_SECOND)

    def window(self) -> Window:
        """What was seen since the last one."""
        now = time.monotonic()
        if self.ended_streams:
            self._refused["streams"] += self.ended_streams
        window = Window(
            seconds=round(now - self._since, 3),
            alerts=self._alerts,
            answered=dict(self._answered),
            refused=dict(self._refused),
            waiting=len(self._waiting),
            awaited=len(self._awaited),
            overdue=sum(now - due > OVERDUE for due in self._awaited.values()),
            gaps=self.gaps,
            delivered=self.delivered,
            p50={kind: round(percentile(times, 0.50), 2) for kind, times in self._times.items()},
            p99={kind: round(percentile(times, 0.99), 2) for kind, times in self._times.items()},
        )
        self._begin()
        return window

    def free(self, line: _Line) -> None:
        """A connection that has nothing to do."""
        if self._waiting:
            line.send(*self._waiting.popleft())
        elif self._is_full:
            self._note(request := self._mix.next(datetime.now(UTC)), now := time.monotonic())
            line.send(request, now)
        else:
            self._free.append(line)

    def answered(self, request: Request, due: float, status: int) -> None:
        """A request got its answer."""
        self._answered[request.kind] += 1
        self._alerts += request.alerts
        self._times[request.kind].append((time.monotonic() - due) * 1000)
        if status != OK:
            self._refused[str(status)] += 1

    def lost_connection(self, line: _Line, request: Request | None) -> None:
        """A connection broke: another one takes its place."""
        if request is not None:
            self._refused["failed"] += 1
        if line in self._free:
            self._free.remove(line)
        opening = asyncio.create_task(self._open())
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: _Line(self), *self._address)

    def _send(self, request: Request) -> None:
        now = time.monotonic()
        self._note(request, now)
        if self._free:
            self._free.pop().send(request, now)
        elif len(self._waiting) < WAITING_LIMIT:
            self._waiting.append((request, now))
        else:
            self._refused["failed"] += 1

    def _note(self, request: Request, now: float) -> None:
        if self._follows:
            self._awaited.update(dict.fromkeys([(number, OPENED) for number in request.begins], now))
            self._awaited.update(dict.fromkeys([(number, RESOLVED) for number in request.ends], now))

    def _came(self, number: int, event_type: bytes) -> None:
        due = self._awaited.pop((number, event_type), None)
        if due is not None:
            self._times["stream"].append((time.monotonic() - due) * 1000)


def run(url: str, rate: float, every: float, told: Connection) -> None:
    """Load until killed. `told` gets the full rate first, which is measured if no rate is given, and then windows."""
    gc.disable()  # nothing here is garbage that only it finds
    uvloop.run(_run(url, rate, every, told))


async def _run(url: str, rate: float, every: float, told: Connection) -> None:
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()
    loop.set_exception_handler(lambda _, error: failed.done() or failed.set_exception(_error_of(error)))
    load = Load(url)
    await load.connect()
    await load.full(WARM_UP)
    await load.follow()
    full = await load.full(FULL) if not rate else 2 * rate
    told.send(full)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.steady(full / 2))
        tasks.create_task(load.read())
        tasks.create_task(_tell(load, every, told))
        await failed


async def _tell(load: Load, every: float, told: Connection) -> None:
    load.window()
    began, number = time.monotonic(), 0
    while True:
        number += 1
        await asyncio.sleep(began + number * every - time.monotonic())
        told.send(load.window())


def _error_of(context: dict[str, Any]) -> BaseException:
    """What went wrong where nobody waits for it: the load is not what it should be, and ends."""
    return context.get("exception") or RuntimeError(context["message"])
