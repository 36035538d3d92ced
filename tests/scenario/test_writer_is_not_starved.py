"""Reads that hang take every connection of readers, and none of the writer's: alerts are taken all the same."""

import asyncio

import asyncpg
from tests.driver import Driver, owner_dsn

from lookout.store.database import READERS


async def _until_all_readers_wait(lookout: Driver) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while (await lookout.sql(waiting))[0]["count"] < READERS:
            await lookout.post_alerts()


async def test_alerts_are_taken_while_every_reader_hangs(lookout: Driver) -> None:
    locking = await asyncpg.connect(owner_dsn(lookout.dsn))
    try:
        async with locking.transaction():
            await locking.execute("LOCK TABLE rejected_alerts IN ACCESS EXCLUSIVE MODE")
            reads = [asyncio.create_task(lookout.http.get("/v1/rejected-alerts")) for _ in range(READERS + 2)]
            await _until_all_readers_wait(lookout)
            async with asyncio.timeout(5):
                await lookout.fires(job="a")
            assert not any(read.done() for read in reads)
        assert {answer.status_code for answer in await asyncio.gather(*reads)} == {200}
    finally:
        await locking.close()
    assert len(await lookout.incidents()) == 1
