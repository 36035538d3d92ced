"""Where the time of an alert goes: the bare server, Lookout's parts, its commits, and each statement.

    python -m bench.costs            # half a minute; writes bench/paths.json, from which docs/performance.md is made
    python -m bench.costs --show     # writes nothing

The bare server is the one that Lookout is served by, with an application that answers at once. All else is a Lookout
under load, as in the bench: what it and its PostgreSQL take of the processors for one alert, in which part of its code
Lookout is every few milliseconds of that (`bench/sampled.py`), and how long PostgreSQL says that each statement took.
"""

import argparse
import asyncio
import multiprocessing
import os
import re
import signal
import socket
import sys
from collections import defaultdict
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
import uvloop
from tests.server_process import empty_place

from bench.ingest import DISTINCT, PATH
from bench.load import FRESH, REPEAT, Load, written, wrk
from bench.machine import busy, machine
from bench.paths import PATHS, AlertPath, Paths, keep, tables
from bench.programs import Program, lookout, watched
from lookout.errors import StartError
from lookout.server import Server, bind

_STATEMENT = re.compile(r"duration: ([\d.]+) ms\s+(?:parse|bind|execute|statement)[^:]*: ((?:.|\n\t)*)")
_COMMENT = re.compile(r"--[^\n]*\n")
_WRITES = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) (?!SET)(\w+)")
STATEMENTS_SHOWN = 12
LOOK, MOST_LOOKS = 0.05, 400


async def answer_at_once(_: Any, receive: Any, send: Any) -> None:
    """An application that does nothing."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def serve_nothing(listening: socket.socket) -> None:
    """The bare server, until it is ended."""
    uvloop.run(Server(answer_at_once, lambda: None).serve(sockets=[listening]))


async def bare(bodies: Path, seconds: float) -> float:
    """What a request costs before Lookout sees it, in microseconds."""
    with bind("127.0.0.1", 0) as listening:
        process = multiprocessing.get_context("fork").Process(target=serve_nothing, args=(listening,))
        process.start()
        try:
            assert process.pid is not None
            own = psutil.Process(process.pid)
            url = f"http://127.0.0.1:{listening.getsockname()[1]}{PATH}"
            load = await wrk(url, REPEAT, bodies, "POST", connections=64, seconds=seconds, directory=bodies.parent)
            load.check()
            return sum(own.cpu_times()[:2]) / load.requests * 1e6
        finally:
            process.kill()
            process.join()


class Sampled:
    """A running Lookout that counts what it does, in `file`."""

    def __init__(self, program: Program, file: Path) -> None:
        self._program = program
        self._file = file

    async def of(self, what: str, load: Coroutine[Any, Any, Load], per_request: int) -> AlertPath:
        """What an alert of this load costs, and in which parts of Lookout."""
        before = await self._commits()
        await self._seen()
        with watched(self._program) as watch:
            done = await load
        seen = await self._seen()
        size, count, seconds = (later - sooner for sooner, later in zip(before, await self._commits(), strict=True))
        each = watch.cost(what, "alerts", done.requests * per_request).cpu_us
        looks = sum(seen.values())
        return AlertPath(
            what=what,
            lookout_us=each["Lookout"],
            postgres_us=each["PostgreSQL"],
            alerts_in_commit=size / count,
            commit_ms=seconds / count * 1000,
            parts={part: each["Lookout"] * number / looks for part, number in seen.items()},
        )

    async def _seen(self) -> dict[str, int]:
        """How often each part was seen since this was asked last."""
        self._file.unlink(missing_ok=True)
        os.kill(self._program.pid, signal.SIGUSR1)
        for _ in range(MOST_LOOKS):
            await asyncio.sleep(LOOK)
            if self._file.exists():
                return msgspec.json.decode(self._file.read_bytes(), type=dict[str, int])
        raise StartError("Lookout does not say what it does.")

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


async def statements(program: Program, load: Coroutine[Any, Any, Load], per_request: int) -> dict[str, float]:
    """How long each statement took for one alert, by PostgreSQL's own log, the longest first. Microseconds."""
    database = await program.database()
    for setting in ("log_min_duration_statement = 0", "log_parameter_max_length = 0"):
        await database.execute(f"ALTER SYSTEM SET {setting}")
    await database.execute("SELECT pg_reload_conf()")
    await database.close()
    done = await load
    log = (program.data_dir / "postgres" / "server.log").read_text(errors="replace")
    taken: defaultdict[str, float] = defaultdict(float)
    for milliseconds, statement in _STATEMENT.findall(log):
        taken[_name_of(statement)] += float(milliseconds) * 1000
    alerts = done.requests * per_request
    longest = sorted(taken.items(), key=lambda item: -item[1])[:STATEMENTS_SHOWN]
    return {name: total / alerts for name, total in longest}


async def measured(seconds: float) -> Paths:
    """All of it."""
    where = f"{machine()}, {busy()}"
    with empty_place() as directory:
        alone, batches = written(directory, DISTINCT, 1), written(directory, DISTINCT, 64)
        file = directory / "seen.json"
        bare_us = await bare(alone, seconds)
        async with lookout((sys.executable, "-m", "bench.sampled", file)) as program:
            sampled, url = Sampled(program, file), program.url + PATH

            def repeats(bodies: Path, connections: int) -> Coroutine[Any, Any, Load]:
                return wrk(url, REPEAT, bodies, "POST", connections=connections, seconds=seconds, directory=directory)

            def fresh(run: str) -> Coroutine[Any, Any, Load]:
                return wrk(url, FRESH, "64", run, connections=16, seconds=seconds, directory=directory)

            await repeats(batches, 16)  # until it knows them
            paths = [
                await sampled.of("re-sent, 1 per request", repeats(alone, 64), 1),
                await sampled.of("re-sent, 64 per request", repeats(batches, 16), 64),
                await sampled.of("first-seen, 64 per request", fresh("a"), 64),
            ]
            return Paths(where, bare_us, paths, await statements(program, fresh("b"), 64))


def main() -> None:
    """Measure, show, and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each load takes")
    parser.add_argument("--show", action="store_true", help="write nothing")
    given = parser.parse_args()
    found = asyncio.run(measured(given.seconds))
    sys.stdout.write(f"{tables(found)}\n")
    if not given.show:
        keep(found)
        sys.stderr.write(f"written to {PATHS}\n")


if __name__ == "__main__":
    main()
