"""Two Lookouts as programs of their own on one database: what one took in is seen at the other, in time (I1, I4)."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
from tests.real.stream import Stream, stream_of
from tests.server_process import ServerProcess, lookout_process

from lookout.config import Wake
from lookout.feeds.follow import POLL

SLACK = 5.0
"""Seconds that a machine with other work may take beyond what is promised."""


@pytest.fixture
async def database_url(postgres: str) -> AsyncIterator[str]:
    """A database of its own."""
    name = f"replicas_{uuid.uuid4().hex}"
    server = await asyncpg.connect(postgres.format("postgres"))
    await server.execute(f"CREATE DATABASE {name}")
    yield postgres.format(name)
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


@asynccontextmanager
async def _replica(
    database_url: str, place: Path, wake: Wake
) -> AsyncGenerator[tuple[ServerProcess, httpx.AsyncClient]]:
    async with (
        lookout_process(place, DATABASE_URL=database_url, LOOKOUT_WAKE=wake) as server,
        httpx.AsyncClient(base_url=await server.address(), timeout=30) as http,
    ):
        yield server, http


async def _fires(http: httpx.AsyncClient, job: str) -> None:
    now = datetime.now(UTC)
    ends_at = now + timedelta(hours=1)
    alert = {
        "labels": {"alertname": "Down", "job": job},
        "startsAt": now.isoformat(),
        "endsAt": ends_at.isoformat(),
    }
    (await http.post("/api/v2/alerts", json=[alert])).raise_for_status()


async def _position(stream: Stream) -> int:
    return (await stream.next()).position


@contextmanager
def _frozen(server: ServerProcess) -> Generator[None]:
    """While this lasts its clients hear nothing, and its connections stay open."""
    process = psutil.Process(server.pid)
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@pytest.mark.parametrize("wake", Wake, ids=str)
async def test_i1_i4_what_a_took_is_at_bs_whatever_befalls_a(database_url: str, tmp_path: Path, wake: Wake) -> None:
    async with (
        _replica(database_url, tmp_path, wake) as (server, a),
        _replica(database_url, tmp_path, wake) as (_, b),
    ):
        await _it_is_at_once_in_bs_answers_and_soon_in_its_stream(a, b)
        await _frozen_a_holds_nobody_up_and_goes_on_where_b_is(server, a, b)
        await _a_reader_goes_on_at_b_when_a_is_killed(server, a, b)


async def _it_is_at_once_in_bs_answers_and_soon_in_its_stream(a: httpx.AsyncClient, b: httpx.AsyncClient) -> None:
    query = {"query": "{ incidentsConnection { totalCount } }"}
    async with stream_of(b) as stream:
        for count in range(1, 6):
            started = time.monotonic()
            await _fires(a, f"{count}")
            told = (await b.post("/graphql", json=query)).json()
            assert told == {"data": {"incidentsConnection": {"totalCount": count}}}
            assert await _position(stream) == count
            assert time.monotonic() - started < POLL.total_seconds() + SLACK


async def _frozen_a_holds_nobody_up_and_goes_on_where_b_is(
    server: ServerProcess, a: httpx.AsyncClient, b: httpx.AsyncClient
) -> None:
    await _fires(a, "6")
    async with stream_of(a, after=5) as at_a:
        assert await _position(at_a) == 6
        with _frozen(server):
            for job in "789":
                await asyncio.wait_for(_fires(b, job), 20)
        assert [await _position(at_a) for _ in range(3)] == [7, 8, 9]
    await _fires(a, "10")
    assert await _incidents(b) == 10


async def _a_reader_goes_on_at_b_when_a_is_killed(
    server: ServerProcess, a: httpx.AsyncClient, b: httpx.AsyncClient
) -> None:
    async with stream_of(a, after=10) as at_a:
        await _fires(a, "11")
        assert await _position(at_a) == 11
        server.kill()
        with pytest.raises((httpx.TransportError, StopAsyncIteration)):
            await at_a.next()
    async with stream_of(b, after=11) as at_b:
        await _fires(b, "12")
        assert await _position(at_b) == 12
        assert await _incidents(b) == 12


async def _incidents(http: httpx.AsyncClient) -> int:
    return len((await http.get("/v1/incidents")).json()["incidents"])
