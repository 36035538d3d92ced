"""An hour at half of what the machine can: does memory grow, do tables bloat, does it get slower?

    python -m bench.soak --minutes 60                 # samples go to bench/soak.jsonl as it runs
    python -m bench.soak --minutes 2 --rate 300       # a first look, at 300 requests a second
    python -m bench.soak --verdict bench/soak.jsonl   # judge, and draw docs/images/soak.svg, without running

A Lookout of its own is started, with a PostgreSQL of its own, that forgets what is over after minutes, so that tables
reach the size at which they should stay. Ends with exit code 1 if something is not flat, or an answer or event is
missing. The machine should do nothing else.
"""

import argparse
import asyncio
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import psutil
from tests.server_process import empty_place, postgres_of

from bench import steady
from bench.__main__ import machine
from bench.flat import Verdict, settled, verdict
from bench.programs import Program, lookout
from bench.steady import Window
from bench.tenants import MAKES_TENANTS, SECRET

SAMPLES = Path(__file__).with_name("soak.jsonl")
EVERY = 10.0
"""Seconds between samples."""
RETENTION = "5m"
"""Lookout looks every ten minutes for what is older, so a table has at most a quarter of an hour in it."""
RATE_LIMIT = "1000000"
"""Requests a second of one tenant: the full rate is looked for."""
MEBIBYTE = 2**20

RELATIONS = """
SELECT c.relname AS name, coalesce(t.relname, c.relname) AS of, pg_relation_size(c.oid) AS bytes
FROM pg_class AS c LEFT JOIN pg_index AS i ON i.indexrelid = c.oid LEFT JOIN pg_class AS t ON t.oid = i.indrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i')
"""
TABLES = """
SELECT relname AS name, n_live_tup AS live, n_dead_tup AS dead, n_tup_ins AS inserted, n_tup_upd AS updated,
    n_tup_hot_upd AS hot, n_tup_del AS deleted, autovacuum_count AS vacuums, autoanalyze_count AS analyses,
    pg_total_relation_size(relid) AS bytes
FROM pg_stat_user_tables WHERE schemaname = 'public'
"""
WAL = """
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint AS written,
    (SELECT sum(size)::bigint FROM pg_ls_waldir()) AS kept, (SELECT num_done FROM pg_stat_checkpointer) AS checkpoints
"""


class About(msgspec.Struct, tag="about", frozen=True):
    """The first line of the file."""

    machine: str
    database: str
    minutes: float
    full_rate: float
    """Requests a second, of which half are sent."""
    retention: str


class Sample(msgspec.Struct, tag="sample", frozen=True):
    """Every other line. `at` is in seconds since the load was steady; bytes, and seconds of the processor so far."""

    at: float
    lookout_rss: int
    lookout_pss: int
    postgres_pss: int
    lookout_cpu: float
    postgres_cpu: float
    machine_cpu: float
    """Of everything that runs here."""
    wal: dict[str, int]
    tables: dict[str, dict[str, int]]
    relations: dict[str, int]
    """Bytes of each table and index, without what stands out of line."""
    load: Window


Line = About | Sample


class Sampler:
    """Looks at a running Lookout and its database."""

    def __init__(self, program: Program, database: asyncpg.Connection) -> None:
        self._program = program
        self._database = database
        self._began = time.monotonic()

    async def sample(self, load: Window) -> Sample:
        """How it stands."""
        relations = await self._database.fetch(RELATIONS)
        tables = await self._database.fetch(TABLES)
        wal = await self._database.fetchrow(WAL)
        own = psutil.Process(self._program.pid)
        memory, own_cpu = own.memory_full_info(), own.cpu_times()
        postgres = await asyncio.to_thread(_of_postgres, self._program.data_dir)
        machine_cpu = psutil.cpu_times()
        return Sample(
            at=round(time.monotonic() - self._began, 1),
            lookout_rss=memory.rss,
            lookout_pss=memory.pss,
            postgres_pss=postgres[0],
            lookout_cpu=round(own_cpu.user + own_cpu.system, 2),
            postgres_cpu=round(postgres[1], 2),
            machine_cpu=round(sum(machine_cpu) - machine_cpu.idle - machine_cpu.iowait, 2),
            wal=dict(wal.items()) if wal is not None else {},
            tables={row["name"]: {name: value for name, value in row.items() if name != "name"} for row in tables},
            relations={row["name"]: row["bytes"] for row in relations},
            load=load,
        )


