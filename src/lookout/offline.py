"""What commands do with the database, beside a Lookout that runs or without one. No surface is loaded for it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import asyncpg

from lookout.alerts.text import one_line
from lookout.clock import Clock, SystemClock
from lookout.config import Settings
from lookout.errors import DatabaseFailed
from lookout.feeds.kafka.producer import Producer
from lookout.feeds.kafka.resend import Range, feed_to, resend
from lookout.logs import configure_logs
from lookout.opened import beside, is_pooled_by, pool_of, store
from lookout.store import database
from lookout.store.rebuild import Report, rebuild
from lookout.store.relays import RelayPositions
from lookout.store.tenants import Tenants
from lookout.store.tokens import Tokens

T = TypeVar("T")

_SAID_LIMIT = 300


def rebuild_tables(settings: Settings, *, repair: bool = False) -> Report:
    """Fold the log anew and compare it with the tables. Raises `StartError`, also while one runs, `DatabaseFailed`."""
    configure_logs()
    return asyncio.run(rebuild_in(settings, repair=repair))


async def rebuild_in(settings: Settings, *, repair: bool = False) -> Report:
    """The same in a process that has a loop, and has said where its log goes."""
    async with _pool(settings, store(settings, SystemClock()), is_patient=True) as pool:
        return await rebuild(pool, repair=repair)


def resend_to_kafka(settings: Settings, topic: str, wanted: Range, told: Callable[[int], None]) -> int:
    """Send a range of one tenant's events to a topic once more. Returns how many records. Raises `LookoutError`.

    Beside a Lookout that runs or without one.
    """
    configure_logs()
    feed = feed_to(settings.kafka, topic)
    assert settings.kafka is not None
    producer = Producer(settings.kafka, topic)

    async def send() -> int:
        async with _pool(settings, beside(settings, SystemClock())) as pool:
            return await resend(RelayPositions(pool), feed, producer, wanted, told)

    return asyncio.run(send())


def on_tokens(settings: Settings, work: Callable[[Tokens, Clock], Awaitable[T]]) -> T:
    """Do something with the API tokens, beside a Lookout that runs or without one.

    Raises `StartError`, `DatabaseFailed`.
    """
    return _on(settings, lambda pool, clock: work(Tokens(pool), clock))


def on_tenants(settings: Settings, work: Callable[[Tenants, Clock], Awaitable[T]]) -> T:
    """Do something with the list of tenants, as with the tokens. Raises `StartError`, `DatabaseFailed`."""
    return _on(settings, lambda pool, clock: work(Tenants(pool), clock))


def _on(settings: Settings, work: "Callable[[database.Pool, Clock], Awaitable[T]]") -> T:
    configure_logs()
    clock = SystemClock()

    async def do() -> T:
        async with _pool(settings, beside(settings, clock)) as pool:
            return await work(pool, clock)

    return asyncio.run(do())


@asynccontextmanager
async def _pool(
    settings: Settings, opening: AbstractAsyncContextManager[str], *, is_patient: bool = False
) -> "AsyncGenerator[database.Pool]":
    """One connection to what is opened. What the database says to the work is told in a sentence."""
    try:
        is_pooled = is_pooled_by(settings)
        async with opening as dsn, pool_of(dsn, 1, is_patient=is_patient, is_pooled=is_pooled) as pool:
            yield pool
    except (asyncpg.PostgresError, *database.PASSING_ERRORS) as error:
        said = one_line(str(error), _SAID_LIMIT) or type(error).__name__
        raise DatabaseFailed(f"The database failed: {said}. Give the command again when it is well.") from error
