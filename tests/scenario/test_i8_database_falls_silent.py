"""PostgreSQL says nothing more and ends nothing: its host lost power, or it is frozen. That is noticed in time (I8)."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager

import psutil
import pytest
from tests.clock import FakeClock
from tests.driver import Driver
from tests.line import Line, line_to
from tests.scenario.conftest import Start

from lookout import app
from lookout.feeds.follow import RETRY
from lookout.store import connecting, database, log

READS_AT_ONCE = database.READERS


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds stand for each of the bounds."""
    monkeypatch.setattr(log, "COMMIT_SECONDS", 2.0)
    monkeypatch.setattr(database, "COMMAND_SECONDS", 2.0)
    monkeypatch.setattr(database, "SIGN_OF_LIFE_SECONDS", 2.0)
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 2.0)
    monkeypatch.setattr(app, "FLUSH_SECONDS", 2.0)


@pytest.fixture
async def line_and_lookout(impatient: None, start: Start, dsn: str) -> AsyncIterator[tuple[Line, Driver]]:
    """A Lookout whose database is at the end of a line; one alert fires."""
    async with line_to(dsn) as (line, through), start(through=through) as lookout:
        await lookout.fires(job="before")
        yield line, lookout


async def test_i1_alerts_are_refused_once_and_then_taken_over_new_connections(
    line_and_lookout: tuple[Line, Driver],
) -> None:
    line, lookout = line_and_lookout
    alert = lookout.alert({"job": "a"})
    line.fall_silent()
    answer = await lookout.post_alerts(alert)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert (await lookout.post_alerts(alert)).status_code == 200
    assert len(await lookout.sql("SELECT FROM events")) == 2
    assert (await lookout.rebuild()).equal


async def test_reads_are_refused_once_and_then_answered_over_new_connections(
    line_and_lookout: tuple[Line, Driver],
) -> None:
    line, lookout = line_and_lookout
    before = await asyncio.gather(*(lookout.incidents() for _ in range(READS_AT_ONCE)))
    line.fall_silent()
    assert (await lookout.http.get("/v1/incidents")).status_code == 503
    after = await asyncio.gather(*(lookout.incidents() for _ in range(READS_AT_ONCE)))
    assert after == before


async def test_a_replica_that_is_asked_whether_it_is_ready_is_so_again_without_any_other_request(
    line_and_lookout: tuple[Line, Driver],
) -> None:
    """A load balancer sends nothing else to one that is not."""
    line, lookout = line_and_lookout
    await asyncio.gather(*(lookout.incidents() for _ in range(READS_AT_ONCE)))
    line.fall_silent()
    assert (await lookout.http.get("/ready")).status_code == 503
    assert (await lookout.http.get("/ready")).status_code == 200
    await asyncio.gather(*(lookout.incidents() for _ in range(READS_AT_ONCE)))


async def test_that_a_silent_connection_cannot_be_closed_in_order_is_nobodys_error(dsn: str) -> None:
    """asyncpg's pool has it closed by a task of which nobody hears."""
    async with line_to(dsn) as (line, through):
        connection = await connecting.Servers(through).connect()
        line.fall_silent()
        await connection.close(timeout=0.05)
        assert connection.is_closed()


async def test_i4_followers_are_told_again_once_the_listener_has_no_sign_of_life(
    line_and_lookout: tuple[Line, Driver],
) -> None:
    """A connection that only listens would listen to nobody for ever."""
    line, lookout = line_and_lookout
    async with lookout.stream(after="0") as events:
        assert (await anext(events)).position == 1
        line.fall_silent()
        await lookout.clock.until_asleep(seconds=database.SIGN_OF_LIFE.total_seconds())
        lookout.clock.move(seconds=database.SIGN_OF_LIFE.total_seconds())
        await _until_listeners_are(lookout, 0)
        lookout.clock.move(seconds=RETRY.total_seconds())
        await _until_listeners_are(lookout, 1)
        if (answer := await lookout.post_alerts(alert := lookout.alert({"job": "a"}))).status_code == 503:
            answer = await lookout.post_alerts(alert)  # unless the timers came across the silence before
        assert answer.status_code == 200
        assert (await asyncio.wait_for(anext(events), 10)).position == 2


async def _until_listeners_are(lookout: Driver, count: int) -> None:
    """Return once so many connections listen for the wake-up."""
    asked = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN%'"
    async with asyncio.timeout(10):
        while len(await lookout.sql(asked)) != count:
            await lookout.http.get("/openapi.json")


def _server(postgres: str) -> psutil.Process:
    """The tests' server: the parent of all its processes."""
    directory = postgres.partition("host=")[2].partition("&")[0].replace("%2F", "/")
    with open(os.path.join(directory, ".s.PGSQL.5432.lock")) as lock:
        return psutil.Process(int(lock.readline()))


@contextmanager
def _frozen(server: psutil.Process) -> Generator[None]:
    processes = [server, *server.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


async def test_i1_while_it_is_frozen_alerts_are_refused_in_time_and_taken_when_it_goes_on(
    impatient: None, start: Start, postgres: str
) -> None:
    async with start() as lookout:
        await lookout.fires(job="before")
        with _frozen(_server(postgres)):
            for _ in range(2):
                answer = await asyncio.wait_for(lookout.post_alerts(lookout.alert({"job": "a"})), 20)
                assert answer.status_code == 503
            assert (await asyncio.wait_for(lookout.http.get("/ready"), 20)).status_code == 503
        await lookout.fires(job="b")
        assert (await lookout.rebuild()).equal
        titles = {incident.title for incident in await lookout.incidents()}
        assert titles >= {"Down (job=before)", "Down (job=b)"}
        assert len(await lookout.feed()) == len(titles), "what was refused may have been stored, and then once"


async def test_the_kernel_watches_each_connection(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a pool, and the one that listens."""
    watched: list[int] = []

    really = connecting.watch

    def watch(end: socket.socket) -> None:
        really(end)
        watched.append(end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    monkeypatch.setattr(connecting, "watch", watch)
    async with line_to(dsn) as (_, through):
        pool = await database.connect(through, 2)
        async with pool.acquire(), pool.acquire(), database.listen(through, "anything", FakeClock(), asyncio.Queue()):
            assert watched == [1, 1, 1]
        await pool.close()
