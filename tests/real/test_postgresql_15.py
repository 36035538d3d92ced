"""Any PostgreSQL from 15 on: Debian's own, reached by DATABASE_URL over a Unix socket."""

import asyncio
import os
import pwd
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.real.programs import program
from tests.real.stream import stream_of
from tests.server_process import environment, lookout_process, place_for_data

from lookout.app import rebuild_tables
from lookout.config import load_settings
from lookout.incidents.events import EventType
from lookout.incidents.incident import Resolution

pytestmark = pytest.mark.real

LEASE = timedelta(minutes=4)


async def _run_as_postgres(program: str, *arguments: str | Path) -> None:
    """Run to the end. PostgreSQL refuses to be root's."""
    owner = _owner()
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        user=owner.pw_uid if owner is not None else None,
        cwd="/",
    )
    assert await process.wait() == 0, f"{program} failed"


def _owner() -> pwd.struct_passwd | None:
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


@pytest.fixture
async def database_url() -> AsyncIterator[str]:
    """A cluster of its own, of the PostgreSQL that Debian installs."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    with place_for_data() as place:
        if (owner := _owner()) is not None:
            os.chown(place, owner.pw_uid, owner.pw_gid)
        cluster = place / "cluster"
        await _run_as_postgres(initdb, "-D", cluster, "-U", "lookout", "--auth=trust", "--encoding=UTF8", "--no-sync")
        options = f"-k {place} -c listen_addresses='' -c fsync=off"
        await _run_as_postgres(pg_ctl, "-D", cluster, "-l", place / "log", "-o", options, "-w", "start")
        yield f"postgresql://lookout@/postgres?host={place}"
        await _run_as_postgres(pg_ctl, "-D", cluster, "-m", "immediate", "-w", "stop")


async def _post(http: httpx.AsyncClient, starts_at: datetime, ends_at: datetime) -> None:
    labels = {"alertname": "Down", "job": "ingest", "severity": "critical", "odd": "\0 \u2028 é"}
    alert = {"labels": labels, "startsAt": starts_at.isoformat(), "endsAt": ends_at.isoformat()}
    (await http.post("/api/v2/alerts", json=[alert])).raise_for_status()


async def test_an_incident_lives_in_debians_postgresql(database_url: str, tmp_path: Path) -> None:
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
    report = await asyncio.to_thread(rebuild_tables, load_settings(environment(tmp_path, DATABASE_URL=database_url)))
    assert report.equal, report.lines
    assert report.lines[0].startswith("default: 2 events fold to 1 incidents and 1 alerts")
