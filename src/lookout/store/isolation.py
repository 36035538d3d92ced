"""What a transaction sees: the rows of the tenants that it names, and no others (I6).

The database holds that, by row-level security, behind the statements' own conditions: whoever names no tenant sees
nothing and can write nothing. What Lookout does for all tenants at once goes another way, `Platform`: as the role
`lookout_platform`, which sees who is due, times and numbers, and nothing of what an event or an incident says.

A name holds for one transaction, so it cannot outlive it on a connection that others use next. So it is with how long
a transaction may take, which is said with the name: a pooler of transactions forgets what was said at the connect.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import asyncpg
import structlog

from lookout.store.connecting import RELEASE_SECONDS, end
from lookout.store.sql import SQL

if TYPE_CHECKING:
    from lookout.store.database import Connection, Pool

Level = Literal["read_committed", "repeatable_read"]
T = TypeVar("T")

log = structlog.get_logger()

STATEMENT_SECONDS = 25.0
"""How long a statement may take. Only a server that has fallen silent takes longer to say so: see `COMMAND_SECONDS`."""
LOCK_SECONDS = 10.0
"""How long a statement may wait for one lock."""
IDLE_SECONDS = 60.0
"""How long a transaction may stand still between two statements: a relay waits for Kafka in one. What stands still for
longer belongs to a process that is frozen or gone, and others wait for its locks."""

RETRIED_READS = (
    asyncpg.InvalidCachedStatementError,  # another replica has just brought the schema up to date
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.InternalClientError,  # the server said goodbye just before it was asked
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)
"""After what a read is asked once more, at once: it has changed nothing."""


class Patience(NamedTuple):
    """For how long PostgreSQL lets a transaction run a statement, wait for a lock, and stand still. In milliseconds."""

    statement: str
    lock: str
    idle: str


def patience_of(statement: float, lock: float, idle: float) -> Patience:
    """What is given in seconds, as PostgreSQL takes it."""
    return Patience(*(str(round(seconds * 1000)) for seconds in (statement, lock, idle)))


USUAL = patience_of(STATEMENT_SECONDS, LOCK_SECONDS, IDLE_SECONDS)


async def see_only(connection: "Connection", tenant_ids: Iterable[str]) -> None:
    """Until the end of its transaction `connection` sees these tenants alone, whatever it saw before."""
    await connection.execute(SQL["leave_platform"])
    await connection.execute(SQL["name_tenants"], sorted(set(tenant_ids)), *USUAL)


@asynccontextmanager
async def tenants(
    pool: "Pool", tenant_ids: Iterable[str], *, level: Level = "read_committed", patience: Patience | None = None
) -> AsyncGenerator["Connection"]:
    """A transaction that sees these tenants alone, with the usual patience."""
    async with _transaction(pool, level) as connection:
        await connection.execute(SQL["name_tenants"], sorted(set(tenant_ids)), *(patience or USUAL))
        yield connection


@asynccontextmanager
async def _transaction(pool: "Pool", level: Level) -> AsyncGenerator["Connection"]:
    """A transaction. If the server says nothing, or takes no writes any more, none of its connections is used again."""
    connection = await pool.acquire()
    try:
        transaction = connection.transaction(isolation=level)
        try:
            await transaction.start()
        except asyncpg.InternalClientError:
            end(connection)  # it is in no state to be asked anything, and stays so
            raise
        try:
            yield connection
        except TimeoutError:
            end(connection)  # it would not answer to a rollback either
            raise
        except BaseException:
            with suppress(asyncpg.InterfaceError):  # it is closed
                await transaction.rollback()
            raise
        await transaction.commit()
    except (TimeoutError, asyncpg.ReadOnlySQLTransactionError):
        await pool.expire_connections()
        raise
    except (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError):
        log.warning("store", action="session_changed", because="a pooler: set LOOKOUT_POOLER=transaction")
        raise
    finally:
        await pool.release(connection, timeout=RELEASE_SECONDS)


async def _twice(read: Callable[[], Awaitable[T]]) -> T:
    try:
        return await read()
    except RETRIED_READS:
        return await read()


class OfTenant:
    """Reads of one tenant each, which is their first argument. Each is a transaction of its own."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool

    async def fetch(self, statement: str, tenant_id: str, *arguments: Any) -> "list[asyncpg.Record]":
        """All rows."""

        async def read() -> "list[asyncpg.Record]":
            async with tenants(self._pool, (tenant_id,)) as connection:
                return await connection.fetch(SQL[statement], tenant_id, *arguments)

        return await _twice(read)

    async def fetchrow(self, statement: str, tenant_id: str, *arguments: Any) -> "asyncpg.Record | None":
        """The first row."""

        async def read() -> "asyncpg.Record | None":
            async with tenants(self._pool, (tenant_id,)) as connection:
                return await connection.fetchrow(SQL[statement], tenant_id, *arguments)

        return await _twice(read)

    async def fetchval(self, statement: str, tenant_id: str, *arguments: Any) -> Any:
        """The first column of the first row."""

        async def read() -> Any:
            async with tenants(self._pool, (tenant_id,)) as connection:
                return await connection.fetchval(SQL[statement], tenant_id, *arguments)

        return await _twice(read)


class Platform:
    """Statements about all tenants at once."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator["Connection"]:
        """Several in one transaction."""
        async with _transaction(self._pool, "read_committed") as connection:
            await connection.execute(SQL["enter_platform"], *USUAL)
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
