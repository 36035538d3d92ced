"""Lookout through a real PgBouncer that pools transactions, as the docs set it up: POST, SSE, GraphQL, REST, tokens."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from tests.real.clusters import Cluster, clusters, owner
from tests.real.programs import free_port, program
from tests.real.stream import stream_of
from tests.server_process import environment, lookout_process, run_lookout

from lookout.config import load_settings
from lookout.offline import rebuild_in

pytestmark = pytest.mark.real

SECONDS = 30
SESSIONS = 3
"""Fewer than two Lookouts have connections, so that sessions change hands all the time."""
CONFIG = """
[databases]
* = host=127.0.0.1 port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = {sessions}
query_wait_timeout = 7
logfile =
"""
ROLES = """
CREATE ROLE lookout_platform NOLOGIN;
CREATE ROLE lookout_service LOGIN IN ROLE lookout_platform;
"""


class Ways(msgspec.Struct, frozen=True):
    """To one database: past the pooler as its owner and as the service, and through it."""

    owner: str
    service: str
    pooled: str


class Pooled(msgspec.Struct, frozen=True):
    """A cluster with the roles, and a pooler before it: the address of each."""

    cluster: str
    pooler: str


@pytest.fixture(scope="module")
async def pooled() -> AsyncIterator[Pooled]:
    """For the tests of this file."""
    async with clusters("cluster") as (cluster,):
        await cluster.start()
        administrator = await asyncpg.connect(cluster.url)
        for statement in ROLES.strip().split("\n"):
            await administrator.execute(statement)
        await administrator.close()
        async with _pgbouncer(cluster) as port:
            yield Pooled(cluster.host, f"127.0.0.1:{port}")


@pytest.fixture
async def ways(pooled: Pooled) -> Ways:
    """To a database of its own."""
    name = f"lookout_{uuid.uuid4().hex}"
    administrator = await asyncpg.connect(f"postgresql://lookout@{pooled.cluster}/postgres")
    await administrator.execute(f"CREATE DATABASE {name}")
    await administrator.close()
    return Ways(
        f"postgresql://lookout@{pooled.cluster}/{name}",
        f"postgresql://lookout_service@{pooled.cluster}/{name}",
        f"postgresql://lookout_service@{pooled.pooler}/{name}",
    )


@asynccontextmanager
async def _pgbouncer(cluster: Cluster) -> AsyncGenerator[int]:
    """Its port. It refuses to be root's, as PostgreSQL does."""
    place, port, account = cluster.directory.parent, free_port(), owner()
    (place / "users.txt").write_text('"lookout_service" ""\n')
    config = place / "pgbouncer.ini"
    config.write_text(CONFIG.format(port=cluster.port, own_port=port, users=place / "users.txt", sessions=SESSIONS))
    process = await asyncio.create_subprocess_exec(
        program("pgbouncer", "/usr/sbin/pgbouncer"),
        config,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        user=account.pw_uid if account is not None else None,
        cwd="/",
    )
    try:
        await _until_it_listens(port)
        yield port
    finally:
        process.kill()
        await process.wait()


async def _until_it_listens(port: int) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0)
                continue
            writer.close()
            return


@asynccontextmanager
async def _two(ways: Ways, place: Path, **others: str) -> AsyncGenerator[list[httpx.AsyncClient]]:
    """Clients of two Lookouts through the pooler."""
    settings = {"DATABASE_URL": ways.pooled, "LOOKOUT_POOLER": "transaction", **others}
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(
                lookout_process(place / name, **settings, LOOKOUT_MIGRATE_DATABASE_URL=ways.owner)
            )
            for name in "ab"
        ]
        yield [
            await stack.enter_async_context(httpx.AsyncClient(base_url=await server.address(), timeout=SECONDS))
            for server in servers
        ]
        said = [line for server in servers for line in server.stderr if "level=error" in line or "lost" in line]
        assert not said
    report = await rebuild_in(load_settings(environment(place, **settings)))
    assert report.equal, report.lines


