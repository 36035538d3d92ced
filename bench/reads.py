"""How fast the lists are read: by Alertmanager's API beside Alertmanager, and by GraphQL with a long history."""

import json
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import httpx

from bench.figure import Figure, Size, at_most
from bench.load import REPEAT, written, wrk
from bench.programs import Program, alertmanager, lookout

PATH = "/api/v2/alerts"
PAGE = 50
ACTIVE = 10_000
HISTORY = (10_000, 1_000_000)
QUERY = """{ incidentsConnection(page: {first: PAGE}) {
  nodes { id title severity status labels startedAt firingAlerts } pageInfo { hasNextPage endCursor }
} }""".replace("PAGE", str(PAGE))


async def active_alerts(size: Size, directory: Path) -> list[Figure]:
    """The list of 10,000 active alerts, by turns from Lookout and from Alertmanager."""
    async with lookout() as ours, alertmanager(directory) as theirs:
        for program in (ours, theirs):
            await _fill(program, directory)
        ratios: list[float] = []
        times: dict[str, list[float]] = {"lookout": [], "alertmanager": []}
        for _ in range(size.rounds):
            for name, program in (("lookout", ours), ("alertmanager", theirs)):
                empty = directory / "empty"
                empty.write_text("\n")
                load = await wrk(
                    program.url + PATH, REPEAT, empty, "GET", connections=1, seconds=size.seconds, directory=directory
                )
                load.check()
                times[name].append(1e3 / load.per_second)
            ratios.append(times["lookout"][-1] / times["alertmanager"][-1])
    told = {f"{name} ms": round(sorted(values)[len(values) // 2], 1) for name, values in times.items()}
    return [at_most(f"GET {PATH} with {ACTIVE:,} active alerts", 1, "x Alertmanager's time", ratios, **told)]


async def _fill(program: Program, directory: Path) -> None:
    async with httpx.AsyncClient(base_url=program.url, timeout=300) as http:
        for body in written(directory, ACTIVE, 500).read_text().splitlines():
            headers = {"Content-Type": "application/json"}
            (await http.post(PATH, content=body, headers=headers)).raise_for_status()


async def page(size: Size, directory: Path) -> list[Figure]:
    """A page of 50 incidents by GraphQL, with 10,000 open, as the history grows."""
    times: dict[int, list[float]] = {}
    cpu: list[float] = []
    async with lookout() as program:
        async with httpx.AsyncClient(base_url=program.url, timeout=60) as http:
            alert = {"labels": {"alertname": "Seed", "job": "seed"}}
            (await http.post(PATH, json=[alert])).raise_for_status()
        database = await program.database()
        for history in HISTORY:
            await _grow(database, history)
            query = directory / "query"
            asked = {"query": QUERY.replace("\n", " ")}
            query.write_text(json.dumps(asked) + "\n")
            await _check_page(program, asked)
            measured = [await _p99(program, query, size) for _ in range(size.rounds)]
            times[history] = [p99 for p99, _ in measured]
            cpu = [cost for _, cost in measured]
        await database.close()
    few, many = (times[history] for history in HISTORY)
    growth = [later / earlier for earlier, later in zip(few, many, strict=True)]
    what = f"a page of 50 incidents by GraphQL, {HISTORY[1]:,} in history, {ACTIVE:,} open"
    return [
        at_most(f"{what}: p99", 15, "ms", many, **{"CPU ms/page": round(sorted(cpu)[len(cpu) // 2], 2)}),
        at_most(f"{what}: p99", 1.2, f"x that with {HISTORY[0]:,} in history", growth),
    ]


async def _check_page(program: Program, asked: Mapping[str, str]) -> None:
    """Raise if it is no page: GraphQL's errors are a 200, and fast."""
    async with httpx.AsyncClient(base_url=program.url, timeout=60) as http:
        nodes = (await http.post("/graphql", json=asked)).json()["data"]["incidentsConnection"]["nodes"]
    if len(nodes) != PAGE:
        raise AssertionError(f"the page has {len(nodes)} incidents")


async def _p99(program: Program, query: Path, size: Size) -> tuple[float, float]:
    """In milliseconds, and what a page costs Lookout and its database of the processor."""
    before = program.cpu_seconds()
    load = await wrk(
        program.url + "/graphql", REPEAT, query, "POST", connections=1, seconds=size.seconds, directory=query.parent
    )
    load.check()
    return load.p99 / 1000, (program.cpu_seconds() - before) / load.requests * 1000


async def _grow(database: asyncpg.Connection, history: int) -> None:
    """Incidents of before, a minute apart, until there are so many: the last 10,000 of them are open."""
    await database.execute("DELETE FROM incidents WHERE title LIKE 'grown%'")
    await database.execute(
        "INSERT INTO incidents (id, tenant_id, dedup_key, status, severity, title, summary, labels, started_at, "
        "opened_position, position, updated_at, firing_alerts, total_alerts, reopen_count, resolved_at) "
        "SELECT lpad(to_hex(n), 32, '0')::uuid, tenant_id, 'key' || n, "
        "CASE WHEN n <= $1 - $2 THEN 'resolved' ELSE 'firing' END, severity, 'grown ' || n, summary, "
        "jsonb_build_object('alertname', 'Grown', 'job', 'job-' || n % 1000, 'cluster', 'eu-' || n % 10), "
        "started_at - ($1 - n) * interval '1 minute', opened_position + n, position + n, "
        "updated_at - ($1 - n) * interval '1 minute', 1, 1, 0, "
        "CASE WHEN n <= $1 - $2 THEN started_at - ($1 - n - 1) * interval '1 minute' END "
        "FROM incidents CROSS JOIN generate_series(1, $1) AS n WHERE title NOT LIKE 'grown%'",
        history,
        ACTIVE,
    )
    await database.execute("VACUUM ANALYZE incidents")
