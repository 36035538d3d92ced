"""Folding the log gives the tables, row for row, whatever happened; what was tampered with is found and mended (I5)."""

import random
from datetime import datetime

import pytest
from tests.driver import Driver

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
