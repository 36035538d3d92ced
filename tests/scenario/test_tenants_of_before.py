"""Whoever had a token or a log before there was a list of tenants is on it."""

from importlib.resources import files

from tests.driver import Driver


async def test_the_migration_makes_known_who_was_there(lookout: Driver) -> None:
    apply, rollback = (
        files("lookout.store").joinpath("migrations/0011_tenants.sql").read_text().split("-- migrate: rollback")
    )
    await lookout.fires(job="a")
    for statement in rollback.split(";")[:-1]:
        await lookout.sql(statement)
    await lookout.sql(
        "INSERT INTO tokens (id, digest, tenant_id, scopes, name, created_at) "
        "VALUES ('a', '', 'acme', '{read}', 'n', '2026-01-02Z'), ('b', '', 'acme', '{read}', 'n', '2026-01-01Z')"
    )
    await lookout.sql("INSERT INTO feeds (tenant_id) VALUES ('empty')")
    for statement in apply.partition("-- migrate: apply")[2].split(";")[:-1]:
        await lookout.sql(statement)
    found = {row["tenant_id"]: row["created_at"] for row in await lookout.sql("SELECT * FROM tenants")}
    assert found.keys() == {"acme", "default", "empty"}
    assert found["acme"].isoformat() == "2026-01-01T00:00:00+00:00"
    assert found["default"] == lookout.clock.now()
