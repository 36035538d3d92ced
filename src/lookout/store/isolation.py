"""What a transaction sees: the rows of the tenants that it names, and no others (I6).

The database holds that, by row-level security, behind the statements' own conditions: whoever names no tenant sees
nothing and can write nothing. What Lookout does for all tenants at once goes another way, `Platform`: as the role
`lookout_platform`, which sees who is due, times and numbers, and nothing of what an event or an incident says.

A name holds for one transaction, so it cannot outlive it on a connection that others use next. So it is with how long
a transaction may take, which is said with the name: a pooler of transactions forgets what was said at the connect.

A transaction begins, and is named, in one message: each message that is waited for is a tenth of a millisecond of this
process, and more while it is busy.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import asyncpg
import structlog

from lookout.store.connecting import LOST, RELEASE_SECONDS, end
from lookout.store.sql import SQL

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    from lookout.store.database import Connection, Pool
    from lookout.store.places import Places

Level = Literal["READ COMMITTED", "REPEATABLE READ"]
T = TypeVar("T")

log = structlog.get_logger()

STATEMENT_SECONDS = 25.0
"""How long a statement may take. Only a server that has fallen silent takes longer to say so: see `COMMAND_SECONDS`."""
LOCK_SECONDS = 10.0
"""How long a statement may wait for one lock."""
IDLE_SECONDS = 60.0
"""How long a transaction may stand still between two statements: a relay waits for Kafka in one. What stands still for
longer belongs to a process that is frozen or gone, and others wait for its locks."""

COMMITTED = "COMMIT"
"""What PostgreSQL says to a commit. Of a transaction in which a statement has failed it says ROLLBACK, and no error."""

RETRIED_READS = (
    asyncpg.InvalidCachedStatementError,  # another replica has just brought the schema up to date
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.InternalClientError,  # the server said goodbye just before it was asked
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)
"""After what a read is asked once more, at once: it has changed nothing."""


class Plans(NamedTuple):
    """How PostgreSQL plans prepared statements: whether anew for their arguments, and whether to read whole tables."""

    plans: str
    scans: str


USUAL_PLANS = Plans("auto", "on")
BY_KEYS = Plans("force_generic_plan", "off")
"""Of what finds few rows by their keys, again and again: to plan that anew takes longer than to do it, and a plan that
is made while the tables are empty is used when they are not."""


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
    await connection.execute(f"{SQL['leave_platform']}; {_named(tenant_ids, USUAL)}")


def _named(tenant_ids: Iterable[str], patience: Patience, plans: Plans = USUAL_PLANS) -> str:
    """The statement that names these tenants. No name can end the text that it stands in: it is written in digits."""
    quoted = ('"' + tenant_id.replace("\\", "\\\\").replace('"', '\\"') + '"' for tenant_id in sorted(set(tenant_ids)))
    names = "{" + ",".join(quoted) + "}"
    return SQL["name_tenants"].format(tenants=names.encode().hex(), **plans._asdict(), **patience._asdict())


@asynccontextmanager
async def tenants(
    pool: "Pool",
    tenant_ids: Iterable[str],
    *,
    level: Level = "READ COMMITTED",
    patience: Patience | None = None,
    plans: Plans = USUAL_PLANS,
) -> AsyncGenerator["Connection"]:
    """A transaction that sees these tenants alone, with the usual patience unless another is given."""
    async with _transaction(pool, level, _named(tenant_ids, patience or USUAL, plans)) as connection:
        yield connection


@asynccontextmanager
async def _transaction(pool: "Pool", level: Level, naming: str) -> AsyncGenerator["Connection"]:
    """A transaction. If the server says nothing, or takes no writes any more, none of its connections is used again."""
    connection = await pool.acquire()
    try:
        async with _begun(connection, level, naming):
            yield connection
    except (TimeoutError, asyncpg.ReadOnlySQLTransactionError):
        await pool.expire_connections()
        raise
    except asyncpg.InternalClientError:
        end(connection)  # it is in no state to be asked anything, and stays so
        raise
    except (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError):
        log.warning("store", action="session_changed", because="a pooler: set LOOKOUT_POOLER=transaction")
        raise
    finally:
        await _give_back(pool, connection)


async def _give_back(pool: "Pool", connection: "PoolConnectionProxy[asyncpg.Record]") -> None:
    """What was committed is committed: that a connection cannot be given back in order is nobody's error."""
    try:
        await pool.release(connection, timeout=RELEASE_SECONDS)
    except LOST as error:
        log.info("store", action="connection_given_up", error=repr(error))


@asynccontextmanager
async def _begun(connection: "Connection", level: Level, naming: str) -> AsyncGenerator[None]:
    """A transaction on this connection. What it failed for is told, and not that a lost one cannot be rolled back."""
    try:
        await connection.execute(f"{SQL['begin'].format(level=level)}; {naming}")
        try:
            yield
        except TimeoutError:
            end(connection)  # it would not answer to a rollback either
            raise
        if await connection.execute(SQL["commit"]) != COMMITTED:
            raise asyncpg.InFailedSQLTransactionError("a statement of the transaction had failed: nothing is committed")
    except TimeoutError:
        raise
    except BaseException:
        try:  # even if it has not begun: whoever is cancelled cannot know
            await connection.execute(SQL["roll_back"])
        except LOST:
            end(connection)
        raise


async def _twice(read: Callable[[], Awaitable[T]]) -> T:
    try:
        return await read()
    except RETRIED_READS:
        return await read()


class OfTenant:
    """Reads of one tenant each, which is their first argument. Each is a transaction of its own, and waits for one of
    the `places`; without them it only waits for a connection."""

    def __init__(self, pool: "Pool", places: "Places | None" = None) -> None:
        self._pool = pool
        self._places = places

    async def fetch(self, statement: str, tenant_id: str, *arguments: Any) -> "list[asyncpg.Record]":
        """All rows."""
        return await self._read(tenant_id, lambda connection: connection.fetch(SQL[statement], tenant_id, *arguments))

    async def fetchrow(self, statement: str, tenant_id: str, *arguments: Any) -> "asyncpg.Record | None":
        """The first row."""
        return await self._read(
            tenant_id, lambda connection: connection.fetchrow(SQL[statement], tenant_id, *arguments)
        )

    async def fetchval(self, statement: str, tenant_id: str, *arguments: Any) -> Any:
        """The first column of the first row."""
        return await self._read(
            tenant_id, lambda connection: connection.fetchval(SQL[statement], tenant_id, *arguments)
        )

    async def _read(self, tenant_id: str, read: "Callable[[Connection], Awaitable[T]]") -> T:
        async def once() -> T:
            async with tenants(self._pool, (tenant_id,)) as connection:
                return await read(connection)

        if self._places is None:
            return await _twice(once)
        async with self._places.one(tenant_id):
            return await _twice(once)


class Platform:
    """Statements about all tenants at once."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator["Connection"]:
        """Several in one transaction."""
        entering = SQL["enter_platform"].format(**USUAL._asdict())
        async with _transaction(self._pool, "READ COMMITTED", entering) as connection:
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
