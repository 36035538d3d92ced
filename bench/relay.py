"""How fast the log goes to Kafka: what has gathered, and what comes in. On Apache Kafka where there is Java.

How far the relay is, is read from the database by one small query: asking Lookout itself costs it more than the relay.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import msgspec
from tests.kafka.brokers import MOCK, REAL, Broker, jars, mock_broker, real_broker

from bench.figure import Cost, Figure, Size, median_of
from bench.load import FRESH, wrk
from bench.programs import Program, lookout, watched
from lookout.kafka import SERVICE_EVENTS_TOPIC
from lookout.store.sql import SQL

GATHERED = 50_000
PARTITIONS = 3
EVENTS_PER_SECOND = 2_000
BATCH = 100
MOST_RUNS = 20
LOOK = 0.05
FEED = "service_events"
POSITIONS = (
    "SELECT (SELECT coalesce(sum(last_position), 0) FROM feeds) AS events, "
    "(SELECT coalesce(sum(position), 0) FROM relays) AS sent"
)


@asynccontextmanager
async def _broker(directory: Path) -> AsyncGenerator[Broker]:
    if jars() is not None:
        async with real_broker(directory) as broker:
            yield broker
    else:
        async with mock_broker() as broker:
            yield broker


@asynccontextmanager
async def _relaying(directory: Path) -> AsyncGenerator[tuple[Program, Broker]]:
    """A Lookout that sends every change, and nothing else, to a broker of its own."""
    async with _broker(directory) as broker:
        await broker.create(SERVICE_EVENTS_TOPIC, PARTITIONS)
        async with lookout(KAFKA_BROKERS=broker.address, LOOKOUT_INCIDENTS_TOPIC="off") as program:
            yield program, broker


async def catching_up(size: Size, directory: Path) -> list[Figure]:
    """The events of an outage of the broker, to the topic of service events."""
    costs: list[Cost] = []
    for number in range(size.rounds):
        place = directory / str(number)
        place.mkdir()
        async with _relaying(place) as (program, broker):
            await broker.kill()
            await _gather(program, place)
            await broker.start()
            costs.append(await _caught_up(program))
    rates = [cost.per_second for cost in costs]
    return [Figure("catching_up", rates, {**_notes(), "events": GATHERED}, [median_of(costs)])]


def _notes() -> dict[str, int | str]:
    """What ran: one topic, `service_events`, so that its relay is measured alone."""
    return {"broker": REAL if jars() is not None else MOCK, "LOOKOUT_INCIDENTS_TOPIC": "off", "tenants": 1}


async def _gather(program: Program, directory: Path) -> None:
    """Have so many events in the log."""
    database = await program.database()
    for run in range(MOST_RUNS):
        if (await _positions(database))[0] >= GATHERED:
            await database.close()
            return
        url = program.url + "/api/v2/alerts"
        await wrk(url, FRESH, "64", f"k{run}", connections=16, seconds=2, directory=directory)
    raise AssertionError(f"after {MOST_RUNS} runs there are fewer than {GATHERED:,} events")


async def _caught_up(program: Program) -> Cost:
    """From the first event that is seen sent to the last."""
    database = await program.database()
    _, seen = await _looks(database, lambda _, sent: sent > 0)
    with watched(program) as watch:
        _, sent = await _looks(database, lambda events, sent: sent >= events)
    await database.close()
    return watch.cost("catching up", "events", sent - seen)


async def _looks(database: asyncpg.Connection, is_there: Callable[[int, int], bool]) -> tuple[int, int]:
    """The positions, once they are so."""
    while True:
        events, sent = await _positions(database)
        if is_there(events, sent):
            return events, sent
        await asyncio.sleep(LOOK)


async def keeping_up(size: Size, directory: Path) -> list[Figure]:
    """2,000 events a second, and how far the relay is behind them."""
    lags: list[float] = []
    costs: list[Cost] = []
    async with _relaying(directory) as (program, _), httpx.AsyncClient(base_url=program.url, timeout=60) as http:
        database = await program.database()
        for number in range(size.rounds):
            with watched(program) as watch:
                sending = asyncio.create_task(_send(http, f"r{number}", size.seconds))
                worst = 0.0
                while not sending.done():
                    await asyncio.sleep(0.1)
                    worst = max(worst, await _lag(database))
                await sending
            lags.append(worst)
            costs.append(watch.cost("taking in and relaying", "events", size.seconds * EVENTS_PER_SECOND))
        await database.close()
    return [Figure("keeping_up", lags, _notes(), [median_of(costs)])]


async def _positions(database: asyncpg.Connection) -> tuple[int, int]:
    """How many events there are, and how many of them have been sent."""
    row = await database.fetchrow(POSITIONS)
    assert row is not None
    return int(row["events"]), int(row["sent"])


async def _lag(database: asyncpg.Connection) -> float:
    """For how many seconds the oldest event that is not sent yet has been waiting: what `/metrics` says."""
    row = await database.fetchrow(SQL["relay_lag"], FEED, 1)
    assert row is not None
    oldest_at: datetime | None = row["oldest_at"]
    return (datetime.now(UTC) - oldest_at).total_seconds() if oldest_at is not None else 0.0


async def _send(http: httpx.AsyncClient, run: str, seconds: float) -> None:
    """Requests of 100 first-seen alerts, evenly. Raises if one of them is not taken: then it was another load."""

    async def post(body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        (await http.post("/api/v2/alerts", content=body, headers=headers)).raise_for_status()

    began = time.monotonic()
    requests = round(seconds * EVENTS_PER_SECOND / BATCH)
    async with asyncio.TaskGroup() as sending:
        for request in range(requests):
            await asyncio.sleep(began + request * BATCH / EVENTS_PER_SECOND - time.monotonic())
            alerts = [{"labels": {"alertname": "Relayed", "job": f"{run}-{request}-{place}"}} for place in range(BATCH)]
            sending.create_task(post(msgspec.json.encode(alerts)))
