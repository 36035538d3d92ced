"""Any PostgreSQL from 15 on: Debian's own, reached by DATABASE_URL over a Unix socket."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest
from tests.real.clusters import owner, run_as_owner
from tests.real.programs import program
from tests.real.stream import stream_of
from tests.server_process import ServerProcess, empty_place, environment, lookout_process

from lookout.config import load_settings
from lookout.incidents.events import EventType
from lookout.incidents.incident import Resolution
from lookout.offline import rebuild_in

pytestmark = pytest.mark.real

LEASE = timedelta(minutes=4)


@contextmanager
def _place() -> Generator[Path]:
    """A directory in which PostgreSQL may write."""
    with empty_place() as place:
        if (account := owner()) is not None:
            os.chown(place, account.pw_uid, account.pw_gid)
        yield place


@pytest.fixture(scope="module")
async def made() -> AsyncIterator[Path]:
    """A cluster of the PostgreSQL that Debian installs, to be copied."""
    with _place() as place:
        cluster, names = place / "cluster", ("-U", "lookout", "--auth=trust", "--encoding=UTF8", "--no-sync")
        await run_as_owner(program("initdb"), "-D", cluster, *names)
        yield cluster


@pytest.fixture
async def database_url(made: Path) -> AsyncIterator[str]:
    """A server of its own."""
    pg_ctl = program("pg_ctl")
    with _place() as place:
        cluster = place / "cluster"
        await run_as_owner("cp", "-a", made, cluster)
        options = f"-k {place} -c listen_addresses='' -c fsync=off"
        await run_as_owner(pg_ctl, "-D", cluster, "-l", place / "log", "-o", options, "-w", "start")
        yield f"postgresql://lookout@/postgres?host={place}"
        await run_as_owner(pg_ctl, "-D", cluster, "-m", "immediate", "-w", "stop")


DOCS = Path(__file__).parents[2] / "docs" / "operations.md"
ROLES = Path(__file__).parents[2] / "deploy" / "postgres" / "roles.sh"


async def _administrator_runs(database_url: str, *statements: str) -> None:
    connection = await asyncpg.connect(database_url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


def _documented() -> list[str]:
    """What an administrator is told to run for a PostgreSQL of their own."""
    chapter = DOCS.read_text().partition("## A PostgreSQL of your own\n")[2]
    statements = re.search(r"```sql\n(.*?)```", chapter, re.DOTALL)
    assert statements is not None
    return [statement for statement in statements[1].split(";\n") if statement]


def _as(role: str, database_url: str) -> str:
    """The database that the administrator made, as one of its roles."""
    return database_url.replace("//lookout@/postgres?", f"//{role}@/lookout?")


async def _fires(server: ServerProcess) -> None:
    async with httpx.AsyncClient(base_url=await server.address(), timeout=30) as http:
        await _post(http, datetime.now(UTC), datetime.now(UTC) + LEASE)
        assert len((await http.get("/v1/incidents")).json()["incidents"]) == 1


async def test_two_roles_as_the_docs_and_compose_make_them_one_migrates_and_one_serves(
    database_url: str, tmp_path: Path
) -> None:
    script = ROLES.read_text()
    made = re.findall(r"<<'SQL'\n(.*)SQL\n", script, re.DOTALL)[0].replace(":'service'", "'choose one'")
    assert made.replace(":'owner'", "'choose another'").split(";\n")[:-1] == _documented()
    environ = {**os.environ, "PGHOST": database_url.partition("host=")[2], "POSTGRES_USER": "lookout"}
    passwords = {"SERVICE_PASSWORD": "it's \"s", "OWNER_PASSWORD": "$o;"}
    process = await asyncio.create_subprocess_exec("sh", ROLES, env={**environ, **passwords})
    assert await process.wait() == 0
    service, owner = _as("lookout_service", database_url), _as("lookout_owner", database_url)
    async with lookout_process(tmp_path, DATABASE_URL=service, LOOKOUT_MIGRATE_DATABASE_URL=owner) as server:
        await _fires(server)
        assert not any("row_level_security_is_off" in line for line in server.stderr)
    async with lookout_process(tmp_path, DATABASE_URL=service) as server:  # nothing is left to migrate
        await _fires(server)
    owning = await asyncpg.connect(owner)
    assert await owning.fetch("SELECT * FROM incidents") == []
    await owning.execute("SET lookout.tenants = '{default}'")
    assert len(await owning.fetch("SELECT * FROM incidents")) == 1
    await owning.close()


async def test_one_role_that_may_not_make_roles_is_told_what_it_needs(database_url: str, tmp_path: Path) -> None:
    await _administrator_runs(database_url, "CREATE ROLE single LOGIN CREATEDB", "CREATE DATABASE lookout OWNER single")
    single = _as("single", database_url)
    async with lookout_process(tmp_path, DATABASE_URL=single) as server:
        assert await server.exit_code() == 1
        [sentence] = server.stderr
        assert "permission denied to create role" in sentence
        assert "lookout_service and lookout_platform" in sentence
    first, *_ = _documented()
    service = "CREATE ROLE lookout_service NOLOGIN IN ROLE lookout_platform"
    assert service in DOCS.read_text()
    await _administrator_runs(database_url, first, service, "GRANT lookout_platform TO single")
    async with lookout_process(tmp_path, DATABASE_URL=single) as server:
        await _fires(server)
        assert not any("row_level_security_is_off" in line for line in server.stderr)


async def test_one_role_that_may_make_roles_needs_nothing_else(database_url: str, tmp_path: Path) -> None:
    await _administrator_runs(
        database_url, "CREATE ROLE single LOGIN CREATEROLE", "CREATE DATABASE lookout OWNER single"
    )
    async with lookout_process(tmp_path, DATABASE_URL=_as("single", database_url)) as server:
        await _fires(server)


async def test_a_role_that_may_not_serve_is_told_what_it_needs(database_url: str, tmp_path: Path) -> None:
    await _administrator_runs(database_url, *_documented(), "CREATE ROLE guest LOGIN", "CREATE ROLE half LOGIN")
    await _administrator_runs(database_url, "GRANT CONNECT ON DATABASE lookout TO guest, half")
    owner = _as("lookout_owner", database_url)
    for role, needed in (("guest", "GRANT lookout_service TO guest"), ("half", "GRANT lookout_platform TO half")):
        settings = {"DATABASE_URL": _as(role, database_url), "LOOKOUT_MIGRATE_DATABASE_URL": owner}
        async with lookout_process(tmp_path, **settings) as server:
            assert await server.exit_code() == 1
            [sentence] = server.stderr
            assert needed in sentence
        owning = await asyncpg.connect(owner)
        await owning.execute("GRANT INSERT ON events TO half")
        await owning.close()


async def _post(http: httpx.AsyncClient, starts_at: datetime, ends_at: datetime) -> None:
    labels = {"alertname": "Down", "job": "ingest", "severity": "critical", "odd": "\0 \u2028 é"}
    alert = {"labels": labels, "startsAt": starts_at.isoformat(), "endsAt": ends_at.isoformat()}
    (await http.post("/api/v2/alerts", json=[alert])).raise_for_status()


async def test_an_incident_lives_in_debians_postgresql_and_a_superuser_is_told_that_nothing_stands_behind(
    database_url: str, tmp_path: Path
) -> None:
    started = datetime.now(UTC) - timedelta(minutes=1)
    async with (
        lookout_process(tmp_path, DATABASE_URL=database_url) as server,
        httpx.AsyncClient(base_url=await server.address(), timeout=30) as http,
        stream_of(http) as stream,
    ):
        await _post(http, started, datetime.now(UTC) + LEASE)
        opened = await stream.next()
        assert opened.event_type is EventType.OPENED
        await _post(http, started, datetime.now(UTC) + LEASE)
        await _post(http, started, datetime.now(UTC))
        resolved = await stream.next()
        assert (resolved.position, resolved.event_type) == (2, EventType.RESOLVED)
        assert resolved.incident.resolution is Resolution.SOURCE
        assert resolved.incident.id == opened.incident.id
        assert any("row_level_security_is_off" in line for line in server.stderr)
    report = await rebuild_in(load_settings(environment(tmp_path, DATABASE_URL=database_url)))
    assert report.equal, report.lines
    assert report.lines[0].startswith("default: 2 events fold to 1 incidents and 1 alerts")