def _of_postgres(data_dir: Path) -> tuple[int, float]:
    """Bytes, shared ones counted once, and seconds of the processor, with those of processes that have ended."""
    memory, cpu = 0, 0.0
    for process in postgres_of(data_dir):
        try:
            memory += process.memory_full_info().pss
            times = process.cpu_times()
        except psutil.Error:  # it has just ended
            continue
        cpu += times.user + times.system + times.children_user + times.children_system
    return memory, cpu


async def soak(minutes: float, rate: float, file: Path) -> list[Sample]:
    """Run, and keep each sample in `file` as soon as it is there."""
    with empty_place() as place:
        config = place / "lookout.yaml"
        config.write_text(MAKES_TENANTS)
        command = (sys.executable, "-m", "bench.briefly", RETENTION)
        environ = {"SERVICE_TOKEN": SECRET, "LOOKOUT_CONFIG": str(config)}
        limits = dict.fromkeys(("LOOKOUT_INGEST_RATE", "LOOKOUT_READ_RATE"), RATE_LIMIT)
        async with lookout(command, **environ, **limits) as program:
            ours, theirs = multiprocessing.Pipe(duplex=False)
            loading = multiprocessing.get_context("spawn").Process(
                target=steady.run, args=(program.url, rate, EVERY, theirs), daemon=True
            )
            loading.start()
            theirs.close()
            database = await program.database()
            try:
                return await _sampled(minutes, program, database, ours, file)
            finally:
                loading.kill()
                await database.close()


async def _sampled(
    minutes: float, program: Program, database: asyncpg.Connection, load: Any, file: Path
) -> list[Sample]:
    full_rate: float = await asyncio.to_thread(load.recv)
    version = await database.fetchval("SHOW server_version")
    about = About(machine(), f"PostgreSQL {version}", minutes, round(full_rate, 1), RETENTION)
    sys.stderr.write(f"full rate {full_rate:,.0f} requests/s; now half of it for {minutes:g} minutes\n")
    sampler = Sampler(program, database)
    samples: list[Sample] = []
    with file.open("wb") as kept:
        _keep(kept, about)
        while not samples or samples[-1].at < minutes * 60:
            samples.append(await sampler.sample(await asyncio.to_thread(load.recv)))
            _keep(kept, samples[-1])
            if len(samples) % round(60 / EVERY) == 0:
                sys.stderr.write(f"{progress(samples)}\n")
    return samples


def _keep(file: Any, line: Line) -> None:
    file.write(msgspec.json.encode(line) + b"\n")
    file.flush()


def read(file: Path) -> tuple[About, list[Sample]]:
    """What a run kept, also one that was cut off in the middle of a line."""
    lines = file.read_bytes().split(b"\n")[:-1]
    about, *samples = [msgspec.json.decode(line, type=Line) for line in lines]
    assert isinstance(about, About)
    return about, [sample for sample in samples if isinstance(sample, Sample)]


def progress(samples: Sequence[Sample]) -> str:
    """How it goes, in a line."""
    before, last = samples[-2], samples[-1]
    load = last.load
    cpu = [
        (now - then) / load.seconds
        for now, then in (
            (last.lookout_cpu, before.lookout_cpu),
            (last.postgres_cpu, before.postgres_cpu),
            (last.machine_cpu, before.machine_cpu),
        )
    ]
    return (
        f"{last.at / 60:5.1f} min: {load.alerts / load.seconds:,.0f} alerts/s, "
        f"post p50 {load.p50.get('alone', 0):.1f} p99 {load.p99.get('alone', 0):.1f} ms, "
        f"stream p50 {load.p50.get('stream', 0):.1f} p99 {load.p99.get('stream', 0):.1f} ms, "
        f"Lookout {last.lookout_pss / MEBIBYTE:.0f} MiB {cpu[0]:.2f} cores, "
        f"PostgreSQL {last.postgres_pss / MEBIBYTE:.0f} MiB {cpu[1]:.2f} cores, all {cpu[2]:.2f}, "
        f"tables {sum(table['bytes'] for table in last.tables.values()) / MEBIBYTE:.0f} MiB, "
        f"dead {sum(table['dead'] for table in last.tables.values()):,}, "
        f"refused {load.refused or 0}, overdue {load.overdue}, gaps {load.gaps}"
    )


