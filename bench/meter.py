"""What a running Lookout and its PostgreSQL have spent so far: processor, WAL, commits."""

from pathlib import Path

import asyncpg
import httpx
import psutil
from tests.server_process import postgres_of

from bench.programs import Program, postgres_cpu
from bench.quantities import Spent

METRICS = ("lookout_commit_seconds_count", "lookout_batch_alerts_sum", "lookout_relay_records_total")


class Meter:
    """Reads what was spent by `program` and by the database in `data_dir`. `token` is for `/metrics`."""

    def __init__(self, program: Program, data_dir: Path, database: asyncpg.Connection, token: str) -> None:
        self._program = program
        self._data_dir = data_dir
        self._database = database
        self._headers = {"Authorization": f"Bearer {token}", "X-Tenant-ID": "platform"}

    async def spent(self) -> Spent:
        """Of the processor by Lookout's process and by PostgreSQL's, also those that have ended; and the WAL."""
        own = sum(psutil.Process(self._program.pid).cpu_times()[:2])
        postgres = postgres_cpu(self._data_dir)
        wal: int = await self._database.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
        return Spent(own * 1e6, postgres * 1e6, wal)

    async def counted(self) -> tuple[float, float, float]:
        """How many commits there were, of how many alerts, and how many records went to Kafka."""
        async with httpx.AsyncClient(base_url=self._program.url, headers=self._headers, timeout=60) as http:
            lines = (await http.get("/metrics")).raise_for_status().text.splitlines()
        commits, alerts, records = (
            sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))
            for name in METRICS
        )
        return commits, alerts, records

    async def memory(self) -> tuple[int, int]:
        """Bytes of Lookout's process that nobody else uses, and of PostgreSQL's, what they share counted once."""
        own = psutil.Process(self._program.pid).memory_full_info().uss
        return own, sum(process.memory_full_info().pss for process in postgres_of(self._data_dir))
