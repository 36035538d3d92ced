"""The connection to PostgreSQL: a pool, the migrations, and the errors that a second try can mend."""

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any, cast

import asyncpg
import structlog
from pogo_core.error import BadMigrationError
from pogo_core.util import migrate

from lookout.clock import Clock
from lookout.errors import StartError
from lookout.store import jsonb
from lookout.store.connecting import Servers, Watched
from lookout.store.isolation import Platform
from lookout.store.sql import SQL

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]

Wakes = asyncio.Queue[str | None]
"""Tenants whose log has grown. None: nobody tells any more."""

LOWEST_VERSION = 15
COMMAND_SECONDS = 30.0
"""A server that has not answered a statement by then has fallen silent: PostgreSQL itself gives one up before."""
READERS = 10
WRITERS = 4
RELAYS = 3
CREDENTIALS = 2
"""Connections of each kind. The writer has its own, so that slow reads never keep it from taking alerts; and so has who
looks up API tokens, as every request waits for that."""
READS = READERS - 2
"""Of the readers' connections, those that are for tenants' reads. The others are for who follows the log, and for who
asks whether the database answers: neither takes long, and neither may wait behind what does."""
READS_OF_TENANT = READERS // 2
"""Those of them that one tenant's reads hold at once, where there are several tenants."""

STATEMENTS_KEPT = 100
"""Prepared statements of a connection."""

UP_RETRY = timedelta(milliseconds=200)
UP_TRIES = 300
UP_SILENCES = 10
"""How often, and how many times, to knock at a database that starts or recovers, and at one that does not answer."""

SIGN_OF_LIFE = timedelta(seconds=20)
"""How often to see whether the connection that listens still leads to somebody."""
SIGN_OF_LIFE_SECONDS = 5.0

LOCK_TRIES = 30
"""How often a migration tries to get a table, two seconds each, while others use it."""

log = structlog.get_logger()

# Which migration is under way matters to nobody: a failed one is told by its error.
_QUIET = logging.getLogger(f"{__name__}.migrations")
_QUIET.setLevel(logging.ERROR)
_MIGRATION_LOCK = 0x10_0C_07

PASSING_ERRORS = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # a lock that is not to be had, a database that lets nobody in
    asyncpg.QueryCanceledError,
    asyncpg.InvalidCachedStatementError,  # another replica has just brought the schema up to date
    asyncpg.InternalClientError,  # a server said goodbye just before it was asked; of several none takes writes
    ConnectionError,
    TimeoutError,
    OSError,
)
"""What the database says when it is away, overloaded or in the way of itself: another try may succeed."""


ABORTS = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""What the database says when it has taken a transaction back: nothing of it was committed."""
WAITED_FOR = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError)
"""What it says when it has waited for as long as it may: another try would wait again, from the end of the line."""


def passes(error: Exception) -> bool:
    """Whether another try may succeed. asyncpg counts values that it cannot encode among the interface's errors."""
    return isinstance(error, PASSING_ERRORS) and not isinstance(error, ValueError)


async def connect(
    dsn: str, size: int = READERS, command_seconds: float | None = COMMAND_SECONDS, *, is_pooled: bool = False
) -> "Pool":
    """A pool on the database at `dsn`. Raises `StartError` if it is out of reach or too old.

    `is_pooled`: a pooler stands in between that gives each transaction another session, so nothing may be kept in one.
    """
    try:
        pool = await asyncpg.create_pool(
            dsn,
            connect=Servers(dsn).connect,
            connection_class=Watched,
            min_size=1,
            max_size=size,
            command_timeout=command_seconds,
            statement_cache_size=0 if is_pooled else STATEMENTS_KEPT,
            init=jsonb.register,
            server_settings={"application_name": "lookout", "timezone": "UTC"},
        )
        version: str = await pool.fetchval("SHOW server_version_num")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, ValueError) as error:
        raise StartError(
            f"The database is out of reach: {str(error) or 'it does not answer'}. Check DATABASE_URL."
        ) from error
    if int(version) // 10_000 < LOWEST_VERSION:
        await pool.close()
        raise StartError(f"The database is PostgreSQL {int(version) // 10_000}: {LOWEST_VERSION} or newer is needed.")
    return pool


async def connect_when_up(dsn: str, clock: Clock, *, is_pooled: bool = False) -> "Pool":
    """A pool of one connection, whose statements have no time limit. Raises `StartError` as `connect`.

    If the database says that it soon lets us in, it is waited for, for a minute: it starts, or recovers from a crash.
    So it is if none of several takes writes yet, and for a while if it says nothing.
    """
    silences = 0
    for _ in range(UP_TRIES):
        try:
            return await connect(dsn, 1, None, is_pooled=is_pooled)
        except StartError as error:
            if isinstance(error.__cause__, TimeoutError):
                silences += 1
                if silences == UP_SILENCES:
                    raise
            elif isinstance(error.__cause__, (asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched)):
                await clock.sleep(UP_RETRY)
            else:
                raise
    return await connect(dsn, 1, None, is_pooled=is_pooled)


