"""What the database takes back, or makes us wait for: tried again where another try helps, and never for long (I8)."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs
from tests.driver import Driver, owner_dsn

from lookout.intake.commits import TRIES
from lookout.store import database, isolation, log
from lookout.store.connecting import LOST
from lookout.store.isolation import patience_of

FAILS = """
CREATE SEQUENCE failures;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('failures') <= {times} THEN RAISE EXCEPTION 'taken back' USING ERRCODE = '{state}'; END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fails BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION fail();
GRANT USAGE ON SEQUENCE failures TO PUBLIC;
"""
WORKS_AGAIN = "DROP TRIGGER IF EXISTS fails ON events; DROP FUNCTION IF EXISTS fail; DROP SEQUENCE IF EXISTS failures"


@asynccontextmanager
async def _owner(lookout: Driver) -> AsyncGenerator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(owner_dsn(lookout.dsn))
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _commits_fail(lookout: Driver, state: str, times: int) -> AsyncGenerator[None]:
    """So many times a commit ends with this error of PostgreSQL's. A sequence counts: it is never taken back."""
    async with _owner(lookout) as owner:
        await owner.execute(FAILS.format(times=times, state=state))
        try:
            yield
        finally:
            await owner.execute(WORKS_AGAIN)


@pytest.mark.parametrize("state", ["40001", "40P01"], ids=["serialization", "deadlock"])
async def test_i7_what_was_taken_back_is_committed_at_another_try_and_once(lookout: Driver, state: str) -> None:
    await lookout.fires(job="before")
    incident = await lookout.only_incident()
    async with _commits_fail(lookout, state, times=2):
        answer = await lookout.after_all_tries(lookout.post_alerts(lookout.alert({"job": "a"})))
        assert answer.status_code == 200
    # Nothing of it was done, and so even what may be done only once is tried again.
    async with _commits_fail(lookout, state, times=1):
        answer = await lookout.after_all_tries(lookout.act(incident.id, "notes", text="once"), tries=2)
        assert answer.is_success
    assert await lookout.types() == ["opened", "opened", "note_added"]
    assert (await lookout.rebuild()).equal


@pytest.mark.parametrize("state", ["40001", "40P01"], ids=["serialization", "deadlock"])
async def test_i8_it_is_tried_so_often_and_then_answered_503(lookout: Driver, state: str) -> None:
    async with _commits_fail(lookout, state, times=1000):
        answer = await lookout.after_all_tries(lookout.post_alerts(lookout.alert({"job": "a"})))
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        [count] = await lookout.sql("SELECT last_value FROM failures")
        assert count["last_value"] == TRIES
    assert await lookout.feed() == []


async def test_a_real_deadlock_costs_nobody_anything(lookout: Driver) -> None:
    """Another transaction holds the alert's lease and then wants the feed, of which Lookout holds the lock.

    PostgreSQL looks once, and ends who waits for the lease: by then the other one waits for the feed, as a third one
    has held Lookout up in between.
    """
    await lookout.fires(job="a")
    started = lookout.clock.now()
    ends = lookout.alert({"job": "a"}, starts_at=started, ends_at=lookout.clock.now())
    async with _owner(lookout) as other, _owner(lookout) as third:
        await other.execute("SET deadlock_timeout = '1min'")
        with capture_logs() as logs:
            async with other.transaction():
                await other.execute("SELECT FROM leases FOR UPDATE")
                async with third.transaction():
                    await third.execute("LOCK TABLE incidents")
                    posting = asyncio.create_task(lookout.after_all_tries(lookout.post_alerts(ends), tries=2))
                    await _until_waiting(lookout, "%incidents%")
                    wanting = asyncio.create_task(other.execute("SELECT FROM feeds FOR UPDATE"))
                    await _until_waiting(lookout, "SELECT FROM feeds%", whose="%")
                await wanting
            assert (await posting).status_code == 200
    assert [entry["action"] for entry in logs if "Deadlock" in entry.get("error", "")] == ["commit_retried"]
    assert await lookout.types() == ["opened", "resolved"]


async def _until_waiting(lookout: Driver, query: str, *, whose: str = "lookout") -> None:
    """Return once a statement like this waits for a lock."""
    async with asyncio.timeout(10):
        while not await lookout.sql(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE $2 "
            "AND wait_event_type = 'Lock' AND query LIKE $1",
            query,
            whose,
        ):
            await lookout.http.get("/ready")


