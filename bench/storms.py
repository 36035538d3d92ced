"""A storm over many tenants, and what it costs one that is quiet."""

import asyncio
import statistics
import time
from pathlib import Path

import httpx

from bench import tenants
from bench.figure import Figure, Size, at_most, percentile
from bench.programs import Program, lookout
from bench.tenants import MAKES_TENANTS, SECRET, Quiet, headers_of

TENANTS = 50
ALERTS = 100_000
SECONDS = 10
BATCH = 100
OVERLOADED = 503


async def quiet_beside_a_storm(size: Size, directory: Path) -> list[Figure]:
    """100,000 alerts in 10 s over 50 tenants: what is lost of them, and the 99th percentile of another tenant."""
    config = directory / "makes-tenants.yaml"
    config.write_text(MAKES_TENANTS)
    ratios: list[float] = []
    lost: list[float] = []
    events: list[float] = []
    refusals: list[float] = []
    took: list[float] = []
    for _ in range(size.rounds):
        async with lookout(SERVICE_TOKEN=SECRET, LOOKOUT_CONFIG=str(config)) as program:
            quiet = Quiet(program.url, 0.04)
            following = asyncio.create_task(quiet.run())
            await quiet.measure(3)
            alone = await quiet.measure(SECONDS)
            beside, (refused, seconds) = await asyncio.gather(quiet.measure(SECONDS), _storm(program.url))
            following.cancel()
            await asyncio.wait({following})
            stored, told = await _kept(program)
        lost.append(ALERTS - stored)
        refusals.append(refused)
        took.append(seconds)
        events.append(told)
        ratios.append(percentile(beside, 0.99) / percentile(alone, 0.99))
    what = f"storm of {ALERTS:,} alerts in {SECONDS} s over {TENANTS} tenants"
    notes = {"events told": round(max(events)), "503s": round(max(refusals)), "taken after s": round(max(took), 1)}
    return [
        at_most(f"{what}: lost", 0, "alerts", lost, **notes),
        at_most(f"{what}: p99 of a quiet tenant", 2, "x alone", ratios),
    ]


async def quiet_beside_one_tenant(size: Size, _: Path) -> list[Figure]:
    """What another tenant at full speed costs one that is quiet: the 99th percentile from its POST to its event."""
    told = [await tenants.measured(tenants.arguments(["--seconds", str(SECONDS)])) for _ in range(size.rounds)]
    return [
        at_most(
            "one tenant at full speed: p99 of a quiet one, POST to event",
            2,
            "x alone",
            [each["p99_ratio"] for each in told],
            **{
                "ms alone": round(statistics.median(each["idle"]["p99"] for each in told), 1),
                "ms beside it": round(statistics.median(each["loaded"]["p99"] for each in told), 1),
                "storm's alerts/s": round(statistics.median(each["storm_alerts_per_second"] for each in told)),
            },
        )
    ]


async def _storm(url: str) -> tuple[int, float]:
    """How often a request was refused, and how many seconds it took until all were taken."""
    began = time.monotonic()
    requests = ALERTS // BATCH
    limits = httpx.Limits(max_connections=64)
    sent: list[asyncio.Task[int]] = []
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as http, asyncio.TaskGroup() as sending:
        for request in range(requests):
            await asyncio.sleep(began + request * SECONDS / requests - time.monotonic())
            sent.append(sending.create_task(_send(http, request)))
    return sum(task.result() for task in sent), time.monotonic() - began


async def _send(http: httpx.AsyncClient, request: int) -> int:
    """Send until it is taken, as an Alertmanager does that is told to come again. How often it was refused."""
    alerts = [
        {"labels": {"alertname": "Storm", "job": f"job-{request % 7}", "instance": f"{request}-{place}"}}
        for place in range(BATCH)
    ]
    headers = headers_of(f"storm-{request % TENANTS}")
    refused = 0
    while (answer := await http.post("/api/v2/alerts", json=alerts, headers=headers)).status_code == OVERLOADED:
        refused += 1
        await asyncio.sleep(float(answer.headers["Retry-After"]))
    answer.raise_for_status()
    return refused


async def _kept(program: Program) -> tuple[int, int]:
    """Alerts and events of the storm's tenants."""
    database = await program.database()
    stored = await database.fetchval("SELECT count(*) FROM alerts WHERE tenant_id LIKE 'storm-%'")
    told = await database.fetchval("SELECT count(*) FROM events WHERE tenant_id LIKE 'storm-%'")
    await database.close()
    return stored, told
