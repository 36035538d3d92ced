"""Tenants that send as in life: who says what, how often, and what has ended is told again."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from bench.players import Players
from bench.quantities import Load
from bench.senders import Refused, Sender

LOAD = Load(tenants=5, active_alerts=37, firing_hours=0.1, alerts_per_request=4, end_repeats=15)
"""Ends are told again for a quarter of an hour, in which 2.5 times as many end as fire."""


class Heard(Sender):
    """Keeps what it is given, and sends nothing."""

    def __init__(self, news: asyncio.Event, refuses: bool) -> None:
        super().__init__("http://nowhere:1", {})
        self.bodies: list[list[dict[str, Any]]] = []
        self.news = news
        self._refuses = refuses

    async def send(self, body: bytes, headers: str = "", path: str = "", method: str = "POST") -> bytes:
        self.bodies.append(msgspec.json.decode(body))
        self.news.set()
        if self._refuses:
            raise Refused("HTTP/1.1 503", "")
        return b""


def heard(load: Load, refuses: bool = False) -> list[list[Heard]]:
    news = asyncio.Event()
    return [[Heard(news, refuses) for _ in range(load.twins)] for _ in range(load.tenants)]


def told(senders: Sequence[Sequence[Heard]]) -> Counter[str]:
    """How often each alert was told, by its job."""
    alerts = (alert for twins in senders for sender in twins for body in sender.bodies for alert in body)
    return Counter(alert["labels"]["job"] for alert in alerts)


async def play_until(players: Players, senders: Sequence[Sequence[Heard]], is_enough: Callable[[], bool]) -> None:
    """Have them play until enough was heard."""
    stop, news = asyncio.Event(), senders[0][0].news
    playing = asyncio.create_task(players.play(stop))
    async with asyncio.timeout(10):
        while not is_enough():
            news.clear()
            await news.wait()
    stop.set()
    await playing


async def test_all_begin_and_what_has_ended_is_told_twice() -> None:
    senders = heard(LOAD)
    players = Players(LOAD, senders)
    began, ended = await players.fill()
    assert ended == pytest.approx(LOAD.starts * 15 * 60, abs=1)
    assert began == LOAD.active_alerts + ended
    assert Counter(told(senders).values()) == {1: LOAD.active_alerts, 2: ended}


async def test_every_tenant_has_its_share() -> None:
    senders = heard(LOAD)
    await Players(msgspec.structs.replace(LOAD, end_repeats=0), senders).fill()
    firing = [sum(len(body) for sender in twins for body in sender.bodies) for twins in senders]
    assert sum(firing) == LOAD.active_alerts
    assert min(firing) > 0


async def test_twins_tell_the_same_and_say_who_they_are() -> None:
    load = msgspec.structs.replace(LOAD, twins=2, end_repeats=0)
    senders = heard(load)
    await Players(load, senders).fill()
    assert set(told(senders).values()) == {2}
    for place, sender in enumerate(senders[0]):
        assert {alert["labels"]["prometheus_replica"] for body in sender.bodies for alert in body} == {
            f"replica-{place}"
        }


async def test_in_each_interval_every_alert_is_told_again_once() -> None:
    load = msgspec.structs.replace(LOAD, resend_seconds=0.1, firing_hours=1e9, end_repeats=0)
    senders = heard(load)
    await play_until(Players(load, senders), senders, lambda: max(told(senders).values(), default=0) == 5)
    # Five times at its own moment of the interval: all others have had four of theirs, or five.
    assert set(told(senders).values()) <= {4, 5}
    assert len(told(senders)) == load.active_alerts


async def test_what_begins_is_told_again_and_so_is_what_has_ended() -> None:
    load = msgspec.structs.replace(LOAD, resend_seconds=0.1, firing_hours=1 / 3600, end_repeats=100)
    senders = heard(load)
    players = Players(load, senders)
    await play_until(players, senders, lambda: players.begun >= 10 and _ended_again(senders) > 0)
    counts = told(senders)
    fresh = [count for job, count in counts.items() if int(job.removeprefix("node-")) >= load.active_alerts]
    assert len(fresh) == players.begun
    assert max(fresh) > 1


def _ended_again(senders: Sequence[Sequence[Heard]]) -> int:
    """Alerts that were told to have ended, with the same end, more than once."""
    alerts = (alert for twins in senders for sender in twins for body in sender.bodies for alert in body)
    ends = Counter((alert["labels"]["job"], alert["endsAt"]) for alert in alerts)
    return sum(count > 1 for count in ends.values())


async def test_refused_requests_are_counted_and_stop_nobody() -> None:
    senders = heard(LOAD, refuses=True)
    players = Players(LOAD, senders)
    await players.fill()
    assert players.refused == players.requests > 0
