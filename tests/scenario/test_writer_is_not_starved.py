"""Reads that hang take every connection of readers, and none of the writer's: alerts are taken all the same."""

import asyncio

from tests.access import ACCESS, SERVICE, api_token, bearer
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.api.parts import Scope
from lookout.store.database import READERS


async def _until_all_readers_wait(lookout: Driver) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while (await lookout.sql(waiting))[0]["count"] < READERS:
            await lookout.post_alerts()


async def test_alerts_are_taken_while_every_reader_hangs(lookout: Driver) -> None:
    async with lookout.locked("rejected_alerts"):
        reads = [asyncio.create_task(lookout.http.get("/v1/rejected-alerts")) for _ in range(READERS + 2)]
        await _until_all_readers_wait(lookout)
        async with asyncio.timeout(5):
            await lookout.fires(job="a")
        assert not any(read.done() for read in reads)
    assert {answer.status_code for answer in await asyncio.gather(*reads)} == {200}
    assert len(await lookout.incidents()) == 1


async def test_a_token_is_looked_up_while_every_reader_hangs(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        slow = bearer(SERVICE, **{"X-Tenant-ID": "acme"})
        sender = bearer((await api_token(lookout, Scope.INGEST, tenant_id="globex")).text)
        async with lookout.locked("rejected_alerts"):
            reads = [
                asyncio.create_task(lookout.http.get("/v1/rejected-alerts", headers=slow)) for _ in range(READERS + 2)
            ]
            await _until_all_readers_wait(lookout)
            async with asyncio.timeout(5):
                alerts = [lookout.alert({"job": "a"})]
                answer = await lookout.http.post("/api/v2/alerts", json=alerts, headers=sender)
            assert answer.status_code == 200
            assert not any(read.done() for read in reads)
        assert {answer.status_code for answer in await asyncio.gather(*reads)} == {200}
