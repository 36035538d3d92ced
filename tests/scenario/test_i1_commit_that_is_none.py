"""PostgreSQL answers the commit of a failed transaction with a rollback and no error: nobody takes that for one."""

from contextlib import suppress

import asyncpg
import pytest
from tests.driver import Driver

from lookout.store import database
from lookout.store.isolation import tenants


async def _fails_unnoticed(pool: "database.Pool") -> None:
    async with tenants(pool, ("default",)) as connection:
        await connection.execute("INSERT INTO feeds (tenant_id) VALUES ('default')")
        with suppress(asyncpg.DivisionByZeroError):
            await connection.execute("SELECT 1 / 0")


async def test_i1_what_is_rolled_back_in_place_of_a_commit_is_an_error(lookout: Driver) -> None:
    pool = await database.connect(lookout.dsn, 1)
    try:
        with pytest.raises(asyncpg.InFailedSQLTransactionError):
            await _fails_unnoticed(pool)
        async with tenants(pool, ("default",)) as connection:
            assert await connection.fetch("SELECT FROM feeds") == []
    finally:
        await pool.close()
