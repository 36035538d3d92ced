"""What a transaction sees: the rows of the tenants that it names, and no others (I6).

The database holds that, by row-level security, behind the statements' own conditions: whoever names no tenant sees
nothing and can write nothing. What Lookout does for all tenants at once goes another way, `Platform`: as the role
`lookout_platform`, which sees who is due, times and numbers, and nothing of what an event or an incident says.

A name holds for one transaction, so it cannot outlive it on a connection that others use next.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

from lookout.store.sql import SQL

if TYPE_CHECKING:
    import asyncpg

    from lookout.store.database import Connection, Pool

Level = Literal["read_committed", "repeatable_read"]


async def see_only(connection: "Connection", tenant_ids: Iterable[str]) -> None:
    """Until the end of its transaction `connection` sees these tenants alone, whatever it saw before."""
    await connection.execute(SQL["leave_platform"])
    await connection.execute(SQL["name_tenants"], sorted(set(tenant_ids)))


@asynccontextmanager
async def tenants(
    pool: "Pool", tenant_ids: Iterable[str], *, level: Level = "read_committed"
) -> AsyncGenerator["Connection"]:
    """A transaction that sees these tenants alone."""
    async with pool.acquire() as connection, connection.transaction(isolation=level):
        await connection.execute(SQL["name_tenants"], sorted(set(tenant_ids)))
        yield connection


class OfTenant:
    """Statements about one tenant each, which is their first argument. Each is a transaction of its own."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool

    async def fetch(self, statement: str, tenant_id: str, *arguments: Any) -> "list[asyncpg.Record]":
        """All rows."""
        async with tenants(self._pool, (tenant_id,)) as connection:
            return await connection.fetch(SQL[statement], tenant_id, *arguments)

    async def fetchrow(self, statement: str, tenant_id: str, *arguments: Any) -> "asyncpg.Record | None":
        """The first row."""
        async with tenants(self._pool, (tenant_id,)) as connection:
            return await connection.fetchrow(SQL[statement], tenant_id, *arguments)

    async def fetchval(self, statement: str, tenant_id: str, *arguments: Any) -> Any:
        """The first column of the first row."""
        async with tenants(self._pool, (tenant_id,)) as connection:
            return await connection.fetchval(SQL[statement], tenant_id, *arguments)


class Platform:
    """Statements about all tenants at once."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator["Connection"]:
        """Several in one transaction."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["enter_platform"])
            yield connection

    async def fetch(self, statement: str, *arguments: Any) -> "list[asyncpg.Record]":
        """All rows."""
        async with self.transaction() as connection:
            return await connection.fetch(SQL[statement], *arguments)

    async def fetchrow(self, statement: str, *arguments: Any) -> "asyncpg.Record | None":
        """The first row."""
        async with self.transaction() as connection:
            return await connection.fetchrow(SQL[statement], *arguments)

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        """The first column of the first row."""
        async with self.transaction() as connection:
            return await connection.fetchval(SQL[statement], *arguments)

    async def execute(self, statement: str, *arguments: Any) -> None:
        """No row."""
        async with self.transaction() as connection:
            await connection.execute(SQL[statement], *arguments)
