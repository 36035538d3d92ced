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
import msgspec
import psutil

from bench.figure import Cost, Figure, Size, median_of
from bench.load import FRESH, FRESH_OF_TENANTS, REPEAT, Load, alerts, written, wrk
from bench.programs import Program, Watch, alertmanager, lookout, watched
from bench.tenants import MAKES_TENANTS, SECRET
from lookout.store.embedded import service_dsn

PATH = "/api/v2/alerts"
JSON = {"Content-Type": "application/json"}
DISTINCT = 10_000
MANY = 100_000
ONE_TENANT = {"tenants": 1}
BARE_ROWS = 1024
"""Rows of a bare upsert: what 16 connections with 64 alerts each have under way."""


class Rate:
    """What a program took, and what it cost."""

    def __init__(self, load: Load, per_request: int, watch: Watch) -> None:
        load.check()
        self.per_second = load.per_second * per_request
        self._alerts = load.requests * per_request
        self._watch = watch

    def cost(self, of: str) -> Cost:
        return self._watch.cost(of, "alerts", self._alerts, self.per_second)


async def _repeats(program: Program, bodies: Path, per_request: int, connections: int, seconds: float) -> Rate:
    url, directory = program.url + PATH, bodies.parent
    with watched(program) as watch:
        load = await wrk(url, REPEAT, bodies, "POST", connections=connections, seconds=seconds, directory=directory)
    return Rate(load, per_request, watch)


async def _fresh(program: Program, run: str, seconds: float, directory: Path) -> Rate:
    with watched(program) as watch:
        load = await wrk(program.url + PATH, FRESH, "64", run, connections=16, seconds=seconds, directory=directory)
    return Rate(load, 64, watch)


@asynccontextmanager
async def _both(directory: Path) -> AsyncGenerator[tuple[Program, Program]]:
    async with lookout() as ours, alertmanager(directory) as theirs:
        yield ours, theirs


async def repeats(size: Size, directory: Path, of: str, *, per_request: int, connections: int) -> Figure:
    """Alerts that fire already, sent again and again, by turns to Lookout and to Alertmanager."""
    bodies = written(directory, DISTINCT, per_request)
    ratios: list[float] = []
    costs: dict[str, list[Cost]] = {"Lookout": [], "Alertmanager": []}
    async with _both(directory) as programs:
        for program in programs:  # until both know the alerts
            await _repeats(program, bodies, per_request, connections, 3)
        for _ in range(size.rounds):
            rates = [await _repeats(program, bodies, per_request, connections, size.seconds) for program in programs]
            for program, rate in zip(programs, rates, strict=True):
                costs[program.name].append(rate.cost(program.name))
            ratios.append(rates[0].per_second / rates[1].per_second)
    return Figure(of, ratios, ONE_TENANT, [median_of(some) for some in costs.values()])


async def repeats_in_batches(size: Size, directory: Path) -> list[Figure]:
    """As Prometheus sends them."""
    return [await repeats(size, directory, "repeats_64", per_request=64, connections=16)]


async def repeats_alone(size: Size, directory: Path) -> list[Figure]:
    """One alert a request."""
    return [await repeats(size, directory, "repeats_1", per_request=1, connections=64)]


async def first_seen(size: Size, directory: Path) -> list[Figure]:
    """Each a row, an event and an incident; against bare upserts into a table of one row each."""
    ratios: list[float] = []
    costs: dict[str, list[Cost]] = {"Lookout": [], "bare upserts": []}
    async with lookout() as program:
        database = await program.database()
        await _make_bare(database)
        await _fresh(program, "warm", 3, directory)
        for number in range(size.rounds):
            ours = await _fresh(program, f"r{number}", size.seconds, directory)
            costs["Lookout"].append(ours.cost("Lookout"))
            with watched(program) as watch:
                rows, per_second = await _upserts(database, number, size.seconds)
            costs["bare upserts"].append(watch.cost("bare upserts", "rows", rows, per_second))
            ratios.append(ours.per_second / per_second)
        await database.close()
    return [Figure("first_seen", ratios, ONE_TENANT, [median_of(some) for some in costs.values()])]


async def _make_bare(database: asyncpg.Connection) -> None:
    await database.execute("CREATE SCHEMA bench")
    await database.execute(
        "CREATE TABLE bench.alerts (tenant_id text, fingerprint text, labels jsonb, ends_at timestamptz, "
        "PRIMARY KEY (tenant_id, fingerprint))"
    )


async def _upserts(database: asyncpg.Connection, run: int, seconds: float) -> tuple[int, float]:
    """New rows, and how many a second: in batches as large as Lookout's, each batch a commit on disk."""
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
    return rows, rows / (time.perf_counter() - began)


