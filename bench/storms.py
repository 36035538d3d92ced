"""A storm over many tenants, and what it costs one that is quiet."""

import asyncio
import multiprocessing
import statistics
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from bench import tenants
from bench.figure import Cost, Figure, Size, median_of, percentile
from bench.programs import lookout, watched
from bench.senders import Refused, Sender, body, senders
from bench.tenants import MAKES_TENANTS, SECRET, Quiet, go_last, going_first
from lookout.incidents.policy import Pace

TENANTS = 50
ALERTS = 100_000
SECONDS = 10
BATCH = 100
CONNECTIONS = 64
LONG_SECONDS = 40
"""Of which the quiet tenant's 99th percentile is taken beside one tenant: ten have too few of its alerts."""
EVERY = 0.04
"""Seconds between two alerts of the quiet tenant."""
LOOK, TOLD_LOOKS = 0.1, 600
"""How often it is asked whether all is told, and for how long at most: what is not told then is lost."""


class Round(msgspec.Struct, frozen=True):
    """What came of one storm."""

    quiet: tuple[float, float]
    """The 99th percentile of the quiet tenant in milliseconds, alone and beside it."""
    cost: Cost
    refused: int
    seconds: float
    """Until all was taken."""
    lost: int
    events: list[int]
    """By incident."""
    bound: int
    """Of these for each."""


async def quiet_beside_a_storm(size: Size, directory: Path) -> list[Figure]:
    """100,000 alerts in 10 s over 50 tenants: what is lost, what is told, and the 99th percentile of another tenant."""
    config = directory / "makes-tenants.yaml"
    config.write_text(MAKES_TENANTS)
    rounds = [await _round(config) for _ in range(size.rounds)]
    taken = {
        "events told": max(sum(one.events) for one in rounds),
        "503s": max(one.refused for one in rounds),
        "taken after s": round(max(one.seconds for one in rounds), 1),
    }
    alone, beside = (statistics.median(times) for times in zip(*(one.quiet for one in rounds), strict=True))
    return [
        Figure("storm_lost", [one.lost for one in rounds], taken, [median_of([one.cost for one in rounds])]),
        Figure("storm_feed", [max(one.events) / one.bound for one in rounds], {"its bound": rounds[0].bound}),
        Figure(
            "storm_quiet",
            [late / early for early, late in (one.quiet for one in rounds)],
            {"ms alone": round(alone, 1), "ms beside it": round(beside, 1), "storm's s": taken["taken after s"]},
        ),
    ]


async def _round(config: Path) -> Round:
    environ = {"SERVICE_TOKEN": SECRET, "LOOKOUT_CONFIG": str(config)}
    async with lookout(**environ) as program, _storming(program.url) as storm:
        with going_first():
            quiet = Quiet(program.url, EVERY)
            following = asyncio.create_task(quiet.run())
            await quiet.measure(tenants.WARM_UP)
            alone = await quiet.measure(SECONDS)
            with watched(program) as watch:
                storm.send(None)
                began = time.monotonic()
                beside = await quiet.measure(SECONDS)
                refused, seconds, spent = await asyncio.to_thread(storm.recv)
            watch.cpu["load"] += spent
            following.cancel()
            await asyncio.wait({following})
        database = await program.database()
        for _ in range(TOLD_LOOKS):
            if not await database.fetchval("SELECT EXISTS (SELECT FROM postponed_alerts)"):
                break
            await asyncio.sleep(LOOK)
        told_after = time.monotonic() - began
        stored: int = await database.fetchval("SELECT count(*) FROM alerts WHERE tenant_id LIKE 'storm-%'")
        counted = await database.fetch(
            "SELECT total_alerts, (SELECT count(*) FROM events AS e WHERE e.incident_id = i.id) AS events "
            "FROM incidents AS i WHERE tenant_id LIKE 'storm-%'"
        )
        await database.close()
        return Round(
            quiet=(percentile(alone, 0.99) * 1000, percentile(beside, 0.99) * 1000),
            cost=watch.cost("the storm, and the quiet tenant beside it", "alerts", ALERTS),
            refused=refused,
            seconds=seconds,
            lost=ALERTS - min(stored, sum(row["total_alerts"] for row in counted)),
            events=[row["events"] for row in counted],
            bound=most_events(told_after),
        )


def most_events(seconds: float) -> int:
    """That an incident may tell of in so long, by the policy: a burst, then one an interval, and the last state."""
    pace = Pace()
    return pace.burst + int(seconds / pace.interval.total_seconds()) + 1


async def quiet_beside_one_tenant(size: Size, _: Path) -> list[Figure]:
    """What another tenant at full speed costs one that is quiet: the 99th percentile from its POST to its event."""
    told = [await tenants.measured(tenants.arguments(["--seconds", str(LONG_SECONDS)])) for _ in range(size.rounds)]
    notes = {
        "ms alone": round(statistics.median(each["idle"]["p99"] for each in told), 1),
        "ms beside it": round(statistics.median(each["loaded"]["p99"] for each in told), 1),
        "storm's alerts/s": round(statistics.median(each["storm_alerts_per_second"] for each in told)),
    }
    return [Figure("one_storm_quiet", [each["p99_ratio"] for each in told], notes)]


@asynccontextmanager
async def _storming(url: str) -> AsyncGenerator[Connection]:
    """Who storms, in a process of its own that waits for a word: then it storms, and says what came of it."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=storm, args=(url, theirs))
    process.start()
    try:
        await asyncio.to_thread(ours.recv)
        yield ours
    finally:
        process.kill()
        await asyncio.to_thread(process.join)


def storm(url: str, told: Connection) -> None:
    """Send it all at its pace once told to. Tell how often it was refused, after how many seconds all was taken, and
    how many of the processor that took."""
    go_last()
    bodies = list(map(_body, range(ALERTS // BATCH)))
    told.send(None)
    told.recv()
    before = time.process_time()
    refused, seconds = asyncio.run(_storm(url, bodies))
    told.send((refused, seconds, time.process_time() - before))


def _body(request: int) -> bytes:
    """Of a tenant's one group, which so has something to tell twice a second."""
    labels = ({"alertname": "Storm", "job": "storm", "instance": f"{request}-{place}"} for place in range(BATCH))
    ends_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    return body({"labels": each, "endsAt": ends_at} for each in labels)


async def _storm(url: str, bodies: list[bytes]) -> tuple[int, float]:
    began = time.monotonic()
    async with senders(url, [{"Authorization": f"Bearer {SECRET}"}] * CONNECTIONS) as free:
        idle: asyncio.Queue[Sender] = asyncio.Queue()
        for sender in free:
            idle.put_nowait(sender)
        sent: list[asyncio.Task[int]] = []
        async with asyncio.TaskGroup() as sending:
            for request, content in enumerate(bodies):
                await asyncio.sleep(began + request * SECONDS / len(bodies) - time.monotonic())
                sent.append(sending.create_task(_send(idle, request, content)))
    return sum(task.result() for task in sent), time.monotonic() - began


async def _send(idle: asyncio.Queue[Sender], request: int, content: bytes) -> int:
    """Send until it is taken, as an Alertmanager does that is told to come again. How often it was refused."""
    tenant = f"X-Tenant-ID: storm-{request % TENANTS}\r\n"
    sender = await idle.get()
    for refused in range(ALERTS):
        try:
            await sender.send(content, tenant)
        except Refused as error:
            if error.retry_after is None:
                raise
            await asyncio.sleep(error.retry_after)
        else:
            idle.put_nowait(sender)
            return refused
    raise AssertionError("it is refused for ever")
