"""Who empties the tests' database after each of them."""

import asyncio
from contextlib import suppress

import asyncpg

from lookout.store.connecting import LOST

LARGE = 64 * 1024
"""Bytes. A larger table is cut down with its indexes, which takes longer: what was in it shows in no plan.

So is one that was analysed: of the next test's thousands of rows its plans would expect what was there.
"""


class Cleaner:
    """As the database's owner, over one connection: to make one takes longer than many a test.

    It has a loop of its own, as that of a test ends with it.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._loop = asyncio.new_event_loop()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    def empty(self) -> None:
        """Take everything out, and everybody else."""
        self._loop.run_until_complete(self._empty())

    def leave(self) -> None:
        """The last word."""
        if self._connection is not None:
            self._loop.run_until_complete(self._connection.close())
        self._loop.close()

    async def _empty(self) -> None:
        if self._connection is not None:
            with suppress(*LOST):  # a test has cut it off
                await _empty(self._connection)
                return
            self._connection.terminate()
        self._connection = await asyncpg.connect(self._dsn)
        await _empty(self._connection)


async def _empty(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    tables = await connection.fetch(
        "SELECT relname, reltuples > 0 OR pg_relation_size(oid) > $1 AS shows FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname !~ '^_pogo'",
        LARGE,
    )
    await connection.execute(
        ";".join(f"TRUNCATE {table} CASCADE" if shows else f"DELETE FROM {table}" for table, shows in tables)
    )