def _alert(number: int) -> dict[str, Any]:
    now = datetime.now(UTC)
    labels = {"alertname": "Down", "job": str(number)}
    return {"labels": labels, "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}


async def _sees_what_both_take(a: httpx.AsyncClient, b: httpx.AsyncClient) -> None:
    """Alerts to both at once; a stream, GraphQL and REST of each have all of them."""
    async with stream_of(a) as at_a, stream_of(b) as at_b:
        answers = await asyncio.gather(
            *((a, b)[number % 2].post("/api/v2/alerts", json=[_alert(number)]) for number in range(40)),
            *(http.get("/v1/incidents") for http in (a, b) for _ in range(10)),
        )
        assert {answer.status_code for answer in answers} == {200}
        for stream in (at_a, at_b):
            assert [(await stream.next()).position for _ in range(40)] == list(range(1, 41))
    query = {"query": "{ incidentsConnection { totalCount } }"}
    for http in (a, b):
        told = (await http.post("/graphql", json=query)).raise_for_status().json()
        assert told == {"data": {"incidentsConnection": {"totalCount": 40}}}
        assert (await http.get("/health")).json()["status"] == "healthy"


async def test_all_works_through_a_pooler_of_transactions_and_two_replicas_poll(ways: Ways, tmp_path: Path) -> None:
    async with _two(ways, tmp_path) as (a, b):
        await _sees_what_both_take(a, b)
        assert await _listeners(ways) == 0


async def test_a_direct_address_brings_notifications(ways: Ways, tmp_path: Path) -> None:
    async with _two(ways, tmp_path, LOOKOUT_LISTEN_DATABASE_URL=ways.service) as (a, b):
        assert await _listeners(ways) == 2
        await _sees_what_both_take(a, b)


async def _listeners(ways: Ways) -> int:
    connection = await asyncpg.connect(ways.owner)
    count: int = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN%'"
    )
    await connection.close()
    return count


async def test_what_to_set_is_said(ways: Ways, tmp_path: Path) -> None:
    pooled, migrates = {"DATABASE_URL": ways.pooled}, {"LOOKOUT_MIGRATE_DATABASE_URL": ways.owner}
    async with lookout_process(tmp_path, **pooled, LOOKOUT_POOLER="transaction") as server:
        assert await server.exit_code() == 1, "migrations are not tried through it"
        [sentence] = server.stderr
        assert "LOOKOUT_MIGRATE_DATABASE_URL" in sentence
    async with (
        lookout_process(tmp_path, **pooled, **migrates) as server,
        httpx.AsyncClient(base_url=await server.address(), timeout=SECONDS) as http,
    ):
        answers = await asyncio.gather(*(http.get("/v1/incidents") for _ in range(SESSIONS * 10)))
        assert 500 in {answer.status_code for answer in answers}
        assert any("LOOKOUT_POOLER=transaction" in line for line in server.stderr)
    async with lookout_process(tmp_path, **pooled, LOOKOUT_POOLER="transaction") as server:
        assert await server.address(), "nothing is left to migrate"


async def test_tokens_are_found_through_it(ways: Ways, tmp_path: Path) -> None:
    """What is looked up before anybody knows whose it is."""
    settings = {"LOOKOUT_AUTH": "required", "SERVICE_TOKEN": "s" * 40}
    pooled = {"DATABASE_URL": ways.pooled, "LOOKOUT_POOLER": "transaction"}
    async with (
        lookout_process(tmp_path, **pooled, **settings, LOOKOUT_MIGRATE_DATABASE_URL=ways.owner) as server,
        httpx.AsyncClient(base_url=await server.address(), timeout=SECONDS) as http,
    ):
        code, token, complained = await run_lookout("token", "create", "--source", "prometheus", **pooled)
        assert code == 0, complained
        headers = {"Authorization": f"Bearer {token.strip()}"}
        answers = await asyncio.gather(
            *(http.post("/api/v2/alerts", json=[_alert(number)], headers=headers) for number in range(10))
        )
        assert {answer.status_code for answer in answers} == {200}
