"""What is updated all the time touches no index (PostgreSQL's heap-only tuples): nothing is left behind that has to be
cleaned up before its page can be used again, and the tables stay as large as they are.
"""

import asyncpg
import pytest
from tests.driver import Driver

from lookout.store.sql import SQL

LEASES = """
SELECT array_agg(tenant_id), array_agg(fingerprint), array_agg(source), array_agg(replica), array_agg(starts_at),
    array_agg(ends_at + interval '1 min'), max(last_received_at) + interval '1 min'
FROM leases
"""
RECEIVED = """
SELECT array_agg(tenant_id), array_agg(hour), array_agg(source), array_agg(alerts), array_agg(rejected),
    array_agg(last_received_at + interval '1 min')
FROM received
"""
OFTEN = {
    "leases": ("renew_leases", LEASES),
    "feeds": ("advance_feeds", "SELECT array_agg(tenant_id), array_agg(last_position + 1) FROM feeds"),
    "received": ("add_received", RECEIVED),
}
"""By table the statement that updates it, and what gives its arguments from what is there."""


@pytest.mark.parametrize("table", OFTEN)
async def test_a_row_that_is_updated_often_touches_no_index(lookout: Driver, table: str) -> None:
    await lookout.fires(job="a")
    await lookout.ticks()
    name, arguments = OFTEN[table]
    connection = await asyncpg.connect(lookout.dsn)
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('lookout.tenants', '{default}', true)")
            given = await connection.fetchrow(arguments)
            assert given is not None
            await connection.execute(SQL[name], *given)
            counts = await connection.fetchrow(
                "SELECT pg_stat_get_xact_tuples_updated($1::text::regclass) AS updated, "
                "pg_stat_get_xact_tuples_hot_updated($1::text::regclass) AS hot",
                table,
            )
    finally:
        await connection.close()
    assert dict(counts or {}) == {"updated": 1, "hot": 1}


async def test_the_tables_that_change_all_the_time_are_cleaned_up_early_and_have_room(lookout: Driver) -> None:
    rows = await lookout.sql(
        "SELECT relname, array_to_string(reloptions, ' ') AS settings FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL"
    )
    settings = {row["relname"]: set(row["settings"].split()) for row in rows}
    for table in ("incidents", "alerts", "postponed_alerts", "leases"):
        assert "autovacuum_vacuum_scale_factor=0.05" in settings[table]
    for table in ("feeds", "received", "heartbeats", "leases"):
        assert "fillfactor=70" in settings[table]
    assert "autovacuum_analyze_scale_factor=2" in settings["leases"]
