"""Who sends: a pair of Prometheus, an Alertmanager, and a program that sends events, as each does when it is refused.

None of them knows of faults. Prometheus drops what is not answered and says it again with its next resend; the others
try again until there is an answer.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Protocol

import httpx

from faults.ledger import FIRING, RESOLVED, Thing, World
from faults.link import Link

SECRET = "faults" * 8
TICK = 1.0
"""Seconds from one evaluation of the rules to the next."""
RESEND = timedelta(seconds=10)
LEASE = timedelta(minutes=4)
RESOLVED_FOR = timedelta(minutes=15)
"""How long Prometheus goes on to tell of what has ended."""
TIMEOUT = 10.0
BATCH = 64
EVENT_TIMEOUT = 40.0
"""Longer than anything is frozen or silent: the order of events is all that there is to tell by."""
AT_ONCE = 16
"""Events about different things under way."""
RETRY = 0.3
NEVER = "0001-01-01T00:00:00Z"
TOO_MUCH = 503
UNKNOWN = "unknown"
"""What was told of a thing where nobody knows whether it was heard: it is told again, and so is its end."""


class Traffic:
    """What all senders sent, and the answers that none may get."""

    def __init__(self) -> None:
        self.requests = 0
        self.alerts = 0
        self.answers: Counter[int] = Counter()
        self.unanswered = 0
        self.faults: list[str] = []

    def note(self, answer: httpx.Response, path: str) -> bool:
        """Whether it was taken. Anything but 2xx and 503 with `Retry-After` is a fault."""
        self.answers[answer.status_code] += 1
        if answer.is_success:
            return True
        if answer.status_code != TOO_MUCH or "Retry-After" not in answer.headers:
            self.faults.append(f"{path} was answered {answer.status_code}: {answer.text[:300]}")
        return False


class Door:
    """The load balancer: each request goes to any of the replicas."""

    def __init__(self, links: Sequence[Link], chance: Random, traffic: Traffic) -> None:
        self._links = links
        self._chance = chance
        self._traffic = traffic
        self._http = httpx.AsyncClient(verify=False)

    async def post(self, tenant_id: str, path: str, body: Any, count: int, seconds: float = TIMEOUT) -> bool | None:
        """Whether it was taken; None without an answer, and where that is that nobody knows."""
        self._traffic.requests += 1
        self._traffic.alerts += count
        url = f"http://127.0.0.1:{self._chance.choice(self._links).port}{path}"
        try:
            async with asyncio.timeout(seconds):
                answer = await self._http.post(url, json=body, headers=headers_of(tenant_id), timeout=seconds)
        except httpx.ConnectError:
            return False
        except (httpx.HTTPError, TimeoutError):
            self._traffic.unanswered += 1
            return None
        return self._traffic.note(answer, path) or None

    async def close(self) -> None:
        await self._http.aclose()


def headers_of(tenant_id: str) -> dict[str, str]:
    """With these any request is this tenant's."""
    return {"Authorization": f"Bearer {SECRET}", "X-Tenant-ID": tenant_id}


class Sender(Protocol):
    """One of them."""

    async def send(self) -> None:
        """Say what is due."""
        ...

    async def send_all(self) -> None:
        """Say everything once more; return once all of it was answered."""
        ...


class Prometheus:
    """One of a pair: both see the same, a moment apart."""

    def __init__(self, name: str, world: World, door: Door) -> None:
        self.name = name
        self._world = world
        self._door = door
        self._said: dict[str, tuple[str, datetime]] = {}

    async def send(self) -> None:
        """What is new, and what is due to be said again, 64 alerts a request. What is not answered is dropped."""
        now = datetime.now(UTC)
        for batch in _batches([thing for thing in self._world.things if self._is_due(thing, now)], BATCH):
            await self._post(batch)

    async def burst(self, count: int) -> None:
        """See so many things begin, and tell of each before it sees the next."""
        for _ in range(count):
            self._world.move(datetime.now(UTC), 1)
            await self.send()

    async def send_all(self) -> None:
        """All that fires, and all that has ended."""
        for batch in _batches(self._world.things, BATCH):
            await _until_taken(partial(self._post, batch))

    def _is_due(self, thing: Thing, now: datetime) -> bool:
        state, said_at = self._said.get(thing.key, (RESOLVED, now))
        if thing.ended_at is not None and (thing.key not in self._said or now - thing.ended_at > RESOLVED_FOR):
            return False  # it was over before anybody was told
        return state != thing.state or now - said_at >= RESEND

    async def _post(self, things: Sequence[Thing]) -> bool:
        now = datetime.now(UTC)
        states = [thing.state for thing in things]
        for thing, state in zip(things, states, strict=True):
            self._said[thing.key] = (state, now)
            thing.word_of(self.name).resolve_tried |= state == RESOLVED
        body = [
            {
                "labels": {**thing.labels, "prometheus_replica": self.name},
                "annotations": {"summary": _summary_of(thing)},
                "startsAt": thing.started_at.isoformat(),
                "endsAt": (thing.ended_at or now + LEASE).isoformat(),
                "generatorURL": "http://prometheus.example/graph",
            }
            for thing in things
        ]
        is_taken = await self._door.post(self._world.tenant_id, "/api/v2/alerts", body, len(body))
        _answered(self.name, things, states, is_taken=is_taken is True)
        return is_taken is True


