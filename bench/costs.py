"""Where the time of an alert goes, for `docs/performance.md`: the bare server, Lookout, and each statement.

    python -m bench.costs --seconds 5

The bare server is the one that Lookout is served by, with an application that answers at once. All else is a Lookout
under load, as in the bench: what it and its PostgreSQL take of the processors for one alert, and how long PostgreSQL
says that each statement took.
"""

import argparse
import asyncio
import multiprocessing
import re
import socket
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil
import uvloop
from rich.console import Console
from rich.table import Table
from tests.server_process import empty_place

from bench.ingest import DISTINCT, PATH
from bench.load import FRESH, REPEAT, Load, written, wrk
from bench.programs import Program, lookout
from lookout.server import Server, bind

_STATEMENT = re.compile(r"duration: ([\d.]+) ms\s+(?:parse|bind|execute|statement)[^:]*: ((?:.|\n\t)*)")
_COMMENT = re.compile(r"--[^\n]*\n")
_WRITES = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) (?!SET)(\w+)")
STATEMENTS_SHOWN = 12


async def answer_at_once(_: Any, receive: Any, send: Any) -> None:
    """An application that does nothing."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def serve_nothing(listening: socket.socket) -> None:
    """The bare server, until it is ended."""
    uvloop.run(Server(answer_at_once, lambda: None).serve(sockets=[listening]))


async def bare(bodies: Path, seconds: float) -> tuple[str, ...]:
    """What a request costs before Lookout sees it."""
    with bind("127.0.0.1", 0) as listening:
        process = multiprocessing.get_context("fork").Process(target=serve_nothing, args=(listening,))
        process.start()
        try:
            assert process.pid is not None
            own = psutil.Process(process.pid)
            url = f"http://127.0.0.1:{listening.getsockname()[1]}{PATH}"
            load = await wrk(url, REPEAT, bodies, "POST", connections=64, seconds=seconds, directory=bodies.parent)
            load.check()
            cpu = sum(own.cpu_times()[:2])
        finally:
            process.kill()
            process.join()
    return (
        "the server alone, 1 per request",
        f"{load.per_second:,.0f}",
        f"{cpu / load.requests * 1e6:.1f}",
        "",
        "",
        "",
    )


class Cost:
    """What a load costs a running Lookout: `took` is of Lookout, and of its PostgreSQL, in seconds."""

    def __init__(self, program: Program) -> None:
        self._program = program

    async def of(self, what: str, load: Any, per_request: int) -> tuple[str, ...]:
        """One row of the table."""
        before, commits_before = self._cpu(), await self._commits()
        done: Load = await load
        after, commits_after = self._cpu(), await self._commits()
        alerts = done.requests * per_request
        own, database = ((later - sooner) / alerts * 1e6 for sooner, later in zip(before, after, strict=True))
        size, count, seconds = (later - sooner for sooner, later in zip(commits_before, commits_after, strict=True))
        return (
            what,
            f"{done.per_second * per_request:,.0f}",
            f"{own:.1f}",
            f"{database:.1f}",
            f"{size / count:.0f}",
            f"{seconds / count * 1000:.1f}",
        )

    def _cpu(self) -> tuple[float, float]:
        own = sum(psutil.Process(self._program.pid).cpu_times()[:2])
        return own, self._program.cpu_seconds() - own

    async def _commits(self) -> tuple[float, float, float]:
        async with httpx.AsyncClient() as http:
            text = (await http.get(f"{self._program.url}/metrics")).text
        names = ("lookout_batch_alerts_sum", "lookout_batch_alerts_count", "lookout_commit_seconds_sum")
        size, count, seconds = (float(line.split()[1]) for name in names for line in _lines(text, name))
        return size, count, seconds


def _lines(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"{name} ")]


def _name_of(statement: str) -> str:
    """Its beginning; of one that is several together the tables that they write to."""
    said = " ".join(_COMMENT.sub("", statement).split())
    return f"together: {', '.join(_WRITES.findall(said))}" if said.startswith("WITH part_1 AS") else said[:60]


async def statements(program: Program, load: Any, per_request: int) -> list[tuple[str, str]]:
    """How long each statement took for one alert, by PostgreSQL's own log, the longest first. Microseconds."""
    database = await program.database()
    for setting in ("log_min_duration_statement = 0", "log_parameter_max_length = 0"):
        await database.execute(f"ALTER SYSTEM SET {setting}")
    await database.execute("SELECT pg_reload_conf()")
    await database.close()
    done: Load = await load
    log = (program.data_dir / "postgres" / "server.log").read_text(errors="replace")
    taken: defaultdict[str, float] = defaultdict(float)
    for milliseconds, statement in _STATEMENT.findall(log):
        taken[_name_of(statement)] += float(milliseconds) * 1000
    alerts = done.requests * per_request
    longest = sorted(taken.items(), key=lambda item: -item[1])[:STATEMENTS_SHOWN]
    return [(name, f"{total / alerts:.1f}") for name, total in longest]


def show(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table, on the terminal."""
    table = Table(*heads)
    for row in rows:
        table.add_row(*row)
    Console(width=120).print(table)


async def measure(seconds: float) -> None:
    """Measure and show."""
    with empty_place() as directory:
        alone, batches = written(directory, DISTINCT, 1), written(directory, DISTINCT, 64)
        rows = [await bare(alone, seconds)]
        async with lookout() as program:
            cost, url = Cost(program), program.url + PATH

            def repeats(bodies: Path, connections: int) -> Any:
                return wrk(url, REPEAT, bodies, "POST", connections=connections, seconds=seconds, directory=directory)

            def fresh(run: str) -> Any:
                return wrk(url, FRESH, "64", run, connections=16, seconds=seconds, directory=directory)

            await repeats(batches, 16)  # until it knows them
            rows.append(await cost.of("re-sent, 1 per request", repeats(alone, 64), 1))
            rows.append(await cost.of("re-sent, 64 per request", repeats(batches, 16), 64))
            rows.append(await cost.of("first-seen, 64 per request", fresh("a"), 64))
            by_statement = await statements(program, fresh("b"), 64)
    show(("alerts", "a second", "Lookout us", "PostgreSQL us", "in a commit", "a commit ms"), rows)
    show(("statement, of first-seen alerts", "us an alert"), by_statement)


def main() -> None:
    """Measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each load takes")
    asyncio.run(measure(parser.parse_args().seconds))


if __name__ == "__main__":
    main()
