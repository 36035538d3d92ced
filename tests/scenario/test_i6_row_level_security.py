"""I6: the database itself shows nothing of a tenant to whoever does not name it; every table of the catalogue."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest
from tests.driver import owner_dsn

from lookout.store import database, isolation
from lookout.store.embedded import SERVICE

A, B = "tenant-a", "tenant-b"

_VALUES = {
    "text": "'x'",
    "uuid": "gen_random_uuid()",
    "bigint": "7",
    "integer": "7",
    "double precision": "0.5",
    "boolean": "false",
    "timestamp with time zone": "'2026-01-01Z'",
    "json": "'{}'",
    "jsonb": "'{}'",
    "bytea": "'x'",
    "text[]": "'{}'",
}
"""A value of each type that a table has a column of."""

ISOLATED = """
SELECT c.relname
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
ORDER BY c.relname
"""

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


@asynccontextmanager
async def _connected(dsn: str) -> AsyncGenerator["Connection"]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator["Connection"]:
    """Who sees all."""
    async with _connected(owner_dsn(dsn)) as connection:
        yield connection


@pytest.fixture
async def service(dsn: str) -> AsyncIterator["Connection"]:
    """Who serves."""
    async with _connected(dsn) as connection:
        assert await connection.fetchval("SELECT current_user") == SERVICE
        yield connection


@pytest.fixture
async def tables(owner: "Connection") -> list[str]:
    """Every table with a tenant, with a row of each of both tenants in it."""
    found = [row["relname"] for row in await owner.fetch(ISOLATED)]
    assert {"feeds", "events", "incidents", "alerts", "leases", "tokens", "relays"} <= set(found)
    await owner.execute("SET session_replication_role = replica")  # no row here has what it refers to
    for table in found:
        for tenant in (A, B):
            await owner.execute(await _insert(owner, table, tenant))
    return found


async def _insert(owner: "Connection", table: str, tenant: str) -> str:
    """A statement that makes a row, whatever the table is."""
    columns = await owner.fetch(
        "SELECT attname, format_type(atttypid, NULL) AS type, attnum = ANY (coalesce(i.indkey, '')) AS is_key "
        "FROM pg_attribute LEFT JOIN pg_index AS i ON i.indrelid = attrelid AND i.indisprimary "
        "WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = ''",
        table,
    )
    values = {row["attname"]: _VALUES[row["type"]] for row in columns}
    if any(row["is_key"] and row["attname"] == "id" and row["type"] == "text" for row in columns):
        values["id"] = "gen_random_uuid()::text"
    values["tenant_id"] = f"'{tenant}'"
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"


@asynccontextmanager
async def _naming(connection: "Connection", *tenants: str) -> AsyncGenerator[None]:
    """A transaction that names tenants, and is taken back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("SELECT set_config('lookout.tenants', $1::text[]::text, true)", list(tenants))
        yield
    finally:
        await transaction.rollback()


async def _seen(connection: "Connection", table: str) -> list[str]:
    rows = await connection.fetch(f"SELECT tenant_id FROM {table} ORDER BY tenant_id")
    return [row["tenant_id"] for row in rows]


async def _changed(connection: "Connection", statement: str) -> int:
    """How many rows it changed; none where that is not permitted to the role at all."""
    try:
        async with connection.transaction():
            return int((await connection.execute(statement)).split()[-1])
    except asyncpg.InsufficientPrivilegeError as error:
        assert str(error).startswith("permission denied for table")  # noqa: PT017
        return 0


async def test_i6_no_table_with_a_tenant_is_without_its_policy(owner: "Connection", tables: Sequence[str]) -> None:
    rows = await owner.fetch(
        "SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid "
        "WHERE relrowsecurity AND relforcerowsecurity AND polname = 'of_named_tenants' "
        "AND polcmd = '*' AND polpermissive AND polroles = '{0}' ORDER BY relname"
    )
    assert [row["relname"] for row in rows] == tables


async def test_i6_no_view_looks_at_the_tables_with_its_owners_eyes(owner: "Connection") -> None:
    rows = await owner.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace "
        "AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)"
    )
    assert rows == []


async def test_i6_who_names_no_tenant_sees_and_changes_nothing(
    owner: "Connection", service: "Connection", tables: Sequence[str]
) -> None:
    for table in tables:
        assert await _seen(service, table) == []
        assert await _changed(service, f"UPDATE {table} SET tenant_id = tenant_id") == 0
        assert await _changed(service, f"DELETE FROM {table}") == 0
        insert = await _insert(owner, table, A)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await service.execute(insert.replace(f"'{A}'", "'tenant-c'"))
        assert await _seen(owner, table) == [A, B]


async def test_i6_who_names_a_tenant_sees_and_changes_nothing_of_another(
    owner: "Connection", service: "Connection", tables: Sequence[str]
) -> None:
    for table in tables:
        insert = await _insert(owner, table, "tenant-c")
        async with _naming(service, A):
            assert await _seen(service, table) == [A]
            where = f"WHERE tenant_id = '{B}'"
            assert await _changed(service, f"UPDATE {table} SET tenant_id = tenant_id {where}") == 0
            assert await _changed(service, f"DELETE FROM {table} {where}") == 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"row-level security|permission denied"):
                async with service.transaction():
                    await service.execute(f"UPDATE {table} SET tenant_id = 'tenant-c'")
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                async with service.transaction():
                    await service.execute(insert)
        assert await _seen(owner, table) == [A, B]


async def test_i6_a_batch_of_several_tenants_names_just_those(service: "Connection", tables: Sequence[str]) -> None:
    for table in tables:
        async with _naming(service, B, A):
            assert await _seen(service, table) == [A, B]
        async with _naming(service, "tenant-c", B):
            assert await _seen(service, table) == [B]


