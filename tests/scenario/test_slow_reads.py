"""Reads that hang keep nobody else waiting: alerts are taken, the feed goes on, and another tenant reads (I8)."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
from tests.access import ACCESS, bearer, person
from tests.driver import Driver, owner_dsn
from tests.scenario.conftest import Start

from lookout.store.database import READS, READS_OF_TENANT

MORE = 20
"""Reads beyond those that find a place."""


@asynccontextmanager
async def hanging(
    lookout: Driver, at_once: int, headers: Mapping[str, str] | None = None
) -> AsyncGenerator[list["asyncio.Task[httpx.Response]"]]:
    """While this lasts so many reads hang, and more wait for them. At its end all are answered."""
    locking = await asyncpg.connect(owner_dsn(lookout.dsn))
    waiting = "SELECT FROM pg_locks WHERE relation = 'rejected_alerts'::regclass AND NOT granted"
    try:
        async with locking.transaction():
            await locking.execute("LOCK TABLE rejected_alerts IN ACCESS EXCLUSIVE MODE")
            ask = lookout.http.get
            reads = [asyncio.create_task(ask("/v1/rejected-alerts", headers=headers)) for _ in range(at_once + MORE)]
            async with asyncio.timeout(10):
                while len(await lookout.sql(waiting)) < at_once:
                    await lookout.post_alerts()
            yield reads
            assert len(await lookout.sql(waiting)) == at_once
            assert not any(read.done() for read in reads)
        assert {answer.status_code for answer in await asyncio.gather(*reads)} == {200}
    finally:
        await locking.close()


async def test_alerts_are_taken_while_reads_hang(lookout: Driver) -> None:
    async with hanging(lookout, READS), asyncio.timeout(5):
        await lookout.fires(job="a")
    assert len(await lookout.incidents()) == 1


@pytest.mark.parametrize("path", ["/ready", "/-/ready", "/health"])
async def test_a_lookout_whose_reads_hang_is_ready(lookout: Driver, path: str) -> None:
    async with hanging(lookout, READS), asyncio.timeout(5):
        assert (await lookout.http.get(path)).status_code == 200


async def test_the_feed_goes_on_while_reads_hang(lookout: Driver) -> None:
    await lookout.fires(job="a")
    async with hanging(lookout, READS), asyncio.timeout(5), lookout.stream(after="0") as events:
        assert (await anext(events)).position == 1
        await lookout.fires(job="b")
        assert (await anext(events)).position == 2


async def test_i8_one_tenants_reads_that_hang_leave_places_for_anothers(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        acme, globex = bearer(person(lookout)), bearer(person(lookout, "globex"))
        async with hanging(lookout, READS_OF_TENANT, acme), asyncio.timeout(5):
            for path in ("/v1/incidents", "/v1/stats", "/v1/sources", "/api/v2/alerts", "/"):
                assert (await lookout.http.get(path, headers=globex)).status_code == 200
