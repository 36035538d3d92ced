"""Folding the log gives the tables, row for row, whatever happened; what was tampered with is found and mended (I5)."""

import asyncio
import random
import sys
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest
from tests.driver import Driver, owner_dsn
from tests.server_process import LOOKOUT, environment

from lookout.config import Settings
from lookout.errors import DatabaseFailed
from lookout.incidents.policy import Policy
from lookout.offline import rebuild_in
from lookout.store import rebuild
from lookout.store.isolation import patience_of
from lookout.store.transaction import WRITTEN_AT_ONCE

JOBS = ("a", "b", "c")
INSTANCES = ("1", "2", "3", "4")
ACTIONS: list[tuple[str, dict[str, str]]] = [
    ("investigations", {"report_id": "r1", "summary": "the disk"}),
    ("investigations", {"report_id": "r2", "summary": "the network"}),
    ("acknowledge", {}),
    ("assign", {"assignee": "kim"}),
    ("resolve", {}),
    ("notes", {"text": "hm"}),
]
SEVERITIES = ("info", "warning", "critical")


async def _story(lookout: Driver, seed: int, steps: int = 60) -> None:
    """Whatever can happen, in an order that only the seed knows."""
    rng = random.Random(seed)
    firing: dict[tuple[str, ...], datetime] = {}
    for _ in range(steps):
        labels = {"job": rng.choice(JOBS), "instance": rng.choice(INSTANCES), "severity": rng.choice(SEVERITIES)}
        labels["prometheus_replica"] = rng.choice("xy")
        key = tuple(labels.values())
        match rng.randrange(8):
            case 0 | 1 | 2:
                firing[key] = lookout.clock.now()
                await lookout.post_alerts(lookout.alert(labels))
            case 3 | 4 if firing:
                key = rng.choice(list(firing))
                await lookout.post_alerts(
                    lookout.alert(
                        dict(zip(labels, key, strict=True)), starts_at=firing.pop(key), ends_at=lookout.clock.now()
                    )
                )
            case 5:
                status = rng.choice(["firing", "resolved"])
                await lookout.webhook({"labels": {"alertname": "Down", **labels}, "status": status})
            case 6 if incidents := await lookout.incidents():
                action, arguments = rng.choice(ACTIONS)
                await lookout.act(rng.choice(incidents).id, action, **arguments)
            case _:
                lookout.clock.move(minutes=rng.randrange(6))
                await lookout.ticks()


@pytest.mark.parametrize("seed", range(4))
async def test_i5_after_any_story_the_tables_are_the_fold_of_the_log(lookout: Driver, seed: int) -> None:
    await _story(lookout, seed)
    report = await lookout.rebuild()
    assert report.equal, report.lines
    assert len(await lookout.feed()) > 20


TAMPERED = [
    "UPDATE incidents SET status = 'acknowledged' WHERE status = 'firing'",
    "UPDATE incidents SET total_alerts = total_alerts + 1",
    "UPDATE incidents SET investigation_count = investigation_count + 1",
    "DELETE FROM incidents",
    "UPDATE alerts SET starts_at = starts_at - interval '1 s'",
    'UPDATE alerts SET labels = \'{"a": "b"}\'',
    "DELETE FROM alerts",
    "UPDATE feeds SET last_position = last_position + 1",
]


@pytest.mark.parametrize("statement", TAMPERED)
async def test_i5_what_was_tampered_with_is_found_and_mended(lookout: Driver, statement: str) -> None:
    await lookout.fires(job="a")
    await lookout.fires(job="b")
    await lookout.act((await lookout.incidents())[0].id, "resolve")
    incidents = await lookout.incidents()
    await lookout.sql(statement)
    found = await lookout.rebuild()
    assert not found.equal
    assert found.lines[-1] == "NOT equal"
    await lookout.rebuild(repair=True)
    assert (await lookout.rebuild()).equal
    assert await lookout.incidents() == incidents
    # And the next change has its place.
    await lookout.fires(job="c")
    assert [event.position for event in await lookout.feed()] == [1, 2, 3, 4]


LIES = [
    "DELETE FROM events WHERE position = 2",
    "DELETE FROM investigations",
    "UPDATE investigations SET report_id = 'another'",
    "UPDATE events SET incident = jsonb_set(incident::jsonb, '{severity}', '\"info\"')::json WHERE position = 1",
]


@pytest.mark.parametrize("statement", LIES)
async def test_i5_a_hole_or_a_lie_in_the_log_itself_is_found(lookout: Driver, statement: str) -> None:
    for job in "abc":
        await lookout.fires(job=job)
    await lookout.attach((await lookout.incidents())[0].id)
    assert (await lookout.rebuild()).equal
    await lookout.sql(statement)
    assert not (await lookout.rebuild()).equal


LOOKS = f"""
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('statement_timeout') <> '0' THEN RAISE EXCEPTION 'there is a limit'; END IF;
    IF (SELECT count(*) FROM added) > {WRITTEN_AT_ONCE} THEN RAISE EXCEPTION 'too many at once'; END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER looks AFTER INSERT ON incidents REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION look();
CREATE TRIGGER looks AFTER INSERT ON alerts REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION look();
"""
LOOKS_NO_MORE = "DROP FUNCTION look CASCADE"


async def test_a_large_history_is_mended_in_parts_without_a_time_limit(lookout: Driver) -> None:
    many = WRITTEN_AT_ONCE + 1
    await lookout.post_alerts(*(lookout.alert({"job": str(number)}) for number in range(many)))
    await lookout.sql("UPDATE incidents SET total_alerts = total_alerts + 1")
    owner = await asyncpg.connect(owner_dsn(lookout.dsn))
    await owner.execute(LOOKS)
    try:
        assert not (await lookout.rebuild(repair=True)).equal
    finally:
        await owner.execute(LOOKS_NO_MORE)
        await owner.close()
    report = await lookout.rebuild()
    assert report.lines == [
        f"default: {many} events fold to {many} incidents and {many} alerts: equal",
        "equal: the tables are what the log says",
    ]


async def test_what_the_database_says_to_a_command_is_told_in_a_sentence(
    lookout: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lookout.fires(job="a")
    monkeypatch.setattr(rebuild, "PATIENCE", patience_of(0, 0.02, 60))
    settings = Settings("127.0.0.1", 0, tmp_path, lookout.dsn, None, Policy())
    async with lookout.feed_is_locked():
        with pytest.raises(DatabaseFailed, match=r"^The database failed: canceling statement due to lock timeout\. "):
            await rebuild_in(settings, repair=True)


async def test_what_the_command_logs_is_not_among_what_it_says(lookout: Driver, tmp_path: Path) -> None:
    await lookout.fires(job="a")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        LOOKOUT,
        "rebuild",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(tmp_path, DATABASE_URL=owner_dsn(lookout.dsn)),
    )
    said, logged = await process.communicate()
    assert said.decode().splitlines() == [
        "default: 1 events fold to 1 incidents and 1 alerts: equal",
        "equal: the tables are what the log says",
    ]
    assert "action=row_level_security_is_off" in logged.decode()