@pytest.mark.parametrize("odd", ["", "*", "a,b", '"', "{}", "'; --", "\\", "ünï", "%"])
async def test_i6_a_name_is_a_name_whatever_its_characters(
    owner: "Connection", service: "Connection", tables: Sequence[str], odd: str
) -> None:
    assert tables
    await owner.execute("INSERT INTO feeds (tenant_id) VALUES ($1)", odd)
    async with _naming(service, odd):
        assert await _seen(service, "feeds") == [odd]


async def test_i6_a_name_ends_with_its_transaction(service: "Connection", tables: Sequence[str]) -> None:
    async with service.transaction():
        await service.execute("SELECT set_config('lookout.tenants', $1::text[]::text, true)", [A])
        assert await _seen(service, "events") == [A]
    for table in tables:
        assert await _seen(service, table) == []


async def test_i6_the_owner_is_bound_too(postgres: str, dsn: str, owner: "Connection", tables: Sequence[str]) -> None:
    """Where one role migrates and serves. Only a superuser, as the tests' owner is, sees all."""
    await owner.execute("DROP ROLE IF EXISTS lookout_plain_owner")
    await owner.execute("CREATE ROLE lookout_plain_owner LOGIN")
    try:
        for table in tables:
            await owner.execute(f"ALTER TABLE {table} OWNER TO lookout_plain_owner")
        async with _connected(owner_dsn(dsn).replace("//lookout@", "//lookout_plain_owner@")) as plain:
            for table in tables:
                assert await _seen(plain, table) == []
                async with _naming(plain, A):
                    assert await _seen(plain, table) == [A]
    finally:
        await owner.execute("REASSIGN OWNED BY lookout_plain_owner TO lookout")
        await owner.execute("DROP ROLE lookout_plain_owner")


async def test_the_service_may_do_no_more_than_it_needs(owner: "Connection", service: "Connection") -> None:
    [role] = await owner.fetch("SELECT * FROM pg_roles WHERE rolname = $1", SERVICE)
    assert not any(role[f"rol{power}"] for power in ("super", "bypassrls", "createrole", "createdb", "replication"))
    for forbidden in (
        "CREATE TABLE mine (id int)",
        "ALTER TABLE events DISABLE ROW LEVEL SECURITY",
        "DROP POLICY of_named_tenants ON events",
        "TRUNCATE events",
        "SET ROLE lookout",
        "DELETE FROM _pogo_migration",
        "DELETE FROM keys",
        "SELECT isolate_tenants('events')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(forbidden)


@pytest.mark.parametrize("table", ["events", "event_alerts", "investigations"])
async def test_the_service_cannot_change_what_the_log_says(service: "Connection", table: str) -> None:
    async with _naming(service, A):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await service.execute(f"UPDATE {table} SET position = 1")


CONTENT = {
    "events": ("incident", "change"),
    "incidents": ("title", "summary", "labels", "dedup_key", "assignee"),
    "alerts": ("annotations", "generator_url"),
    "event_alerts": ("tenant_id", "labels", "annotations"),
    "investigations": ("tenant_id", "summary", "root_cause", "recommendations"),
    "rejected_alerts": ("reason", "excerpt"),
    "silent_decisions": ("tenant_id",),
}
"""What the platform's way does not lead to."""


@pytest.mark.parametrize(("table", "column"), [(table, column) for table, some in CONTENT.items() for column in some])
async def test_i6_the_platforms_way_shows_nothing_of_what_is_said(
    service: "Connection", table: str, column: str
) -> None:
    async with service.transaction():
        await service.execute("SET LOCAL ROLE lookout_platform")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await service.fetch(f"SELECT {column} FROM {table}")


async def test_i6_the_platforms_way_tells_of_all_and_ends_with_its_transaction(
    service: "Connection", tables: Sequence[str]
) -> None:
    assert tables
    async with service.transaction():
        await service.execute("SET LOCAL ROLE lookout_platform")
        assert await _seen(service, "feeds") == [A, B]
    assert await _seen(service, "feeds") == []
    async with service.transaction():
        await service.execute("SET LOCAL ROLE lookout_platform")
        await service.execute("SET LOCAL ROLE NONE")
        await service.execute("SELECT set_config('lookout.tenants', $1::text[]::text, true)", [B])
        assert await _seen(service, "feeds") == [B]


async def test_i6_whoever_inherits_from_the_platforms_role_sees_no_more(
    dsn: str, owner: "Connection", tables: Sequence[str]
) -> None:
    """An administrator may grant it in the usual way, which inherits."""
    assert tables
    await owner.execute("DROP ROLE IF EXISTS lookout_heir")
    await owner.execute("CREATE ROLE lookout_heir LOGIN INHERIT")
    await owner.execute("GRANT lookout_service, lookout_platform TO lookout_heir")
    try:
        async with _connected(owner_dsn(dsn).replace("//lookout@", "//lookout_heir@")) as heir:
            assert await _seen(heir, "feeds") == []
    finally:
        await owner.execute("DROP ROLE lookout_heir")


@pytest.mark.parametrize(
    "name", ["a'); DROP TABLE events; --", 'a"},{"tenant-b', "a\\", "NULL", "{}", "a,b", "ä\n", ""]
)
async def test_i6_a_name_is_a_name_whatever_it_says(dsn: str, name: str) -> None:
    """Names go out in a statement without parameters."""
    pool = await database.connect(dsn, 1)
    async with isolation.tenants(pool, [name, "tenant-a"]) as connection:
        named = await connection.fetchval("SELECT current_setting('lookout.tenants')::text[]")
        assert sorted(named) == sorted([name, "tenant-a"])
    await pool.close()