async def test_i8_a_lock_that_somebody_holds_is_waited_for_for_a_while_and_answered_503(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forgotten `BEGIN` in somebody's psql: the log says whose fault it is, and nobody waits for it any more."""
    monkeypatch.setattr(log, "COMMIT_SECONDS", 2.0)
    await lookout.fires(job="before")
    async with lookout.feed_is_locked():
        with capture_logs() as logs:
            answer = await lookout.post_alerts(lookout.alert({"job": "a"}))
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert ["lock timeout" in entry["error"] for entry in logs if entry["action"] == "commit_failed"] == [True]
        assert not await lookout.sql("SELECT FROM pg_locks WHERE NOT granted")
        repeat = await lookout.post_alerts(lookout.alert({"job": "before"}))
        assert repeat.status_code == 200, "a renewal needs no such lock"
    await lookout.fires(job="a")
    assert await lookout.types() == ["opened", "opened"]


async def test_i8_a_read_waits_for_a_table_for_a_while_and_is_answered_503(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lookout.fires(job="a")
    monkeypatch.setattr(isolation, "USUAL", patience_of(20, 0.3, 60))
    async with _owner(lookout) as other, other.transaction(), asyncio.timeout(5):
        await other.execute("LOCK TABLE incidents")
        answer = await lookout.http.get("/v1/incidents")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
    assert len(await lookout.incidents()) == 1


async def test_i8_a_slow_statement_is_ended_by_the_server_too(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever became of who asked: nothing goes on for long that nobody waits for."""
    await lookout.fires(job="a")
    monkeypatch.setattr(isolation, "USUAL", patience_of(0.3, 20, 60))
    async with _owner(lookout) as other, other.transaction(), asyncio.timeout(5):
        await other.execute("LOCK TABLE incidents")
        assert (await lookout.http.get("/v1/incidents")).status_code == 503
        assert not await lookout.sql("SELECT FROM pg_locks WHERE NOT granted")


@pytest.fixture
async def frozen(lookout: Driver) -> AsyncIterator[Any]:
    """Somebody who has taken a tenant's lock and stands still, as a replica does that is frozen in a commit."""
    pool = await database.connect(lookout.dsn, 1)

    @asynccontextmanager
    async def locks(idle: float) -> AsyncGenerator[None]:
        with suppress(*LOST):
            async with isolation.tenants(pool, ["default"], patience=patience_of(10, 10, idle)) as connection:
                await connection.execute("SELECT FROM feeds FOR UPDATE")
                yield

    yield locks
    pool.terminate()


async def test_i8_who_stands_still_in_a_commit_loses_its_locks_to_the_others(lookout: Driver, frozen: Any) -> None:
    await lookout.fires(job="before")
    async with frozen(idle=0.5):
        await lookout.fires(job="a")
    assert await lookout.types() == ["opened", "opened"]


def test_nothing_of_a_commit_takes_longer_than_the_whole() -> None:
    """A lock is waited for for three quarters of it, and so whoever is frozen in a commit holds up the rest for 8 s."""
    small, large = (log.patience_of_commit(alerts) for alerts in (1, 100_000))
    assert (small.statement, small.lock, small.idle) == ("8000", "6000", "8000")
    assert (large.statement, large.lock, large.idle) == ("33000", "24750", "33000")


async def test_every_transaction_says_how_long_it_may_take(lookout: Driver) -> None:
    """For one transaction, so that it holds through a pooler, too; and nothing of it stays in the session."""
    names = "current_setting('statement_timeout'), current_setting('lock_timeout'), "
    asked = f"SELECT {names} current_setting('idle_in_transaction_session_timeout')"
    pool = await database.connect(lookout.dsn, 1)
    async with isolation.tenants(pool, ["default"]) as connection:
        assert tuple(await connection.fetchrow(asked) or ()) == ("25s", "10s", "1min")
    async with isolation.Platform(pool).transaction() as connection:
        assert tuple(await connection.fetchrow(asked) or ()) == ("25s", "10s", "1min")
    assert tuple(await pool.fetchrow(asked) or ()) == ("0", "0", "0")
    await pool.close()


async def test_another_replica_that_brings_the_schema_up_to_date_costs_nobody_an_answer(lookout: Driver) -> None:
    """A prepared statement whose result has another column is refused once, and asked again."""
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    for pretend in ("ADD COLUMN new integer", "DROP COLUMN new"):
        await lookout.sql(f"ALTER TABLE incidents {pretend}")
        assert await lookout.incident(incident.id) == incident
        answer = await lookout.after_all_tries(lookout.post_alerts(lookout.alert({"job": pretend})), tries=2)
        assert answer.status_code == 200
    assert await lookout.types() == ["opened"] * 3


async def test_who_is_cancelled_in_a_transaction_leaves_no_noise_and_a_connection_that_is_well(dsn: str) -> None:
    """At a stop, and when a client goes: whatever was under way, from the first word of a transaction to its last."""
    noise: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
    pool = await database.connect(dsn, 1)

    async def works() -> None:
        async with isolation.tenants(pool, ["default"]) as connection:
            await connection.fetch("SELECT count(*) FROM generate_series(1, 50000)")  # it takes a moment

    for turns, again_after in itertools.product(range(60), (None, *range(3))):
        working = asyncio.create_task(works())
        for _ in range(turns):
            await asyncio.sleep(0)
        working.cancel()
        if again_after is not None:  # a client that goes, and then the stop: it is in the middle of a rollback
            for _ in range(again_after):
                await asyncio.sleep(0)
            working.cancel()
        await asyncio.wait([working])
    await works()
    await pool.close()
    assert noise == []