def verdicts(samples: Sequence[Sample]) -> Iterator[Verdict]:
    """How each quantity moves in the last two thirds."""

    def of(what: str, unit: str, values: Sequence[float], limit: float, least: float = 0.0) -> Verdict:
        points = list(zip((sample.at for sample in samples), values, strict=True))
        return verdict(what, unit, settled(points), limit, least)

    yield of("memory of Lookout", "MiB", [sample.lookout_pss / MEBIBYTE for sample in samples], 0.05)
    yield of("memory of PostgreSQL", "MiB", [sample.postgres_pss / MEBIBYTE for sample in samples], 0.05)
    for name in sorted(samples[-1].tables):
        sizes = [sample.tables[name]["bytes"] / MEBIBYTE for sample in samples]
        yield of(f"table {name}, with its indexes", "MiB", sizes, 0.10, least=1)
    dead = [sum(table["dead"] for table in sample.tables.values()) for sample in samples]
    yield of("dead rows", "rows", dead, 0.20, least=1000)
    for what, counter in (("Lookout", "lookout_cpu"), ("PostgreSQL", "postgres_cpu")):
        yield of(f"CPU of {what}", "cores", _rates([getattr(sample, counter) for sample in samples], samples), 0.10)
    written = _rates([sample.wal["written"] / MEBIBYTE for sample in samples], samples)
    yield of("write-ahead log", "MiB/s", written, 0.10)
    for kind, what in NAMES.items():
        if all(kind in sample.load.p50 for sample in samples):
            yield of(f"{what}: p50", "ms", [sample.load.p50[kind] for sample in samples], 0.15)
            yield of(f"{what}: p99", "ms", [sample.load.p99[kind] for sample in samples], 0.30)


NAMES = {
    "batch": "POST of 64 repeats",
    "alone": "POST of one repeat",
    "churn": "POST of beginnings and ends",
    "page": "page of 50 incidents",
    "stream": "POST to event",
}
"""What is timed, by kind of request."""


def _rates(counter: Sequence[float], samples: Sequence[Sample]) -> list[float]:
    """How fast a counter went up before each sample; before the first as before the second."""
    steps = [
        (after - before) / (later.at - sooner.at)
        for before, after, sooner, later in zip(counter, counter[1:], samples, samples[1:], strict=False)
    ]
    return [*steps[:1], *steps]


def failures(about: About, samples: Sequence[Sample]) -> list[str]:
    """What went wrong at any time, in sentences."""
    found = [
        f"at {sample.at:.0f} s {count} x {reason}"
        for sample in samples
        for reason, count in (*sample.load.refused.items(), ("gaps", sample.load.gaps))
        if count
    ]
    found += [
        f"at {sample.at:.0f} s no {what} was timed"
        for sample in samples
        for kind, what in NAMES.items()
        if kind not in sample.load.p50
    ]
    if samples[-1].load.overdue:
        found.append(f"{samples[-1].load.overdue} events never came")
    asked = about.full_rate / 2
    answered = sum(sum(sample.load.answered.values()) for sample in samples)
    sent = answered / sum(sample.load.seconds for sample in samples)
    if sent < asked * 0.99:
        found.append(f"{sent:,.0f} requests a second were answered of {asked:,.0f}")
    return found


def report(file: Path) -> bool:
    """Say what a file shows. Whether all is well."""
    about, samples = read(file)
    sys.stdout.write(f"{about.machine}; {about.database}; half of {about.full_rate:,.0f} requests/s\n")
    judged = list(verdicts(samples))
    for one in judged:
        if one.is_flat and one.what.startswith("table") and one.median < 1:
            continue
        word = "flat" if one.is_flat else "GROWS"
        sys.stdout.write(
            f"{word:5}  {one.what}: {one.median:,.4g} {one.unit}, {one.grows:+.1%} (at most {one.limit:+.0%})\n"
        )
    broken = failures(about, samples)
    sys.stdout.write("".join(f"BROKEN  {line}\n" for line in broken))
    return not broken and all(one.is_flat for one in judged)


def main() -> None:
    """Run or read, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; without it half of the full rate")
    parser.add_argument("--file", type=Path, default=SAMPLES, help="where the samples are kept")
    parser.add_argument("--verdict", type=Path, help="judge what is in this file, and run nothing")
    given = parser.parse_args()
    if given.verdict is None:
        asyncio.run(soak(given.minutes, given.rate, given.file))
    sys.exit(not report(given.verdict or given.file))


if __name__ == "__main__":
    main()