async def one_body(size: Size, directory: Path) -> list[Figure]:
    """100,000 alerts in one webhook, against as many sent to Alertmanager's API."""
    webhook = _webhook()
    content = [line.encode() for line in written(directory, MANY, 64).read_text().splitlines()]
    ours: list[Cost] = []
    theirs: list[Cost] = []
    for _ in range(size.rounds):
        async with lookout() as program:
            ours.append(await _posted(program, "/v1/alertmanager", [webhook]))
        async with alertmanager(directory) as program:
            theirs.append(await _posted(program, PATH, content))
    ratios = [other.per_second / mine.per_second for mine, other in zip(ours, theirs, strict=True)]
    notes = {"MB": round(len(webhook) / 1e6, 1)} | {
        f"s of {of}": round(MANY / median_of(costs).per_second, 2)
        for of, costs in (("Lookout", ours), ("Alertmanager", theirs))
    }
    return [
        Figure("one_body", ratios, notes, [median_of(ours), median_of(theirs)]),
        Figure("one_body_memory", [cost.peak_mib["Lookout"] for cost in ours]),
    ]


async def _posted(program: Program, path: str, bodies: Sequence[bytes]) -> Cost:
    """All of these one after the other, on one connection."""
    async with httpx.AsyncClient(base_url=program.url, timeout=300) as http:
        with watched(program) as watch:
            for body in bodies:
                (await http.post(path, content=body, headers=JSON)).raise_for_status()
    return watch.cost(program.name, "alerts", MANY)


def _webhook() -> bytes:
    """As Alertmanager groups them: with a text that fills the body up to what 100,000 alerts usually have."""
    told = [{**alert, "status": "firing", "fingerprint": "0" * 16, "padding": "x" * 90} for alert in alerts(MANY)]
    message = {"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "lookout"}
    return json.dumps({**message, "alerts": told}, separators=(",", ":")).encode()


async def replicas(size: Size, directory: Path) -> list[Figure]:
    """First-seen alerts by one process, and by two on the same database, by turns: of many tenants, and of one."""
    config = directory / "makes-tenants.yaml"
    config.write_text(MAKES_TENANTS)
    environ = {"SERVICE_TOKEN": SECRET, "LOOKOUT_CONFIG": str(config)}
    costs: dict[str, list[Cost]] = {}
    async with lookout(**environ) as first, AsyncExitStack() as stack:
        second = await stack.enter_async_context(lookout(DATABASE_URL=service_dsn(first.database_url), **environ))
        await _spread(REPLICATIONS[-1], (first, second), "warm", 3, directory)
        for number in range(size.rounds):
            for way in REPLICATIONS:
                cost = await _spread(way, (first, second), f"n{number}", size.seconds, directory)
                costs.setdefault(way.of, []).append(cost)
    ratios = {
        name: [
            both.per_second / alone.per_second
            for both, alone in zip(costs[f"two, {name}"], costs[f"one, {name.split(', ')[0]}"], strict=True)
        ]
        for name in (PARTED, ANY, ONE)
    }
    others = {f"ratio of {name}": round(statistics.median(ratios[name]), 2) for name in (ANY, ONE)}
    notes = {"tenants": TENANTS, "cores": psutil.cpu_count() or 0, **others}
    return [Figure("replicas", ratios[PARTED], notes, [median_of(some) for some in costs.values()])]


class Replication(msgspec.Struct, frozen=True):
    """One way of sending to replicas, always from two senders: how many replicas, and from where to where the numbers
    of each sender's tenants go."""

    of: str
    replicas: int
    tenants: tuple[tuple[int, int], tuple[int, int]]


TENANTS = 16
HALF = TENANTS // 2
PARTED, ANY, ONE = f"{TENANTS} tenants, each to one replica", f"{TENANTS} tenants, any to any", "one tenant"
REPLICATIONS = (
    Replication(f"one, {TENANTS} tenants", 1, ((0, HALF), (HALF, TENANTS))),
    Replication(f"two, {PARTED}", 2, ((0, HALF), (HALF, TENANTS))),
    Replication(f"two, {ANY}", 2, ((0, TENANTS), (0, TENANTS))),
    Replication(f"one, {ONE}", 1, ((0, 1), (0, 1))),
    Replication(f"two, {ONE}", 2, ((0, 1), (0, 1))),
)


async def _spread(way: Replication, programs: Sequence[Program], run: str, seconds: float, directory: Path) -> Cost:
    """What they come to, sent to in this way."""
    name = f"{run}-{REPLICATIONS.index(way)}"
    with watched(*programs) as watch:
        loads = await asyncio.gather(
            *(
                wrk(
                    programs[place % way.replicas].url + PATH, FRESH_OF_TENANTS, "64", f"{name}-{place}", SECRET,
                    *map(str, span), connections=16, seconds=seconds, directory=directory,
                )
                for place, span in enumerate(way.tenants)
            )
        )  # fmt: skip
    for load in loads:
        load.check()
    alerts = sum(load.requests for load in loads) * 64
    return watch.cost(way.of, "alerts", alerts, sum(load.per_second for load in loads) * 64)
