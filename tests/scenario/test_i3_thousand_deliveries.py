"""I3: a thousand requests of mixed senders, eight at once, to two replicas by turns: each order ends in what fires.

The same requests as in the unit test of this name, through HTTP, the intake's renewal of repeats, and the tables.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import cycle
from random import Random

import pytest
from tests.clock import FakeClock
from tests.deliveries import ARRIVAL, Request, half_an_hour, shuffled
from tests.driver import Driver
from tests.scenario.conftest import Start

COUNT = 1000
LANES = 8


def _lanes(requests: Sequence[Request]) -> list[list[Request]]:
    """The requests as eight senders would send them, each one after another; a chain has one sender."""
    lanes: list[list[Request]] = [[] for _ in range(LANES)]
    chains: dict[str, int] = {}
    for number, request in enumerate(requests):
        lane = chains.setdefault(request.chain, number % LANES) if request.chain else number % LANES
        lanes[lane].append(request)
    return lanes


async def _send(requests: Sequence[Request], replicas: Sequence[Driver], clock: FakeClock) -> None:
    for lookout, request in zip(cycle(replicas), requests, strict=False):
        answer = await lookout.repeats_captured(request.path, request.body)
        assert answer.is_success, answer.text
        clock.move(seconds=ARRIVAL.total_seconds() / COUNT)


async def _firing(lookout: Driver) -> set[str]:
    """The fingerprints of what fires, as the Alertmanager API tells them."""
    return {alert["fingerprint"] for alert in (await lookout.http.get("/api/v2/alerts")).json()}


@pytest.mark.parametrize("number", [1, 2])
async def test_i3_i5_in_any_order_what_really_fires_is_firing(start: Start, clock: FakeClock, number: int) -> None:
    random = Random(number)
    told = half_an_hour(random, clock.now())
    async with start() as one, start() as two:
        lanes = _lanes(shuffled(told.requests, random, COUNT))
        await asyncio.gather(*(_send(lane, (one, two), clock) for lane in lanes))
        await two.tells_what_waits()
        for lookout in (one, two):
            assert await _firing(lookout) == told.firing
        assert sum(incident.firing_alerts for incident in await one.incidents(first="500")) == len(told.firing)
        assert (await one.rebuild()).equal
        # When all fall silent, what was promised runs out, and then what was only told.
        for _ in range(6):
            clock.move(minutes=1)
            await two.ticks()
        rows = await one.sql("SELECT DISTINCT source FROM leases WHERE resolved_at IS NULL AND NOT expired")
        assert {row["source"] for row in rows} == {"alertmanager", "events", "grafana"}
        clock.move(seconds=timedelta(hours=12).total_seconds())
        await two.ticks()
        assert await _firing(one) == set()
        assert (await one.rebuild()).equal
