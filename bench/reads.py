"""How fast the lists are read: by Alertmanager's API beside Alertmanager, and by GraphQL with a long history."""

import json
from collections.abc import Mapping
from pathlib import Path

import httpx

from bench.figure import Cost, Figure, Size, median_of
from bench.load import REPEAT, written, wrk
from bench.programs import Program, alertmanager, lookout, watched

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
        empty = directory / "empty"
        empty.write_text("\n")
        ratios: list[float] = []
        costs: dict[str, list[Cost]] = {ours.name: [], theirs.name: []}
        for _ in range(size.rounds):
            for program in (ours, theirs):
                with watched(program) as watch:
                    load = await wrk(
                        program.url + PATH,
                        REPEAT,
                        empty,
                        "GET",
                        connections=1,
                        seconds=size.seconds,
                        directory=directory,
                    )
                load.check()
                costs[program.name].append(watch.cost(program.name, "lists", load.requests, load.per_second))
            ratios.append(costs[theirs.name][-1].per_second / costs[ours.name][-1].per_second)
    medians = [median_of(some) for some in costs.values()]
    return [
        Figure("active_alerts", ratios, {f"ms of {one.of}": round(1e3 / one.per_second, 1) for one in medians}, medians)
    ]


async def _fill(program: Program, directory: Path) -> None:
    async with httpx.AsyncClient(base_url=program.url, timeout=300) as http:
        for body in written(directory, ACTIVE, 500).read_text().splitlines():
            headers = {"Content-Type": "application/json"}
            (await http.post(PATH, content=body, headers=headers)).raise_for_status()


async def page(size: Size, directory: Path) -> list[Figure]:
    """A page of 50 incidents by GraphQL, with 10,000 open, by turns with a short history and with a long one."""
    asked = {"query": QUERY.replace("\n", " ")}
    query = directory / "query"
    query.write_text(json.dumps(asked) + "\n")
    times: dict[int, list[float]] = {history: [] for history in HISTORY}
    costs: dict[int, list[Cost]] = {history: [] for history in HISTORY}
    async with lookout() as few, lookout() as many:
        programs = dict(zip(HISTORY, (few, many), strict=True))
        for history, program in programs.items():
            await _grow(program, history)
            await _check_page(program, asked)
        for _ in range(size.rounds):
            for history, program in programs.items():
                p99, cost = await _p99(program, query, size, f"{history:,} in history")
                times[history].append(p99)
                costs[history].append(cost)
    few_in, many_in = (times[history] for history in HISTORY)
    growth = [later / earlier for earlier, later in zip(few_in, many_in, strict=True)]
    return [
        Figure("page", many_in, costs=[median_of(some) for some in costs.values()]),
        Figure("page_growth", growth),
    ]


async def _check_page(program: Program, asked: Mapping[str, str]) -> None:
    """Raise if it is no page: GraphQL's errors are a 200, and fast."""
    async with httpx.AsyncClient(base_url=program.url, timeout=60) as http:
        nodes = (await http.post("/graphql", json=asked)).json()["data"]["incidentsConnection"]["nodes"]
    if len(nodes) != PAGE:
        raise AssertionError(f"the page has {len(nodes)} incidents")


async def _p99(program: Program, query: Path, size: Size, of: str) -> tuple[float, Cost]:
    """In milliseconds, and what a page costs."""
    url = program.url + "/graphql"
    with watched(program) as watch:
        load = await wrk(url, REPEAT, query, "POST", connections=1, seconds=size.seconds, directory=query.parent)
    load.check()
    return load.p99 / 1000, watch.cost(of, "pages", load.requests, load.per_second)


async def _grow(program: Program, history: int) -> None:
    """Incidents of before, a minute apart, until there are so many: the last 10,000 of them are open."""
    async with httpx.AsyncClient(base_url=program.url, timeout=60) as http:
        alert = {"labels": {"alertname": "Seed", "job": "seed"}}
        (await http.post(PATH, json=[alert])).raise_for_status()
    database = await program.database()
    await database.execute(
        "INSERT INTO incidents (id, tenant_id, dedup_key, status, severity, title, summary, labels, started_at, "
        "opened_position, position, updated_at, firing_alerts, total_alerts, reopen_count, resolved_at) "
        "SELECT lpad(to_hex(n), 32, '0')::uuid, tenant_id, 'key' || n, "
        "CASE WHEN n <= $1 - $2 THEN 'resolved' ELSE 'firing' END, severity, 'grown ' || n, summary, "
        "jsonb_build_object('alertname', 'Grown', 'job', 'job-' || n % 1000, 'cluster', 'eu-' || n % 10), "
        "started_at - ($1 - n) * interval '1 minute', opened_position + n, position + n, "
        "updated_at - ($1 - n) * interval '1 minute', 1, 1, 0, "
        "CASE WHEN n <= $1 - $2 THEN started_at - ($1 - n - 1) * interval '1 minute' END "
        "FROM incidents CROSS JOIN generate_series(1, $1) AS n",
        history,
        ACTIVE,
    )
    await database.execute("VACUUM ANALYZE incidents")
    await database.close()
