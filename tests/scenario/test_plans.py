"""The writer's statements look up by key, also where the statistics still say that a table is empty."""

from datetime import timedelta
from typing import Any

import pytest
from tests.driver import Driver

from lookout.store import database
from lookout.store.sql import SQL


def _arguments(name: str, lookout: Driver) -> list[Any]:
    now, tenants, keys = lookout.clock.now(), ["default"] * 1000, [f"{number:016x}" for number in range(1000)]
    ends = [now + timedelta(minutes=4)] * 1000
    match name:
        case "renew_leases":
            return [tenants, keys, ["prometheus"] * 1000, [""] * 1000, [now] * 1000, ends, now]
        case _:
            return [tenants, keys]


@pytest.mark.parametrize("name", ["renew_leases", "load_leases", "load_alerts", "load_incidents"])
async def test_no_table_is_read_whole_for_a_batch(lookout: Driver, name: str) -> None:
    pool = await database.connect(lookout.dsn, planning=database.BY_KEY)
    try:
        plan = await pool.fetch(f"EXPLAIN {SQL[name]}", *_arguments(name, lookout))
    finally:
        await pool.close()
    lines = [row[0] for row in plan]
    assert not [line for line in lines if "Seq Scan" in line or "Hash Join" in line or "Merge Join" in line], lines
    assert any("Index" in line for line in lines)


async def test_the_writer_is_planned_so(lookout: Driver) -> None:
    async with lookout.running.parts.intake._store.transaction() as transaction:  # pyright: ignore[reportPrivateUsage]
        setting = await transaction._connection.fetchval("SHOW enable_seqscan")  # pyright: ignore[reportPrivateUsage]
    assert setting == "off"
