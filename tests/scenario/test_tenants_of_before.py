"""Whoever had a token or a log before there was a list of tenants is on it; what else was there stays as it was."""

import uuid
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import asyncpg
import pytest
from pogo_core.util import migrate

from lookout.store import database, isolation
from lookout.store.embedded import service_dsn

SINCE = "0011"
"""Where the migrations begin that know of it."""


@pytest.fixture
async def before(postgres: str, tmp_path: Path) -> AsyncIterator[str]:
    """A database of its own, as it was before there was a list of tenants; its owner's DSN."""
    name = f"before_{uuid.uuid4().hex}"
    server = await asyncpg.connect(postgres.format("postgres"))
    await server.execute(f"CREATE DATABASE {name}")
    for migration in files("lookout.store").joinpath("migrations").iterdir():
        if migration.name < SINCE:
            (tmp_path / migration.name).write_text(migration.read_text())
    owner = await asyncpg.connect(postgres.format(name))
    await migrate.apply(owner, tmp_path, schema_name="public")
    await owner.close()
    yield postgres.format(name)
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


async def _upgraded(dsn: str, *had: str) -> "database.Pool":
    """The service's connections to the database, upgraded with what it had."""
    owner = await database.connect(dsn, 1)
    for statement in had:
        await owner.execute(statement)
    await database.migrate_schema(owner)
    await owner.close()
    return await database.connect(service_dsn(dsn), 1)


async def test_the_migration_makes_known_who_was_there(before: str) -> None:
    pool = await _upgraded(
        before,
        "INSERT INTO feeds (tenant_id, last_position) VALUES ('default', 1), ('empty', 0)",
        "INSERT INTO events VALUES ('default', 1, gen_random_uuid(), gen_random_uuid(), 'incident_opened', "
        "'2026-01-03Z', '2026-01-03Z', '{}', '{}')",
        "INSERT INTO tokens (id, digest, tenant_id, scopes, name, created_at) "
        "VALUES ('a', '', 'acme', '{read}', 'n', '2026-01-02Z'), ('b', '', 'acme', '{read}', 'n', '2026-01-01Z')",
    )
    rows = await isolation.Platform(pool).fetch("all_tenants", "", 10)
    found = {row["tenant_id"]: row["created_at"] for row in rows}
    await pool.close()
    assert found.keys() == {"acme", "default", "empty"}
    assert found["acme"].isoformat() == "2026-01-01T00:00:00+00:00"
    assert found["default"].isoformat() == "2026-01-03T00:00:00+00:00"


async def test_i6_what_was_there_is_seen_by_its_tenant_alone_from_then_on(before: str) -> None:
    pool = await _upgraded(
        before,
        "INSERT INTO rejected_alerts (tenant_id, source, received_at, reason, excerpt) "
        "SELECT t, 'events', '2026-01-01Z', 'r', 'e' FROM unnest(ARRAY['a', 'b', 'a']) AS t",
    )
    async with pool.acquire() as connection:
        assert await connection.fetch("SELECT * FROM rejected_alerts") == []
    rows = await isolation.OfTenant(pool).fetch("rejected_alerts_before", "a", 10, 10)
    await pool.close()
    assert [(row["tenant_id"], row["id"]) for row in rows] == [("a", 3), ("a", 1)]
