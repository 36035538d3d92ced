"""What row-level security costs: the same statements as a superuser, for whom it does not hold, and as the service.

.venv/bin/python scripts/measure_row_level_security.py
"""

import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from lookout.store import database, isolation
from lookout.store.database import columns
from lookout.store.embedded import EmbeddedPostgres, service_dsn
from lookout.store.sql import SQL

if TYPE_CHECKING:
    from lookout.store.database import Pool

LEASES = 20_000
TENANTS = (1, 100, 1_000, 10_000)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS = 5
REPEATS = 300


async def _best(work: Callable[[], Awaitable[None]], count: int = 1) -> float:
    """The least milliseconds that one of `count` calls in a row takes."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(count):
            await work()
        best = min(best, (time.perf_counter() - begun) / count)
    return best * 1000


async def _leases(owner: "Pool", service: "Pool", tenants: int) -> str:
    """Renewing and loading a full batch that is spread over so many tenants."""
    keys = [(f"tenant-{number % tenants:06}", f"{number:016x}") for number in range(LEASES)]
    names = {tenant_id for tenant_id, _ in keys}
    lease = ("prometheus", "", NOW, NOW + timedelta(minutes=4))
    rest = (NOW, True, False, None, None, NOW + timedelta(days=1), None)
    await owner.execute("TRUNCATE leases")
    async with isolation.tenants(service, names) as connection:
        await connection.execute(SQL["write_leases"], *columns([(*key, *lease, *rest) for key in keys], 13))
    renewal, wanted = columns([(*key, *lease) for key in keys], 6), columns(keys, 2)

    async def renew(pool: "Pool") -> None:
        async with isolation.tenants(pool, names) as connection:
            await connection.fetch(SQL["renew_leases"], *renewal, NOW)

    async def load(pool: "Pool") -> None:
        async with isolation.tenants(pool, names) as connection:
            await connection.fetch(SQL["load_leases"], *wanted)

    times: list[float] = []
    for work in (renew, load):
        for pool in (owner, service):
            await owner.execute("VACUUM ANALYZE leases")
            times.append(await _best(lambda work=work, pool=pool: work(pool)))
    return (
        f"{tenants:6} tenants: renew {times[0]:4.0f} -> {times[1]:4.0f} ms, load {times[2]:4.0f} -> {times[3]:4.0f} ms"
    )


async def _one_read(owner: "Pool", service: "Pool") -> str:
    """A small read, which is all round trips: as it was before there was anything to name, and as it is."""
    reads = isolation.OfTenant(service)

    async def before() -> None:
        async with owner.acquire() as connection:
            await connection.fetch(SQL["events_after"], "nobody", 0, 100)
            await connection.execute("RESET ALL")  # what the pool asked each time, and need not any more

    async def now() -> None:
        await reads.fetch("events_after", "nobody", 0, 100)

    return f"an empty page: {await _best(before, REPEATS):.3f} -> {await _best(now, REPEATS):.3f} ms"


async def _measure(dsn: str) -> None:
    owner = await database.connect(dsn, 1, None)
    await database.migrate_schema(owner)
    await database.let_service_in(owner)
    service = await database.connect(service_dsn(dsn), 1, None)
    for tenants in TENANTS:
        sys.stdout.write(await _leases(owner, service, tenants) + "\n")
    sys.stdout.write(await _one_read(owner, service) + "\n")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="lookout-measure-") as directory:
        Path(directory).chmod(0o755)
        embedded = EmbeddedPostgres(Path(directory))
        try:
            uvloop.run(_measure(embedded.start()))
        finally:
            embedded.stop()


if __name__ == "__main__":
    main()
