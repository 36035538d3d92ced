"""How fast the log goes to Kafka: what has gathered, and what comes in. On Apache Kafka where there is Java."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from tests.kafka.brokers import mock_broker, real_broker, which

from bench.figure import Figure, Size, at_least, at_most
from bench.load import FRESH, wrk
from bench.programs import Program, lookout

GATHERED = 50_000
EVENTS_PER_SECOND = 2_000
BATCH = 100
MOST_RUNS = 20


@asynccontextmanager
async def _broker(directory: Path) -> AsyncGenerator[str]:
    if which().startswith("apache"):
        async with real_broker(directory) as broker:
            yield broker.address
    else:
        async with mock_broker() as broker:
            yield broker.address


@asynccontextmanager
async def _relaying(directory: Path) -> AsyncGenerator[Program]:
    """A Lookout that sends every change to a broker of its own."""
    async with _broker(directory) as address, lookout(KAFKA_BROKERS=address, LOOKOUT_INCIDENTS_TOPIC="") as program:
        yield program


async def _metric(http: httpx.AsyncClient, name: str) -> float:
    families = text_string_to_metric_families((await http.get("/metrics")).text)
    samples = [sample for family in families for sample in family.samples]
    return max((sample.value for sample in samples if sample.name == name), default=0.0)


async def catching_up(size: Size, directory: Path) -> list[Figure]:
    """A log of 50,000 events that nobody has sent yet, to the topic of service events."""
    rates: list[float] = []
    for number in range(size.rounds):
        place = directory / str(number)
        place.mkdir()
        async with _relaying(place) as program:
            rates.append(await _caught_up(program, place))
    return [at_least("Kafka relay, catching up", 10_000, "events/s", rates, broker=which(), events=GATHERED)]


async def _caught_up(program: Program, directory: Path) -> float:
    """Events a second from the first that is sent to the last, while alerts still come in as fast as they may."""
    async with httpx.AsyncClient(base_url=program.url, timeout=60) as http:
        for run in range(MOST_RUNS):
            if await _metric(http, "lookout_relay_lag_events") >= GATHERED:
                break
            url = program.url + "/api/v2/alerts"
            await wrk(url, FRESH, "64", f"k{run}", connections=16, seconds=5, directory=directory)
        began, behind = time.monotonic(), await _metric(http, "lookout_relay_lag_events")
        while await _metric(http, "lookout_relay_lag_events") > 0:
            pass
        return behind / (time.monotonic() - began)


async def keeping_up(size: Size, directory: Path) -> list[Figure]:
    """2,000 events a second, and how far the relay is behind them."""
    lags: list[float] = []
    async with _relaying(directory) as program, httpx.AsyncClient(base_url=program.url, timeout=60) as http:
        for number in range(size.rounds):
            sending = asyncio.create_task(_send(http, f"r{number}", size.seconds))
            worst = 0.0
            while not sending.done():
                await asyncio.sleep(0.2)
                worst = max(worst, await _metric(http, "lookout_relay_lag_seconds"))
            await sending
            lags.append(worst)
    what = f"Kafka relay, the worst lag at {EVENTS_PER_SECOND:,} events/s"
    return [at_most(what, 1, "s", lags, broker=which())]


async def _send(http: httpx.AsyncClient, run: str, seconds: float) -> None:
    """Requests of 100 first-seen alerts, evenly."""
    began = time.monotonic()
    requests = round(seconds * EVENTS_PER_SECOND / BATCH)
    async with asyncio.TaskGroup() as sending:
        for request in range(requests):
            await asyncio.sleep(began + request * BATCH / EVENTS_PER_SECOND - time.monotonic())
            alerts = [{"labels": {"alertname": "Relayed", "job": f"{run}-{request}-{place}"}} for place in range(BATCH)]
            sending.create_task(http.post("/api/v2/alerts", json=alerts))
