"""Two Lookouts on a PostgreSQL that restarts, and whose standby takes over: what was answered is there (I1, I2, I4)."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from tests.line import line_to, place_of
from tests.real.clusters import Cluster, clusters
from tests.real.stream import Stream, stream_of
from tests.server_process import environment, lookout_process

from lookout.config import load_settings
from lookout.offline import rebuild_in

pytestmark = [pytest.mark.real, pytest.mark.slow]

SECONDS = 30
BATCHES = 20
"""Answered batches before and after each fault."""


class Load:
    """Clients of several Lookouts that send alerts, and remember what was answered."""

    def __init__(self, *https: httpx.AsyncClient) -> None:
        self.answered: set[str] = set()
        self.batches = 0
        self._https = https
        self._numbers = itertools.count()
        self._news = asyncio.Condition()
        self._failed = False

    async def run(self) -> None:
        """Send until cancelled, to each at once. Each alert again until it is taken, as it fires on."""
        try:
            async with asyncio.TaskGroup() as clients:
                for http in self._https:
                    clients.create_task(self._send(http))
        finally:
            self._failed = True
            async with self._news:
                self._news.notify_all()

    async def _send(self, http: httpx.AsyncClient) -> None:
        alerts: list[dict[str, Any]] = []
        while True:
            alerts = alerts or [_alert(f"{next(self._numbers)}") for _ in range(5)]
            answer = await http.post("/api/v2/alerts", json=alerts)
            if answer.status_code == 503:
                assert answer.headers["Retry-After"]
                continue
            assert answer.status_code == 200, answer.text
            async with self._news:
                self.answered |= {alert["labels"]["job"] for alert in alerts}
                self.batches += 1
                self._news.notify_all()
            alerts = []

    async def goes_on(self) -> None:
        """Return once so many more batches were answered."""
        goal = self.batches + BATCHES
        async with asyncio.timeout(SECONDS), self._news:
            await self._news.wait_for(lambda: self.batches >= goal or self._failed)
        assert not self._failed, "see the error of the task"


def _alert(job: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    ends_at = now + timedelta(hours=1)
    return {
        "labels": {"alertname": "Down", "job": job},
        "startsAt": now.isoformat(),
        "endsAt": ends_at.isoformat(),
    }


@asynccontextmanager
async def _loaded(*servers: str) -> AsyncGenerator[Load]:
    """While this lasts alerts are sent. In the end both feeds are whole, and hold all that was answered."""
    async with AsyncExitStack() as stack:
        https = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=server, timeout=SECONDS)) for server in servers
        ]
        streams = [await stack.enter_async_context(stream_of(http)) for http in https]
        load = Load(*https)
        sending = asyncio.create_task(load.run())
        try:
            await load.goes_on()
            yield load
            await load.goes_on()
        finally:
            sending.cancel()
            await asyncio.wait([sending])
        assert sending.cancelled(), sending.exception()
        for stream in streams:
            await _sees(stream, load.answered)


async def _sees(stream: Stream, jobs: set[str]) -> None:
    """The stream that was opened before all of it has each position once, and every alert."""
    seen: set[str] = set()
    for position in itertools.count(1):
        event = await stream.next()
        assert event.position == position
        seen.add(event.incident.labels["job"])
        if seen >= jobs:
            return


@pytest.fixture
async def primary() -> AsyncIterator[Cluster]:
    async with clusters("primary") as (cluster,):
        await cluster.start()
        yield cluster


@asynccontextmanager
async def _two_lookouts(database_url: str, place: Path) -> AsyncGenerator[list[str]]:
    """Their addresses. In the end the tables are the fold of the log (I5)."""
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(lookout_process(place / name, DATABASE_URL=database_url)) for name in "ab"
        ]
        try:
            yield [await server.address() for server in servers]
        finally:
            for server in servers:
                print("\n".join(server.stderr))  # noqa: T201 - what they said of it, if the test fails
    settings = load_settings(environment(place, DATABASE_URL=database_url))
    report = await rebuild_in(settings)
    assert report.equal, report.lines


async def test_i1_i4_cuts_and_restarts_of_postgresql_lose_nothing_that_was_answered(
    primary: Cluster, tmp_path: Path
) -> None:
    async with _two_lookouts(primary.url, tmp_path) as addresses, _loaded(*addresses) as load:
        await _connections_are_cut(primary, load)
        for mode in ("fast", "immediate") * 2:
            await primary.stop(mode)
            await primary.start()
            await load.goes_on()


async def _connections_are_cut(primary: Cluster, load: Load) -> None:
    killer = await asyncpg.connect(primary.url)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'lookout%'"
    for _ in range(5):
        assert len(await killer.fetch(cut)) > 0
        await load.goes_on()
    await killer.close()


async def test_i1_i4_a_standby_that_takes_over_is_found_and_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    """Two servers are named. A commit waits for the standby: else none could promise anything."""
    async with clusters("primary", "standby") as (primary, standby):
        await primary.start(synchronous_standby_names="standby")
        await standby.copy(primary)
        await standby.start()
        both = f"postgresql://lookout@{standby.host},{primary.host}/postgres"
        async with _two_lookouts(both, tmp_path) as addresses, _loaded(*addresses) as load:
            await primary.stop("immediate")
            await standby.promote()
            await load.goes_on()


async def test_a_server_that_takes_no_writes_is_left_for_one_that_does(tmp_path: Path) -> None:
    """One name, which leads to the standby for a while: nothing is taken, and nobody has to cut the connections."""
    async with clusters("primary", "standby") as (primary, standby), line_to(primary.url) as (line, through):
        await primary.start()
        async with (
            lookout_process(tmp_path, DATABASE_URL=through) as server,
            httpx.AsyncClient(base_url=await server.address(), timeout=SECONDS) as http,
        ):
            assert (await http.post("/api/v2/alerts", json=[_alert("before")])).status_code == 200
            await standby.copy(primary)
            await standby.start(hot_standby="on")
            line.place = place_of(standby.url)
            line.cut()
            answer = await http.post("/api/v2/alerts", json=[_alert("a")])
            assert answer.status_code == 503
            assert answer.headers["Retry-After"]
            assert any("ReadOnlySQLTransaction" in text for text in server.stderr)
            assert [incident["title"] for incident in await _incidents(http)] == ["Down (job=before)"]
            line.place = place_of(primary.url)
            assert (await http.post("/api/v2/alerts", json=[_alert("a")])).status_code == 200
            line.place = place_of(standby.url)
            line.cut()
            assert (await http.post("/api/v2/alerts", json=[_alert("b")])).status_code == 503
            await standby.promote()
            async with asyncio.timeout(SECONDS):
                while (await http.post("/api/v2/alerts", json=[_alert("b")])).status_code == 503:
                    pass
            assert len(await _incidents(http)) == 3


async def _incidents(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    return (await http.get("/v1/incidents")).raise_for_status().json()["incidents"]
