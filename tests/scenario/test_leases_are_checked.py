"""Looking at leases keeps nobody waiting who renews them, and waits for nobody: so the two never deadlock."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest
from tests.driver import Driver, owner_dsn

from lookout.store import database, log
from lookout.store.log import Log, Renewal

GRACE = timedelta(minutes=1)
JOBS = ("a", "b", "c", "d", "e")


@pytest.fixture(autouse=True)
def _only_the_test_looks(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that passes would let the timers look as well, and before."""

    async def nothing() -> None:
        pass

    monkeypatch.setattr(lookout.running.timers, "tick", nothing)


@asynccontextmanager
async def _log(lookout: Driver) -> AsyncGenerator[Log]:
    pool = await database.connect(lookout.dsn, 2)
    try:
        yield Log(pool)
    finally:
        await pool.close()


async def _renewed(lookout: Driver) -> None:
    """Five alerts, all of them renewed, at the time when they would have run out."""
    started = lookout.clock.now()
    await lookout.post_alerts(*(lookout.alert({"job": job}, starts_at=started) for job in JOBS))
    lookout.clock.move(minutes=4)
    await lookout.post_alerts(*(lookout.alert({"job": job}, starts_at=started) for job in JOBS))
    lookout.clock.move(minutes=2)


async def _to_check(lookout: Driver) -> int:
    rows = await lookout.sql("SELECT FROM leases WHERE check_at <= $1", lookout.clock.now())
    return len(rows)


async def test_a_lease_that_somebody_has_is_passed_over_and_looked_at_the_next_time(lookout: Driver) -> None:
    await _renewed(lookout)
    other = await asyncpg.connect(owner_dsn(lookout.dsn))
    async with _log(lookout) as written:
        async with other.transaction():
            await other.execute("SELECT FROM leases ORDER BY fingerprint LIMIT 1 FOR UPDATE")
            found = await asyncio.wait_for(written.due_leases(lookout.clock.now(), GRACE, [], 1000), 9)
            assert found == []
            assert await _to_check(lookout) == 1
        assert await written.due_leases(lookout.clock.now(), GRACE, [], 1000) == []
    assert await _to_check(lookout) == 0
    await other.close()


async def test_however_many_were_renewed_all_are_put_off(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "CHECKS_AT_ONCE", 2)
    await _renewed(lookout)
    async with _log(lookout) as written:
        assert await written.due_leases(lookout.clock.now(), GRACE, [], 1000) == []
    assert await _to_check(lookout) == 0


async def test_however_many_were_only_told_to_have_ended_all_are_forgotten(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "CHECKS_AT_ONCE", 2)
    for job in JOBS:
        await lookout.resolves(lookout.clock.now() - timedelta(minutes=1), job=job)
    assert len(await lookout.sql("SELECT FROM leases")) == len(JOBS)
    lookout.clock.move(hours=13)
    async with _log(lookout) as written:
        assert await written.due_leases(lookout.clock.now(), GRACE, [], 1000) == []
    assert await lookout.sql("SELECT FROM leases") == []


async def test_who_renews_locks_in_the_order_of_who_decides(lookout: Driver) -> None:
    """By tenant first. A renewal that waits for the first has none of the others, whatever their fingerprints are."""
    now = lookout.clock.now()
    renewals = [
        Renewal("one", "f" * 16, "prometheus", "", now, now + timedelta(minutes=8)),
        Renewal("two", "0" * 16, "prometheus", "", now, now + timedelta(minutes=8)),
    ]
    for renewal in renewals:
        await lookout.sql(
            "INSERT INTO leases (tenant_id, fingerprint, source, replica, starts_at, ends_at, last_received_at, "
            "promised, expired) VALUES ($1, $2, $3, $4, $5, $6, $5, true, false)",
            *renewal,
        )
    first, second = [await asyncpg.connect(owner_dsn(lookout.dsn)) for _ in range(2)]
    async with _log(lookout) as written:
        async with first.transaction():
            await first.execute("SELECT FROM leases WHERE tenant_id = 'one' FOR UPDATE")
            renewing = asyncio.create_task(written.renew(list(reversed(renewals)), now))
            while not await second.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await second.execute("SELECT pg_sleep(0.01)")
            async with second.transaction():
                await second.execute("SELECT FROM leases WHERE tenant_id = 'two' FOR UPDATE NOWAIT")
        assert await renewing == {0, 1}
    await first.close()
    await second.close()