class Alertmanager:
    """One group for each service. What is not answered is sent again, until it is."""

    def __init__(self, name: str, world: World, door: Door) -> None:
        self.name = name
        self._world = world
        self._door = door
        self._told: dict[str, str] = {}

    async def send(self) -> None:
        """Each group in which something has changed."""
        for group in _groups(self._world.things):
            if any(self._told.get(thing.key, RESOLVED) != thing.state for thing in group):
                await self._flush(group, everything=False)

    async def send_all(self) -> None:
        """Each group, with all that ever was in it."""
        for group in _groups(self._world.things):
            await _until_taken(partial(self._flush, group, everything=True))

    async def _flush(self, group: Sequence[Thing], *, everything: bool) -> bool:
        """All of the group that fires, and what was told to fire and does no more."""
        things = [
            thing
            for thing in group
            if thing.state == FIRING
            or self._told.get(thing.key, RESOLVED) != RESOLVED
            or (everything and thing.key in self._told)
        ]
        if not things:
            return True
        states = [thing.state for thing in things]
        for thing, state in zip(things, states, strict=True):
            thing.word_of(self.name).resolve_tried |= state == RESOLVED
        alerts: list[dict[str, Any]] = [
            {
                "status": state,
                "labels": thing.labels,
                "annotations": {"summary": _summary_of(thing)},
                "startsAt": thing.started_at.isoformat(),
                "endsAt": thing.ended_at.isoformat() if thing.ended_at is not None else NEVER,
                "generatorURL": "",
                "fingerprint": thing.key,
            }
            for thing, state in zip(things, states, strict=True)
        ]
        message = {
            "version": "4", "groupKey": f"{{}}:{{service={things[0].labels['service']!r}}}", "truncatedAlerts": 0,
            "status": FIRING if FIRING in states else RESOLVED, "receiver": "lookout", "alerts": alerts,
        }  # fmt: skip
        is_taken = await self._door.post(self._world.tenant_id, "/v1/alertmanager", message, len(alerts))
        _answered(self.name, things, states, is_taken=is_taken is True)
        for thing, state in zip(things, states, strict=True):
            if is_taken:
                self._told[thing.key] = state
            elif is_taken is None and state == FIRING:
                thing.word_of(self.name).is_unsure = True
                self._told.setdefault(thing.key, UNKNOWN)
        return is_taken is True


class Events:
    """A program that says what begins and what ends, and nothing of when: one request for each."""

    def __init__(self, name: str, world: World, door: Door) -> None:
        self.name = name
        self._world = world
        self._door = door
        self._told: dict[str, str] = {}

    async def send(self) -> None:
        """What has changed."""
        changed = [thing for thing in self._world.things if self._told.get(thing.key, RESOLVED) != thing.state]
        for some in _batches(changed, AT_ONCE):
            await asyncio.gather(*map(self._post, some))

    async def send_all(self) -> None:
        """Everything that ever was triggered."""
        told = [thing for thing in self._world.things if thing.key in self._told]
        for some in _batches(told, AT_ONCE):
            await asyncio.gather(*(_until_taken(partial(self._post, thing)) for thing in some))

    async def _post(self, thing: Thing) -> bool:
        state, word, key = thing.state, thing.word_of(self.name), thing.labels["instance"]
        word.resolve_tried |= state == RESOLVED
        event: dict[str, Any] = {"routing_key": "faults", "dedup_key": key, "event_action": "resolve"}
        if state == FIRING:
            payload = {"summary": _summary_of(thing), "source": key, "severity": thing.labels["severity"]}
            event = {**event, "event_action": "trigger", "payload": payload}
        is_taken = await self._door.post(self._world.tenant_id, "/v1/events", event, 1, EVENT_TIMEOUT)
        _answered(self.name, [thing], [state], is_taken=is_taken is True)
        if is_taken:
            self._told[thing.key] = state
        elif is_taken is None and state == FIRING:
            word.is_unsure = True
            self._told.setdefault(thing.key, UNKNOWN)
        return is_taken is True


def _summary_of(thing: Thing) -> str:
    return f"{thing.labels['instance']} of {thing.labels['tenant']} is not well"


async def _until_taken(send: Callable[[], Awaitable[bool]]) -> None:
    while True:
        if await send():
            return
        await asyncio.sleep(RETRY)


def _batches(things: Sequence[Thing], size: int) -> list[Sequence[Thing]]:
    return [things[start : start + size] for start in range(0, len(things), size)]


def _groups(things: Iterable[Thing]) -> list[list[Thing]]:
    groups: dict[str, list[Thing]] = {}
    for thing in things:
        groups.setdefault(thing.labels["service"], []).append(thing)
    return list(groups.values())


def _answered(sender: str, things: Sequence[Thing], states: Sequence[str], *, is_taken: bool) -> None:
    for thing, state in zip(things, states, strict=True):
        word = thing.word_of(sender)
        if is_taken and state == FIRING:
            word.firing_answered = True
        elif is_taken:
            word.resolve_answered = True


async def keep_sending(sender: Sender, stopped: asyncio.Event) -> None:
    """Send what is due, and again a moment later, until it is stopped. What is under way then goes to its end."""
    while not stopped.is_set():
        await sender.send()
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), TICK)
