"""A storm over many tenants, and what it costs one that is quiet."""

import asyncio
import time
from pathlib import Path

import httpx

from bench.figure import Figure, Size, at_most, percentile
from bench.programs import Program, lookout
from bench.tenants import MAKES_TENANTS, SECRET, Quiet, headers_of

TENANTS = 50
ALERTS = 100_000
SECONDS = 10
BATCH = 100


async def quiet_beside_a_storm(size: Size, directory: Path) -> list[Figure]:
    """100,000 alerts in 10 s over 50 tenants: what is lost of them, and the 99th percentile of another tenant."""
    config = directory / "makes-tenants.yaml"
    config.write_text(MAKES_TENANTS)
    ratios: list[float] = []
    lost: list[float] = []
    events: list[float] = []
    for _ in range(size.rounds):
        async with lookout(SERVICE_TOKEN=SECRET, LOOKOUT_CONFIG=str(config)) as program:
            quiet = Quiet(program.url, 0.04)
            following = asyncio.create_task(quiet.run())
            await quiet.measure(3)
            alone = await quiet.measure(SECONDS)
            beside, _ = await asyncio.gather(quiet.measure(SECONDS), _storm(program.url))
            following.cancel()
            await asyncio.wait({following})
            stored, told = await _kept(program)
        lost.append(ALERTS - stored)
        events.append(told)
        ratios.append(percentile(beside, 0.99) / percentile(alone, 0.99))
    what = f"storm of {ALERTS:,} alerts in {SECONDS} s over {TENANTS} tenants"
    return [
        at_most(f"{what}: lost", 0, "alerts", lost, **{"events told": round(max(events))}),
        at_most(f"{what}: p99 of a quiet tenant", 2, "x alone", ratios),
    ]


async def _storm(url: str) -> None:
    began = time.monotonic()
    requests = ALERTS // BATCH
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as http, asyncio.TaskGroup() as sending:
        for request in range(requests):
            await asyncio.sleep(began + request * SECONDS / requests - time.monotonic())
            sending.create_task(_send(http, request))


async def _send(http: httpx.AsyncClient, request: int) -> None:
    alerts = [
        {"labels": {"alertname": "Storm", "job": f"job-{request % 7}", "instance": f"{request}-{place}"}}
        for place in range(BATCH)
    ]
    headers = headers_of(f"storm-{request % TENANTS}")
    (await http.post("/api/v2/alerts", json=alerts, headers=headers)).raise_for_status()


async def _kept(program: Program) -> tuple[int, int]:
    """Alerts and events of the storm's tenants."""
    database = await program.database()
    stored = await database.fetchval("SELECT count(*) FROM alerts WHERE tenant_id LIKE 'storm-%'")
    told = await database.fetchval("SELECT count(*) FROM events WHERE tenant_id LIKE 'storm-%'")
    await database.close()
    return stored, told
