"""A migration that needs a table which others use waits in short turns, and lets them through between two."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pogo_core.util import migrate
from structlog.testing import capture_logs

from lookout.errors import StartError
from lookout.store import database

LATEST = "0013"
"""Where the migrations begin that are still to come: one of them changes the table that is in use."""
IN_USE = "rejected_alerts"


@pytest.fixture
async def before(postgres: str, tmp_path: Path) -> AsyncIterator[str]:
    """A database to which those migrations have not come; its owner's DSN."""
    name = f"waits_{uuid.uuid4().hex}"
    server = await asyncpg.connect(postgres.format("postgres"))
    await server.execute(f"CREATE DATABASE {name}")
    for migration in files("lookout.store").joinpath("migrations").iterdir():
        if migration.name < LATEST:
            (tmp_path / migration.name).write_text(migration.read_text())
    owner = await asyncpg.connect(postgres.format(name))
    await migrate.apply(owner, tmp_path, schema_name="public")
    await owner.close()
    yield postgres.format(name)
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


@asynccontextmanager
async def _in_use(dsn: str) -> AsyncGenerator[None]:
    """While this lasts somebody reads the table, in a transaction that does not end."""
    reader = await asyncpg.connect(dsn)
    try:
        async with reader.transaction():
            await reader.fetch(f"SELECT FROM {IN_USE} LIMIT 1")
            yield
    finally:
        await reader.close()


class _Waits:
    """Told of all that is logged: `capture_logs(processors=[waits])`."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._news = asyncio.Event()

    def __call__(self, _: object, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if entry["action"] == "migration_waits":
            self._said.append(entry["error"])
            self._news.set()
        return entry

    async def until_it_waits(self, what: str = "lock timeout") -> None:
        """Return once it says that it waits for this."""
        async with asyncio.timeout(30):
            while not any(what in said for said in self._said):
                self._news.clear()
                await self._news.wait()


async def test_others_get_through_while_it_waits_and_it_ends_when_the_table_is_free(before: str) -> None:
    pool = await database.connect(before, 1, None)
    other = await asyncpg.connect(before)
    with capture_logs(processors=[waits := _Waits()]):
        async with _in_use(before):
            migrating = asyncio.create_task(database.migrate_schema(pool))
            await waits.until_it_waits()
            await asyncio.wait_for(other.fetch(f"SELECT FROM {IN_USE} LIMIT 1"), 20)
            assert not migrating.done()
        await migrating
    applied = {row["migration_id"] for row in await other.fetch("SELECT migration_id FROM public._pogo_migration")}
    assert "0013_rejected_alerts" in applied
    await other.close()
    await pool.close()


async def test_replicas_take_turns_and_say_that_they_wait_for_another(before: str) -> None:
    first, second = [await database.connect(before, 1, None) for _ in range(2)]
    with capture_logs(processors=[waits := _Waits()]):
        async with _in_use(before):
            migrating = asyncio.create_task(database.migrate_schema(first))
            await waits.until_it_waits()
            waiting = asyncio.create_task(database.migrate_schema(second))
            await waits.until_it_waits("another replica")
            assert not waiting.done()
        await asyncio.gather(migrating, waiting)
    for pool in (first, second):
        await pool.close()


async def test_it_gives_up_after_some_turns_and_may_be_started_again(
    before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_TRIES", 1)
    pool = await database.connect(before, 1, None)
    async with _in_use(before):
        with pytest.raises(StartError, match="lock timeout"):
            await database.migrate_schema(pool)
    await database.migrate_schema(pool)
    await pool.close()
