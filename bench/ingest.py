"""How fast alerts are taken in: repeats and first-seen ones against Alertmanager and the bare database."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import psutil

from bench.figure import Figure, Size, at_least, at_most
from bench.load import FRESH, REPEAT, Load, alerts, written, wrk
from bench.programs import Program, alertmanager, lookout
from lookout.store.embedded import service_dsn

PATH = "/api/v2/alerts"
JSON = {"Content-Type": "application/json"}
DISTINCT = 10_000
MANY = 100_000
BARE_ROWS = 1024
"""Rows of a bare upsert: what 16 connections with 64 alerts each have under way."""


class Rate:
    """What a program took, and what it cost."""

    def __init__(self, load: Load, per_request: int, cpu: float) -> None:
        load.check()
        self.alerts = load.requests * per_request
        self.per_second = load.per_second * per_request
        self.cpu_microseconds = cpu / self.alerts * 1e6


async def _repeats(program: Program, bodies: Path, per_request: int, connections: int, seconds: float) -> Rate:
    before = program.cpu_seconds()
    load = await wrk(
        program.url + PATH, REPEAT, bodies, "POST", connections=connections, seconds=seconds, directory=bodies.parent
    )
    return Rate(load, per_request, program.cpu_seconds() - before)


async def _fresh(program: Program, run: str, seconds: float, directory: Path) -> Rate:
    before = program.cpu_seconds()
    load = await wrk(program.url + PATH, FRESH, "64", run, connections=16, seconds=seconds, directory=directory)
    return Rate(load, 64, program.cpu_seconds() - before)


@asynccontextmanager
async def _both(directory: Path) -> AsyncGenerator[tuple[Program, Program]]:
    async with lookout() as ours, alertmanager(directory) as theirs:
        yield ours, theirs


async def repeats(size: Size, directory: Path, *, per_request: int, connections: int, target: float) -> Figure:
    """Alerts that fire already, sent again and again, by turns to Lookout and to Alertmanager."""
    bodies = written(directory, DISTINCT, per_request)
    ours: list[Rate] = []
    theirs: list[Rate] = []
    async with _both(directory) as (lookout_program, alertmanager_program):
        for program in (lookout_program, alertmanager_program):  # until both know the alerts
            await _repeats(program, bodies, per_request, connections, 3)
        for _ in range(size.rounds):
            ours.append(await _repeats(lookout_program, bodies, per_request, connections, size.seconds))
            theirs.append(await _repeats(alertmanager_program, bodies, per_request, connections, size.seconds))
    ratios = [mine.per_second / other.per_second for mine, other in zip(ours, theirs, strict=True)]
    return at_least(
        f"re-sent alerts, {per_request} per request, {connections} connections",
        target,
        "x Alertmanager's alerts/s",
        ratios,
        **_rates("lookout", ours),
        **_rates("alertmanager", theirs),
    )


def _rates(name: str, rates: Sequence[Rate]) -> dict[str, float | str]:
    return {
        f"{name} alerts/s": round(statistics.median(rate.per_second for rate in rates)),
        f"{name} CPU us/alert": round(statistics.median(rate.cpu_microseconds for rate in rates), 1),
    }


async def repeats_in_batches(size: Size, directory: Path) -> list[Figure]:
    """As Prometheus sends them."""
    return [await repeats(size, directory, per_request=64, connections=16, target=1.5)]


async def repeats_alone(size: Size, directory: Path) -> list[Figure]:
    """One alert a request."""
    return [await repeats(size, directory, per_request=1, connections=64, target=0.65)]


async def first_seen(size: Size, directory: Path) -> list[Figure]:
    """Each a row, an event and an incident; against bare upserts into a table of one row each."""
    ours: list[Rate] = []
    bare: list[float] = []
    async with lookout() as program:
        database = await program.database()
        await _make_bare(database)
        await _fresh(program, "warm", 3, directory)
        for number in range(size.rounds):
            ours.append(await _fresh(program, f"r{number}", size.seconds, directory))
            bare.append(await _upserts(database, number, size.seconds))
        await database.close()
    ratios = [rate.per_second / upserts for rate, upserts in zip(ours, bare, strict=True)]
    return [
        at_least(
            "first-seen alerts, 64 per request",
            0.35,
            "x bare upserts/s",
            ratios,
            **_rates("lookout", ours),
            **{"bare upserts/s": round(statistics.median(bare))},
        )
    ]


async def _make_bare(database: asyncpg.Connection) -> None:
    await database.execute("CREATE SCHEMA bench")
    await database.execute(
        "CREATE TABLE bench.alerts (tenant_id text, fingerprint text, labels jsonb, ends_at timestamptz, "
        "PRIMARY KEY (tenant_id, fingerprint))"
    )


async def _upserts(database: asyncpg.Connection, run: int, seconds: float) -> float:
    """Rows a second: new ones, in batches as large as Lookout's, each batch a commit on disk."""
    labels = json.dumps({"alertname": "Fresh", "cluster": "eu-1", "job": "a", "instance": "10.0.0.1:9100"})
    rows, began = 0, time.perf_counter()
    while time.perf_counter() < began + seconds:
        names = [f"{run:02x}{rows + place:014x}" for place in range(BARE_ROWS)]
        await database.execute(
            "INSERT INTO bench.alerts SELECT 'default', name, label::jsonb, now() "
            "FROM unnest($1::text[], $2::text[]) AS given (name, label) "
            "ON CONFLICT (tenant_id, fingerprint) DO UPDATE SET ends_at = excluded.ends_at",
            names,
            [labels] * BARE_ROWS,
        )
        rows += BARE_ROWS
    return rows / (time.perf_counter() - began)


