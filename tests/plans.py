"""How PostgreSQL would run one of Lookout's statements, whatever its arguments are."""

import re
from collections.abc import Sequence

import asyncpg
from tests.driver import Driver, owner_dsn

from lookout.store.embedded import SERVICE
from lookout.store.sql import SQL


async def plan_of(lookout: Driver, name: str, *arguments: str, of_all: bool = False) -> str:
    """The plan of a statement of `queries.sql`. The arguments are SQL; those that it does not take are left out."""
    connection = await asyncpg.connect(lookout.dsn)
    try:
        await connection.execute("SET ROLE lookout_platform" if of_all else "SET lookout.tenants = '{default}'")
        return await _plan(connection, name, arguments)
    finally:
        await connection.close()


async def plan_when_new(lookout: Driver, name: str, *arguments: str) -> str:
    """The same of a statement of a commit, as it is made in a database that is new: nothing is in it, or was."""
    connection = await asyncpg.connect(owner_dsn(lookout.dsn))
    try:
        # Never committed: the server is shared, and it is not new.
        await connection.execute("BEGIN")
        try:
            await connection.execute(f"TRUNCATE {', '.join(await _tables(connection))}")
            await connection.execute("DELETE FROM pg_statistic WHERE starelid >= 16384")  # below are the server's own
            await connection.execute("SET LOCAL enable_seqscan = off")
            await connection.execute("SET LOCAL lookout.tenants = '{default}'")
            await connection.execute(f"SET LOCAL ROLE {SERVICE}")
            return await _plan(connection, name, arguments)
        finally:
            await connection.execute("ROLLBACK")
    finally:
        await connection.close()


async def _tables(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return [row["tablename"] for row in rows if not row["tablename"].startswith("_pogo")]


async def _plan(connection: "asyncpg.Connection[asyncpg.Record]", name: str, arguments: Sequence[str]) -> str:
    count = max(int(number) for number in re.findall(r"\$(\d+)", SQL[name]))
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    await connection.execute(f"PREPARE asked AS {SQL[name]}")
    rows = await connection.fetch(f"EXPLAIN EXECUTE asked({', '.join(arguments[:count])})")
    return "\n".join(row[0] for row in rows)


async def grow(lookout: Driver, incidents: int = 2000) -> None:
    """So many incidents, a second apart, of two events each; all but the last hundredth resolved."""
    events, resolved = 2 * incidents, incidents - incidents // 100
    await lookout.fires(job="a")
    await lookout.sql(f"UPDATE feeds SET last_position = {events}")
    await lookout.sql(
        "INSERT INTO events SELECT tenant_id, n, gen_random_uuid(), lpad(to_hex((n + 1) / 2), 32, '0')::uuid, "
        "event_type, occurred_at, recorded_at + n * interval '1 s', incident, change "
        f"FROM events CROSS JOIN generate_series(2, {events}) AS n"
    )
    await lookout.sql(
        "INSERT INTO incidents (id, tenant_id, dedup_key, status, severity, title, summary, labels, started_at, "
        "opened_position, position, updated_at, firing_alerts, total_alerts, reopen_count, resolved_at) "
        "SELECT lpad(to_hex(n), 32, '0')::uuid, tenant_id, 'key' || n, "
        f"CASE WHEN n <= {resolved} THEN 'resolved' ELSE 'firing' END, severity, title, summary, labels, "
        "started_at + n * interval '1 s', 2 * n - 1, 2 * n, updated_at, 1, 1, 0, "
        f"CASE WHEN n <= {resolved} THEN started_at + (n + 60) * interval '1 s' END "
        f"FROM incidents CROSS JOIN generate_series(2, {incidents}) AS n"
    )
    await lookout.sql(
        "INSERT INTO event_alerts SELECT tenant_id, n, fingerprint, status, starts_at, ends_at, is_new, source, "
        f"labels, annotations, generator_url FROM event_alerts CROSS JOIN generate_series(2, {events}) AS n"
    )
    await lookout.sql(
        "INSERT INTO received SELECT 'default', '2020-01-01Z'::timestamptz + n * interval '1 hour', 'events', 1, 0, "
        f"'2020-01-01Z' FROM generate_series(1, {events}) AS n"
    )
    await lookout.sql("ANALYZE feeds, events, incidents, event_alerts, received")
