"""Looking up a credential waits for nobody's reads, and nobody waits long for it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
from tests.access import ACCESS, api_token, bearer, person
from tests.driver import Driver, owner_dsn
from tests.scenario.conftest import Start

from lookout.api.auth.tokens import REMEMBERED
from lookout.api.auth.watch import INTERVAL
from lookout.api.parts import Scope
from lookout.store.database import READS_OF_TENANT


@asynccontextmanager
async def locked(lookout: Driver, table: str) -> AsyncGenerator[None]:
    """While this lasts nobody reads this table."""
    connection = await asyncpg.connect(owner_dsn(lookout.dsn))
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table}")
            yield
    finally:
        await connection.close()


async def until_waiting(lookout: Driver, table: str, count: int) -> None:
    """Return once so many wait for the table."""
    async with asyncio.timeout(10):
        while (
            len(await lookout.sql("SELECT FROM pg_locks WHERE relation = $1::regclass AND NOT granted", table)) < count
        ):
            pass


async def pass_by(lookout: Driver, time: timedelta) -> None:
    """Let time pass as the watch over streams sleeps."""
    for _ in range(time // INTERVAL):
        await lookout.clock.until_asleep(seconds=INTERVAL.total_seconds())
        lookout.clock.move(seconds=INTERVAL.total_seconds())


async def test_alerts_are_taken_while_slow_reads_have_all_their_connections(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        sender, reader = bearer((await api_token(lookout, Scope.INGEST)).text), bearer(person(lookout))
        async with locked(lookout, "rejected_alerts"):
            slow = [
                asyncio.create_task(lookout.http.get("/v1/rejected-alerts", headers=reader))
                for _ in range(READS_OF_TENANT)
            ]
            await until_waiting(lookout, "rejected_alerts", READS_OF_TENANT)
            async with asyncio.timeout(10):
                answer = await lookout.http.post("/api/v2/alerts", json=[lookout.alert({})], headers=sender)
            assert answer.status_code == 200
        assert [(await each).status_code for each in slow] == [200] * READS_OF_TENANT


async def test_an_expired_persons_stream_ends_while_another_credential_cannot_be_looked_up(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        token, mira = bearer((await api_token(lookout, Scope.READ)).text), bearer(person(lookout, minutes=0.2))
        stream = {"Accept": "text/event-stream"}
        async with (
            lookout.http.stream("GET", "/v1/feed", headers={**token, **stream}) as first,
            lookout.http.stream("GET", "/v1/feed", headers={**mira, **stream}) as second,
        ):
            others, lines = first.aiter_lines(), second.aiter_lines()
            for each in (others, lines):
                assert await anext(each) == "retry: 1000"
            async with locked(lookout, "tokens"), asyncio.timeout(10):
                await pass_by(lookout, REMEMBERED + 3 * INTERVAL)
                await until_waiting(lookout, "tokens", 1)
                # From here on it is asked whether the token holds. That a person's time is over needs no asking.
                await pass_by(lookout, timedelta(seconds=8))
                assert [line async for line in lines if line.startswith("data")] == []
