"""Replicas are replaced one by one: the release before runs on the new schema, beside this one (expand, contract)."""

import asyncio
import itertools
import sys
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from tests.previous import previous_release, source_of
from tests.real.stream import Stream, stream_of
from tests.server_process import ServerProcess, environment, lookout_process

from lookout.config import load_settings
from lookout.offline import rebuild_in
from lookout.store.embedded import service_dsn

pytestmark = pytest.mark.slow

SECONDS = 30
NEXT = (
    "ALTER TABLE incidents ADD COLUMN of_the_next_release text",
    "ALTER TABLE alerts ADD COLUMN of_the_next_release integer NOT NULL DEFAULT 0",
    "ALTER TABLE leases ADD COLUMN of_the_next_release jsonb",
    "ALTER TABLE events ADD COLUMN of_the_next_release timestamptz",
    "ALTER TABLE postponed_alerts ADD COLUMN of_the_next_release text[]",
    "CREATE TABLE of_the_next_release (tenant_id text NOT NULL)",
    "CREATE INDEX of_the_next_release_too ON incidents (severity)",
)
"""What a migration of the release after this one may do."""


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    """The sources of the release before."""
    return source_of(previous_release(), tmp_path)


@pytest.fixture
async def owner(postgres: str) -> AsyncIterator[str]:
    """A database in which nobody has been yet; its owner's DSN."""
    name = f"rolling_{uuid.uuid4().hex}"
    server = await asyncpg.connect(postgres.format("postgres"))
    await server.execute(f"CREATE DATABASE {name}")
    yield postgres.format(name)
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


def _alert(job: str, starts_at: datetime, ends_at: datetime | None = None) -> dict[str, Any]:
    ends_at = ends_at or datetime.now(UTC) + timedelta(hours=1)
    labels = {"alertname": "Down", "job": job, "severity": "warning"}
    return {"labels": labels, "startsAt": starts_at.isoformat(), "endsAt": ends_at.isoformat()}


class Replica:
    """A Lookout of either release, and a client of it."""

    def __init__(self, server: ServerProcess, http: httpx.AsyncClient, stream: Stream) -> None:
        self.server = server
        self.http = http
        self._stream = stream
        self._position = 0

    async def lives(self, job: str) -> None:
        """An incident's life through this replica: it fires, is told again, acknowledged, noted, and resolves."""
        started = datetime.now(UTC)
        for _ in range(2):
            await self.posts("/api/v2/alerts", [_alert(job, started)])
        found = (await self.http.get("/v1/incidents")).raise_for_status().json()["incidents"]
        [incident] = [incident for incident in found if incident["title"] == f"Down (job={job})"]
        for action, arguments in {"acknowledge": {}, "notes": {"text": "on it"}}.items():
            await self.posts(f"/v1/incidents/{incident['id']}/{action}", arguments)
        await self.posts("/api/v2/alerts", [_alert(job, started, datetime.now(UTC))])

    async def posts(self, path: str, body: Any) -> None:
        """It is taken."""
        answer = await self.http.post(path, json=body, headers={"X-User-ID": "jo"})
        assert answer.is_success, (path, answer.status_code, answer.text, *self.server.stderr)

    async def sees(self, events: int) -> None:
        """The next so many events of the log, without a gap."""
        for _ in range(events):
            self._position += 1
            assert (await self._stream.next()).position == self._position


EVENTS_OF_A_LIFE = 4
"""Opened, acknowledged, noted, resolved. What is told again adds none."""


@asynccontextmanager
async def _replica(owner: str, place: Path, source: Path | None = None) -> AsyncGenerator[Replica]:
    """A Lookout on the database, of the sources given or of these. It migrates, and serves as the service does."""
    environ = {"PYTHONPATH": str(source)} if source is not None else {}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            lookout_process(place, DATABASE_URL=service_dsn(owner), LOOKOUT_MIGRATE_DATABASE_URL=owner, **environ)
        )
        http = httpx.AsyncClient(base_url=await server.address(), timeout=SECONDS)
        await stack.enter_async_context(http)
        yield Replica(server, http, await stack.enter_async_context(stream_of(http)))
        assert not [line for line in server.stderr if "level=error" in line]


async def _where_it_runs(source: Path) -> Path:
    """From where `lookout` comes with these sources."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import lookout; print(lookout.__file__)",
        env=environment(source, PYTHONPATH=str(source)),
        stdout=asyncio.subprocess.PIPE,
    )
    return Path((await process.communicate())[0].decode().strip())


async def test_the_release_before_runs_on_the_new_schema_beside_this_one(
    previous: Path, owner: str, tmp_path: Path
) -> None:
    assert (await _where_it_runs(previous)).is_relative_to(previous)
    lives = itertools.count(1)
    async with _replica(owner, tmp_path, previous) as old:
        await old.lives("before")
        await old.sees(EVENTS_OF_A_LIFE)
        async with _replica(owner, tmp_path) as new:  # it has brought the schema up to date meanwhile
            await new.sees(EVENTS_OF_A_LIFE)
            await _live_together(old, new, lives)
            async with _replica(owner, tmp_path, previous) as again:  # one that is not replaced yet is restarted
                await again.lives("again")
                for replica in (old, new):
                    await replica.sees(EVENTS_OF_A_LIFE)
                await _live_together(again, new, lives)
    settings = load_settings(environment(tmp_path, DATABASE_URL=owner))
    report = await rebuild_in(settings)
    assert report.equal, report.lines


async def _live_together(one: Replica, other: Replica, lives: "itertools.count[int]") -> None:
    """Incidents begin, go on and end at both at once; what one is told the other one may tell on."""
    number = next(lives)
    await asyncio.gather(one.lives(f"one {number}"), other.lives(f"other {number}"), one.lives(f"too {number}"))
    started = datetime.now(UTC)
    for replica, ends_at in ((one, None), (other, None), (one, None), (other, datetime.now(UTC))):
        await replica.posts("/api/v2/alerts", [_alert(f"shared {number}", started, ends_at)])


async def test_this_release_runs_on_while_the_next_one_expands_the_schema(owner: str, tmp_path: Path) -> None:
    """Columns, tables and indexes more, in the middle of everything: nobody is answered anything but what is so."""
    async with _replica(owner, tmp_path) as one, _replica(owner, tmp_path) as other:
        await asyncio.gather(one.lives("a"), other.lives("b"))
        next_release = await asyncpg.connect(owner)
        for number, statement in enumerate(NEXT):
            await asyncio.gather(
                one.lives(f"one {number}"), other.lives(f"other {number}"), next_release.execute(statement)
            )
        await next_release.close()
        for replica in (one, other):
            await replica.sees(EVENTS_OF_A_LIFE * 2 * (len(NEXT) + 1))