async def one_body(size: Size, directory: Path) -> list[Figure]:
    """100,000 alerts in one webhook, against as many sent to Alertmanager's API."""
    webhook, bodies = _webhook(), written(directory, MANY, 64)
    took: list[float] = []
    theirs: list[float] = []
    memory: list[float] = []
    for _ in range(size.rounds):
        async with lookout() as program, httpx.AsyncClient(base_url=program.url, timeout=300) as http:
            began = time.perf_counter()
            (await http.post("/v1/alertmanager", content=webhook, headers=JSON)).raise_for_status()
            took.append(time.perf_counter() - began)
            memory.append(program.peak_memory() / 2**20)
        async with alertmanager(directory) as program, httpx.AsyncClient(base_url=program.url, timeout=300) as http:
            content = [line.encode() for line in bodies.read_text().splitlines()]
            began = time.perf_counter()
            for body in content:
                (await http.post(PATH, content=body, headers=JSON)).raise_for_status()
            theirs.append(time.perf_counter() - began)
    ratios = [mine / other for mine, other in zip(took, theirs, strict=True)]
    what = f"{MANY:,} alerts in one body of {len(webhook) / 1e6:.0f} MB"
    seconds = {"lookout s": round(statistics.median(took), 2), "alertmanager s": round(statistics.median(theirs), 2)}
    return [
        at_most(what, 2, "x Alertmanager's time", ratios, **seconds),
        at_most(f"{what}: peak memory", 1024, "MiB", memory),
    ]


def _webhook() -> bytes:
    """As Alertmanager groups them: with a text that fills the body up to what 100,000 alerts usually have."""
    told = [{**alert, "status": "firing", "fingerprint": "0" * 16, "padding": "x" * 90} for alert in alerts(MANY)]
    message = {"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "lookout"}
    return json.dumps({**message, "alerts": told}, separators=(",", ":")).encode()


async def replicas(size: Size, directory: Path) -> list[Figure]:
    """First-seen alerts by one process, and by two on the same database."""
    ratios: list[float] = []
    rates: dict[int, list[float]] = {1: [], 2: []}
    async with lookout() as first, AsyncExitStack() as stack:
        second = await stack.enter_async_context(lookout(DATABASE_URL=service_dsn(first.database_url)))
        for number in range(size.rounds):
            for count in (1, 2):
                programs = (first, second)[:count]
                loads = [
                    _fresh_of(program, f"n{number}-{count}-{place}", size.seconds, directory)
                    for place, program in enumerate(programs)
                ]
                rates[count].append(sum(await asyncio.gather(*loads)))
            ratios.append(rates[2][-1] / rates[1][-1])
    told = {f"{count} alerts/s": round(statistics.median(values)) for count, values in rates.items()}
    return [
        at_least("two replicas, first-seen alerts", 1.5, "x one replica", ratios, **told, cores=psutil.cpu_count() or 0)
    ]


async def _fresh_of(program: Program, run: str, seconds: float, directory: Path) -> float:
    return (await _fresh(program, run, seconds, directory)).per_second
