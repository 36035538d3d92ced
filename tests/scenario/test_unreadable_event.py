"""An event that this version cannot read, as a newer replica may write one, is not passed over in silence."""

import asyncio

import asyncpg
import httpx
import pytest
from tests.driver import Driver, owner_dsn


async def test_a_stream_that_cannot_be_read_is_cut_off_and_not_kept_alive_empty(lookout: Driver) -> None:
    async with asyncio.timeout(20), lookout.stream() as events:
        await lookout.fires(job="a")
        assert (await anext(events)).position == 1
        connection = await asyncpg.connect(owner_dsn(lookout.dsn))
        await connection.execute(
            """
            INSERT INTO events
            SELECT tenant_id, 2, gen_random_uuid(), incident_id, 'incident_of_the_future', occurred_at, recorded_at,
                incident, change
            FROM events
            """
        )
        await connection.execute("UPDATE feeds SET last_position = 2")
        await connection.execute("SELECT pg_notify('lookout_feed', 'default')")
        await connection.close()
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(events)
