"""The database, opened for whoever uses it: embedded or given, with its schema up to date."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from datetime import timedelta
from typing import TypeVar

import structlog

from lookout.clock import Clock
from lookout.config import Pooler, Settings
from lookout.errors import StartError
from lookout.store import database
from lookout.store.embedded import EmbeddedPostgres, service_dsn

KEEP_ALIVE = timedelta(seconds=2)
"""How often to look whether the embedded server lives."""

log = structlog.get_logger()

T = TypeVar("T")


@asynccontextmanager
async def store(settings: Settings, clock: Clock) -> AsyncGenerator[str]:
    """The database, embedded or given, with its schema up to date. Yields the service's DSN. Raises `StartError`."""
    async with AsyncExitStack() as stack:
        dsn, owner_dsn = settings.database_url, settings.migrate_database_url or settings.database_url
        is_pooled = is_pooled_by(settings)
        migrates_through_pooler = is_pooled and settings.migrate_database_url is None
        if dsn is None or owner_dsn is None:
            embedded = EmbeddedPostgres(settings.data_dir)
            stack.push_async_callback(_to_its_end, embedded.stop)
            owner_dsn = await _to_its_end(embedded.start)
            stack.push_async_callback(_end, asyncio.create_task(_keep_alive(embedded, clock)))
        patient = await database.connect_when_up(owner_dsn, clock, is_pooled=migrates_through_pooler)
        try:
            await database.migrate_schema(patient, is_pooled=migrates_through_pooler)
            if dsn is None:
                dsn = service_dsn(owner_dsn)
                await database.let_service_in(patient)
            if dsn == owner_dsn:
                await database.check_role(patient)
        finally:
            patient.terminate()
        if dsn != owner_dsn:
            async with pool_of(dsn, 1, is_pooled=is_pooled) as pool:
                await database.check_role(pool)
        yield dsn


def is_pooled_by(settings: Settings) -> bool:
    return settings.pooler is Pooler.TRANSACTION


@asynccontextmanager
async def pool_of(
    dsn: str, size: int, *, is_patient: bool = False, is_pooled: bool = False
) -> AsyncGenerator["database.Pool"]:
    """So many connections at most, for as long as the block lasts. To who `is_patient` an answer may take any time."""
    pool = await database.connect(dsn, size, None if is_patient else database.COMMAND_SECONDS, is_pooled=is_pooled)
    try:
        yield pool
    finally:
        pool.terminate()


async def _keep_alive(embedded: EmbeddedPostgres, clock: Clock) -> None:
    """Start the embedded server again whenever it has died: nobody else looks after it."""
    while True:
        await clock.sleep(KEEP_ALIVE)
        try:
            if await _to_its_end(embedded.revive):
                log.warning("store", action="postgres_revived")
        except (StartError, OSError) as error:
            log.warning("store", action="postgres_not_revived", error=str(error))


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


async def _to_its_end(work: Callable[[], T]) -> T:
    """Run `work` in a thread. A thread cannot be cancelled: a cancellation waits for its end."""
    thread = asyncio.create_task(asyncio.to_thread(work))
    cancelled = False
    while not thread.done():
        try:
            await asyncio.wait({thread})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        thread.exception()
        raise asyncio.CancelledError
    return thread.result()


def beside(settings: Settings, clock: Clock) -> AbstractAsyncContextManager[str]:
    """The database of a Lookout that runs, or else one opened for as long as it takes."""
    running_dsn = EmbeddedPostgres(settings.data_dir).dsn_of_running() if settings.database_url is None else None
    return nullcontext(running_dsn) if running_dsn is not None else store(settings, clock)
