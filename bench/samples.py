"""How a running Lookout and its database stand, sample by sample: looked at, kept in a file, and read back."""

import asyncio
import time
from pathlib import Path
from typing import IO

import asyncpg
import msgspec
import psutil
from tests.server_process import postgres_of

from bench.programs import Program
from bench.steady import Window

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


def keep(file: IO[bytes], line: Line) -> None:
    """Add a line, which is in the file then."""
    file.write(msgspec.json.encode(line) + b"\n")
    file.flush()


def read(file: Path) -> tuple[About, list[Sample]]:
    """What a run kept, also one that was cut off in the middle of a line."""
    lines = file.read_bytes().split(b"\n")[:-1]
    about, *samples = [msgspec.json.decode(line, type=Line) for line in lines]
    assert isinstance(about, About)
    return about, [sample for sample in samples if isinstance(sample, Sample)]