async def migrate_schema(pool: "Pool", *, is_pooled: bool = False) -> None:
    """Bring the schema up to date. Replicas that start together take turns. Raises `StartError`.

    A turn may take longer than any statement of a request: `pool` should set no time limit. Whoever may change nothing
    finds out here whether there is something to change. A pooler of transactions would lose the turn.
    """
    try:
        async with pool.acquire() as connection:
            if await _is_up_to_date(connection):
                return
            if is_pooled:
                raise StartError(
                    "There is a schema to bring up to date, and not through a pooler of transactions: name the "
                    "database itself in LOOKOUT_MIGRATE_DATABASE_URL."
                )
            await connection.execute(SQL["wait_briefly_for_locks"])
            await _take_turn(connection)
            try:
                await _migrate(connection)
            finally:
                await connection.execute(SQL["migrations_are_done"], _MIGRATION_LOCK)
    except (BadMigrationError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise StartError(f"The schema could not be brought up to date: {_reason(error)}") from error


async def _take_turn(connection: "Connection") -> None:
    """Wait until no other replica migrates, for as long as that takes: it may be changing a large table."""
    for turn in itertools.count():
        try:
            await connection.execute(SQL["migrations_take_turns"], _MIGRATION_LOCK)
            return
        except asyncpg.LockNotAvailableError:
            if turn == 0:
                log.info("store", action="migration_waits", error="another replica brings the schema up to date")


async def _migrate(connection: "Connection") -> None:
    """Each is one transaction. While it waits for a table all others wait behind it, so it waits in short turns."""
    with as_file(files("lookout.store").joinpath("migrations")) as directory:
        for is_last in [False] * (LOCK_TRIES - 1) + [True]:
            try:
                await migrate.apply(cast("Any", connection), directory, schema_name="public", logger=_QUIET)
                break
            except BadMigrationError as error:
                if is_last or not isinstance(error.__cause__, asyncpg.LockNotAvailableError):
                    raise
                log.info("store", action="migration_waits", error=f"{error}: {error.__cause__}")


async def _is_up_to_date(connection: "Connection") -> bool:
    try:
        rows = await connection.fetch(SQL["applied_migrations"])
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
        return False
    known = {entry.name.removesuffix(".sql") for entry in files("lookout.store").joinpath("migrations").iterdir()}
    return known <= {row["migration_id"] for row in rows}


async def let_service_in(pool: "Pool") -> None:
    """Let the role that serves connect by itself. Raises `StartError`."""
    try:
        await pool.execute(SQL["let_service_in"])
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise StartError(f"The role that serves could not be let in: {_reason(error)}") from error


async def check_role(pool: "Pool") -> None:
    """Raise `StartError` unless the role of `pool` may serve, and say so if row-level security does not hold for it."""
    role = await pool.fetchrow(SQL["role"])
    assert role is not None
    name: str = role["name"]
    if not role["serves"]:
        raise StartError(f"The role {name} of DATABASE_URL may not serve: GRANT lookout_service TO {name}.")
    try:
        async with Platform(pool).transaction():
            pass
    except (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError) as error:
        raise StartError(
            f"The role {name} of DATABASE_URL may not work for all tenants at once ({error}): "
            f"GRANT lookout_platform TO {name}."
        ) from error
    if role["sees_all"]:
        log.warning("store", action="row_level_security_is_off", role=name, because="it is a superuser or bypasses it")


def _reason(error: Exception) -> str:
    cause = error.__cause__
    if isinstance(error, asyncpg.InsufficientPrivilegeError) or isinstance(cause, asyncpg.InsufficientPrivilegeError):
        return (
            f"{cause or error}. Name the owner of Lookout's tables in LOOKOUT_MIGRATE_DATABASE_URL. Whoever is to make "
            "them needs GRANT CREATE ON SCHEMA public TO it, and the roles lookout_service and lookout_platform, or "
            "CREATEROLE to make these: see `A PostgreSQL of your own` in docs/operations.md."
        )
    if isinstance(error, BadMigrationError):
        return f"{error}: {cause}"
    return f"{error or type(error).__name__}. Start Lookout again when the database is well."


@asynccontextmanager
async def listen(dsn: str, channel: str, clock: Clock, wakes: Wakes) -> AsyncGenerator[None]:
    """Put each notification's payload on `wakes`, and None when the connection ends, or leads to nobody any more."""
    connection = await Servers(dsn).connect(server_settings={"application_name": "lookout-listen"})

    def take(_: object, __: int, ___: str, payload: object) -> None:
        wakes.put_nowait(str(payload))

    connection.add_termination_listener(lambda _: wakes.put_nowait(None))
    try:
        async with asyncio.timeout(SIGN_OF_LIFE_SECONDS):
            await connection.add_listener(channel, take)
        # Not before: a connection that is still asked for the first thing must not be asked for another.
        watching = asyncio.create_task(_watch(connection, clock))
        try:
            yield
        finally:
            watching.cancel()
    finally:
        await connection.close(timeout=1)


async def _watch(connection: "Connection", clock: Clock) -> None:
    """End a connection that does not answer: it only ever listens, and would listen to nobody for ever."""
    while True:
        await clock.sleep(SIGN_OF_LIFE)
        try:
            await connection.fetchval(SQL["is_alive"], timeout=SIGN_OF_LIFE_SECONDS)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            connection.terminate()
            return


@asynccontextmanager
async def listen_to_nobody(_: Wakes) -> AsyncGenerator[None]:
    """In place of `listen` where nobody notifies: whoever would be woken looks for itself."""
    yield


def columns(rows: Sequence[Sequence[Any]], count: int) -> list[list[Any]]:
    """Rows turned into `count` arrays, as `unnest` takes them."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]
