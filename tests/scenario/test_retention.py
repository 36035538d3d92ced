"""What is over since long ago is forgotten, from the beginning of the log on, and whoever asks for it is told so."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs
from tests.clock import NOON
from tests.driver import Driver
from tests.plans import grow, plan_of
from tests.scenario.conftest import Start
from tests.unit.graphql.client import ask, refusal

from lookout.config import RETENTION
from lookout.incidents.events import FeedEvent
from lookout.store import retention
from lookout.store.known import Known
from lookout.store.reads import Reads

ENDS = "SELECT pruned_position, last_position FROM feeds"


async def _over(lookout: Driver, job: str) -> None:
    """An incident of two events, a minute long."""
    started = lookout.clock.now()
    await lookout.fires(job=job)
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, job=job)


async def _pass_the_retention(lookout: Driver, **more: float) -> None:
    lookout.clock.move(days=RETENTION.days, **more)
    await lookout.ticks()


async def _prune(lookout: Driver) -> bool:
    """One call, with all that is over so far being old enough."""
    return await retention.Retention(await lookout.pool()).prune(lookout.clock.now() + timedelta(seconds=1))


async def _ends(lookout: Driver) -> tuple[int, int]:
    [row] = await lookout.sql(ENDS)
    return row["pruned_position"], row["last_position"]


async def _jobs(lookout: Driver) -> list[str]:
    return [incident.labels["job"] for incident in await lookout.incidents()]


@pytest.fixture(name="pruned")
async def have_pruned(lookout: Driver) -> Driver:
    """Three incidents of two events each: the first is forgotten, the others are a day younger."""
    await _over(lookout, job="old")
    lookout.clock.move(days=1)
    await _over(lookout, job="young")
    await _over(lookout, job="younger")
    lookout.clock.move(days=-1)
    await _pass_the_retention(lookout)
    assert await _ends(lookout) == (2, 6)
    return lookout


async def test_an_investigation_goes_with_its_event(lookout: Driver) -> None:
    await _over(lookout, job="old")
    await lookout.attach((await lookout.only_incident()).id)
    lookout.clock.move(days=1)
    await _over(lookout, job="young")
    await lookout.attach((await lookout.incidents())[0].id)
    lookout.clock.move(days=-1)
    await _pass_the_retention(lookout)
    assert await _ends(lookout) == (3, 6)
    assert [row["position"] for row in await lookout.sql("SELECT position FROM investigations")] == [6]
    assert (await lookout.rebuild()).equal


async def test_an_incident_goes_with_all_that_belongs_to_it(pruned: Driver) -> None:
    assert await _jobs(pruned) == ["younger", "young"]
    for table in ("events", "event_alerts"):
        rows = await pruned.sql(f"SELECT DISTINCT position FROM {table} ORDER BY position")
        assert [row["position"] for row in rows] == [3, 4, 5, 6]
    for table in ("alerts", "leases"):
        [row] = await pruned.sql(f"SELECT count(*) FROM {table}")
        assert row["count"] == 2


async def test_not_a_moment_too_early(lookout: Driver) -> None:
    await _over(lookout, job="a")
    await _pass_the_retention(lookout)
    assert await _ends(lookout) == (0, 2)
    lookout.clock.move(seconds=1, minutes=10)
    await lookout.ticks()
    assert await _ends(lookout) == (2, 2)
    assert await lookout.incidents() == []


async def test_the_fold_of_what_is_left_is_the_tables(pruned: Driver) -> None:
    assert (await pruned.rebuild()).equal
    await pruned.sql("UPDATE incidents SET severity = 'info'")
    assert not (await pruned.rebuild(repair=True)).equal
    assert (await pruned.rebuild()).equal
    assert await _jobs(pruned) == ["younger", "young"]


async def test_what_is_open_stays_and_all_after_it(lookout: Driver) -> None:
    await _over(lookout, job="before")
    await lookout.fires(job="open")
    await _over(lookout, job="after")
    incident = (await lookout.incidents(status="open"))[0]
    await lookout.sql("UPDATE leases SET check_at = NULL")
    await _pass_the_retention(lookout, minutes=10)
    assert await _ends(lookout) == (2, 5)
    assert await _jobs(lookout) == ["after", "open"]
    await lookout.act(incident.id, "resolve")
    await _pass_the_retention(lookout, seconds=1)
    assert await _jobs(lookout) == []
    assert (await lookout.rebuild()).equal


async def test_an_incident_that_was_over_and_is_spoken_of_again_stays(lookout: Driver) -> None:
    await _over(lookout, job="a")
    lookout.clock.move(days=399)
    await lookout.act((await lookout.only_incident()).id, "notes", text="seen again")
    lookout.clock.move(days=10)
    await lookout.ticks()
    assert await _ends(lookout) == (0, 3)


async def test_a_repeat_of_what_an_operator_resolved_stays_silent_for_as_long_as_it_comes(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a")
    await lookout.act((await lookout.only_incident()).id, "resolve")
    for _ in range(3):
        lookout.clock.move(days=300)
        await lookout.fires(starts_at=started, job="a")
        await lookout.ticks()
    assert await lookout.types() == ["opened", "resolved"]
    assert await _ends(lookout) == (0, 2)


async def test_incidents_that_overlap_go_one_after_the_other_and_the_ends_of_those_gone_are_folded_over(
    lookout: Driver,
) -> None:
    """A busy tenant has no moment at which nothing is open."""
    started = lookout.clock.now()
    for day in range(10):
        lookout.clock.move(days=1)
        await lookout.fires(job=str(day))
        if day:
            await lookout.resolves(started, job=str(day - 1))
        started = lookout.clock.now()
    lookout.clock.move(days=RETENTION.days - 5)
    await lookout.ticks()
    pruned, last = await _ends(lookout)
    assert 0 < pruned < last
    jobs = await _jobs(lookout)
    assert jobs == [str(day) for day in range(9, int(jobs[-1]) - 1, -1)]
    [first, *_] = await lookout.feed()
    assert first.position == pruned + 1
    assert first.incident.labels["job"] not in jobs or first.event_type == "incident_opened"
    assert (await lookout.rebuild()).equal


async def test_a_reader_from_the_beginning_starts_at_the_first_that_is_kept(pruned: Driver) -> None:
    assert [event.position for event in await pruned.feed()] == [3, 4, 5, 6]
    async with pruned.stream(after="0") as events:
        assert (await anext(events)).position == 3
    query = "{ incidentEventsConnection { totalCount pageInfo { hasPreviousPage } nodes { position } } }"
    events = (await ask(pruned, query))["incidentEventsConnection"]
    assert (events["totalCount"], events["pageInfo"]["hasPreviousPage"], len(events["nodes"])) == (4, False, 4)


async def test_a_reader_right_behind_what_is_forgotten_misses_nothing(pruned: Driver) -> None:
    assert [event.position for event in await pruned.feed(after=2)] == [3, 4, 5, 6]


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_reader_that_resumes_before_it_is_told_where_the_log_begins(pruned: Driver, accept: str) -> None:
    answer = await pruned.http.get("/v1/feed", headers={"Accept": accept, "Last-Event-ID": "1"})
    assert answer.status_code == 410
    assert answer.json()["first_position"] == 3
    assert "Go on after 2" in answer.json()["error"]


async def test_graphql_tells_it_with_a_code(pruned: Driver) -> None:
    error = await refusal(pruned, "{ incidentEventsConnection(after: 1) { nodes { position } } }")
    assert error["extensions"] == {"code": "GONE", "firstPosition": 3}


async def test_what_is_forgotten_is_not_found(pruned: Driver) -> None:
    [young, *_] = (await pruned.incidents())[::-1]
    gone = (await pruned.http.get("/v1/feed?after=2")).json()["events"][0]["incident"]["id"]
    assert gone == young.id
    assert (await pruned.http.get("/v1/incidents/01977e4e-0000-7000-8000-000000000001")).status_code == 404


async def test_as_of_a_time_before_is_gone_and_after_it_tells_what_is_kept(pruned: Driver) -> None:
    before = {"as_of": (NOON + timedelta(minutes=2)).isoformat()}
    answer = await pruned.http.get("/v1/incidents", params=before)
    assert (answer.status_code, answer.json()["first_position"]) == (410, 3)
    after = {"as_of": (NOON + timedelta(days=1, minutes=2)).isoformat()}
    assert len((await pruned.http.get("/v1/incidents", params=after)).json()["incidents"]) == 2


async def test_when_all_is_forgotten_the_list_as_of_then_is_empty_and_positions_go_on(lookout: Driver) -> None:
    await _over(lookout, job="a")
    await _pass_the_retention(lookout, seconds=1)
    assert await _ends(lookout) == (2, 2)
    now = lookout.clock.now().isoformat()
    assert (await lookout.http.get("/v1/incidents", params={"as_of": now})).json()["position"] == 2
    await lookout.fires(job="a")
    assert [event.position for event in await lookout.feed()] == [3]
    assert (await lookout.only_incident()).previous_incident_id is None
    assert (await lookout.rebuild()).equal


async def test_who_follows_from_the_beginning_when_all_is_forgotten_waits_for_the_next(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _over(lookout, job="old")
    await _pass_the_retention(lookout, seconds=1)
    assert await _ends(lookout) == (2, 2)
    asked = 0
    really = Reads.news_after

    async def news_after(self: Reads, *arguments: Any) -> list[FeedEvent]:
        nonlocal asked
        asked += 1
        return await really(self, *arguments)

    monkeypatch.setattr(Reads, "news_after", news_after)
    async with lookout.stream(after="0") as events:
        await lookout.until_following(1)
        for _ in range(50):
            await lookout.http.get("/health")
        assert 0 < asked <= 2, "it asks again and again for what is not there"
        await lookout.fires(job="new")
        assert (await asyncio.wait_for(anext(events), 10)).position == 3


async def test_a_follower_that_is_overtaken_is_told_when_it_resumes(lookout: Driver) -> None:
    """It read the first event long ago; what comes next has gone meanwhile."""
    for job in "abc":
        await _over(lookout, job=job)
    following = lookout.running.parts.followers.follow("default", 1)
    await _pass_the_retention(lookout, minutes=5)
    await lookout.fires(job="new")
    with pytest.raises(Exception, match="begins at 7"):
        await anext(following)
    await following.aclose()


async def test_so_is_one_that_all_there_was_has_overtaken(lookout: Driver) -> None:
    await _over(lookout, job="a")
    following = lookout.running.parts.followers.follow("default", 1)
    await _pass_the_retention(lookout, seconds=1)
    with pytest.raises(Exception, match="begins at 3"):
        await asyncio.wait_for(anext(following), 10)
    await following.aclose()


async def test_it_goes_in_small_commits_a_few_each_time(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "EVENTS_AT_ONCE", 4)
    monkeypatch.setattr(retention, "COMMITS_AT_ONCE", 2)
    for number in range(10):
        await _over(lookout, job=str(number))
    seen: list[tuple[bool, int]] = []
    for _ in range(4):
        may_be_more = await _prune(lookout)
        seen.append((may_be_more, (await _ends(lookout))[0]))
        assert (await lookout.rebuild()).equal
    assert seen == [(True, 8), (True, 16), (True, 20), (False, 20)]


async def test_an_event_about_many_alerts_goes_alone(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ALERTS_AT_ONCE", 3)
    monkeypatch.setattr(retention, "COMMITS_AT_ONCE", 1)
    started = lookout.clock.now()
    await lookout.post_alerts(*(lookout.alert({"job": "a", "n": str(number)}) for number in range(8)))
    lookout.clock.move(minutes=1)
    for number in range(8):
        lookout.clock.move(seconds=2)  # slowly enough for each to be told by itself
        await lookout.resolves(started, job="a", n=str(number))
    for end in (1, 4, 7, 9):
        await _prune(lookout)
        assert await _ends(lookout) == (end, 9)
        assert (await lookout.rebuild()).equal


async def test_a_commit_that_breaks_off_leaves_all_as_it_was(lookout: Driver) -> None:
    """As a `kill -9` in the middle does: the last step fails, and the ones before it are taken back."""
    await _over(lookout, job="a")
    await lookout.sql("ALTER TABLE feeds ADD CONSTRAINT broken CHECK (pruned_position = 0)")
    with pytest.raises(asyncpg.CheckViolationError):
        await _prune(lookout)
    assert await _ends(lookout) == (0, 2)
    assert (await lookout.rebuild()).equal
    await lookout.sql("ALTER TABLE feeds DROP CONSTRAINT broken")
    await _prune(lookout)
    assert await _ends(lookout) == (2, 2)


async def test_what_cannot_be_forgotten_stops_nothing_else(lookout: Driver) -> None:
    await _over(lookout, job="a")
    await lookout.sql("ALTER TABLE feeds ADD CONSTRAINT broken CHECK (pruned_position = 0)")
    with capture_logs() as logs:
        await _pass_the_retention(lookout, minutes=10)
    assert {line["action"] for line in logs if line["event"] == "timers"} == {"prune_failed"}
    assert not lookout.running.failed.done()
    await lookout.fires(job="b")
    await lookout.sql("ALTER TABLE feeds DROP CONSTRAINT broken")


async def test_replicas_forget_beside_each_other_and_beside_a_writer(start: Start) -> None:
    async with start() as one, start() as other:
        for number in range(30):
            await _over(one, job=str(number))
        one.clock.move(days=RETENTION.days, minutes=5)
        busy = [one.fires(job=str(number)) for number in range(10)]
        await asyncio.gather(one.ticks(), other.ticks(), *busy)
        pruned, last = await _ends(one)
        assert (pruned, last) == (60, 70)
        assert [event.position for event in await other.feed()] == list(range(61, 71))
        assert (await one.rebuild()).equal


async def test_what_a_relay_has_not_sent_stays(lookout: Driver) -> None:
    for job in "abc":
        await _over(lookout, job=job)
    await lookout.sql("INSERT INTO relays (feed, tenant_id, position) VALUES ('kafka', 'default', 3), ('x', 'y', 0)")
    await _pass_the_retention(lookout, minutes=5)
    assert await _ends(lookout) == (3, 6)
    assert (await lookout.rebuild()).equal
    await lookout.sql("UPDATE relays SET position = 6 WHERE feed = 'kafka'")
    lookout.clock.move(minutes=10)
    await lookout.ticks()
    assert await _ends(lookout) == (6, 6)


async def test_what_a_relay_has_not_even_looked_at_stays(lookout: Driver) -> None:
    """No broker has answered since the tenant is there, so that it has no position yet."""
    await lookout.sql("INSERT INTO relay_feeds (feed, begun_at) VALUES ('kafka', now())")
    for job in "abc":
        await _over(lookout, job=job)
    await _pass_the_retention(lookout, minutes=5)
    assert await _ends(lookout) == (0, 6)


async def test_the_tally_and_refused_alerts_of_that_time_go_too(lookout: Driver) -> None:
    await lookout.post_alerts({"labels": {}})
    lookout.clock.move(days=1)
    await lookout.post_alerts({"labels": {}})
    await lookout.ticks()
    lookout.clock.move(days=RETENTION.days - 1, hours=1)
    await lookout.ticks()
    assert len(await lookout.rejected()) == 1
    [row] = await lookout.sql("SELECT hour FROM received")
    assert row["hour"] == NOON + timedelta(days=1)


async def test_a_tenant_of_which_nothing_can_be_forgotten_stops_none_behind_it(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _over(lookout, job="a")
    for table in ("feeds", "events", "event_alerts", "incidents", "alerts", "leases"):
        await lookout.sql(f"UPDATE {table} SET tenant_id = 'another'")
    lookout.running.parts.intake._store._known_tenants = Known(1)  # pyright: ignore[reportPrivateUsage]
    await _over(lookout, job="b")
    tried: list[str] = []

    async def fail(_: retention.Retention, tenant_id: str, __: object) -> bool:
        tried.append(tenant_id)
        raise RuntimeError(tenant_id)

    monkeypatch.setattr(retention.Retention, "_prune", fail)
    forgetful = retention.Retention(await lookout.pool())
    for _ in range(3):
        with suppress(RuntimeError):
            await forgetful.prune(lookout.clock.now() + timedelta(days=1))
    assert tried == ["another", "default"]


async def test_another_tenants_log_is_its_own(lookout: Driver) -> None:
    await lookout.fires(job="open")
    for table in ("feeds", "events", "event_alerts", "incidents", "alerts", "leases"):
        await lookout.sql(f"UPDATE {table} SET tenant_id = 'other'")
    lookout.running.parts.intake._store._known_tenants = Known(1)  # pyright: ignore[reportPrivateUsage]
    await _over(lookout, job="old")
    await lookout.sql("UPDATE leases SET check_at = NULL")
    await _pass_the_retention(lookout, minutes=5)
    rows = await lookout.sql("SELECT tenant_id, pruned_position, last_position FROM feeds ORDER BY tenant_id")
    assert [tuple(row) for row in rows] == [("default", 2, 2), ("other", 0, 1)]


BATCH: dict[str, tuple[str, list[str]]] = {
    "prunable_tenants": ("events_pkey", ["'2026-01-01Z'", "''", "20"]),
    "oldest_incidents": ("incidents_in_order", ["'default'", "0", "1000"]),
    "position_of_alert": ("event_alerts_pkey", ["'default'", "0", "5000"]),
    "first_incident_spoken_of": ("events_of_incident", ["'default'", "0", "1000", "'2026-01-01Z'"]),
    "prune_leases": ("events_of_incident", ["'default'", "0", "1000"]),
    "prune_silent_decisions": ("events_of_incident", ["'default'", "0", "1000"]),
    "prune_alerts": ("events_of_incident", ["'default'", "0", "1000"]),
    "prune_incidents": ("incidents_in_order", ["'default'", "0", "1000"]),
    "prune_event_alerts": ("event_alerts_pkey", ["'default'", "0", "1000"]),
    "prune_events": ("events_pkey", ["'default'", "0", "1000"]),
}


async def test_a_batch_costs_the_batch_and_not_the_log(lookout: Driver) -> None:
    await grow(lookout)
    for name, (index, arguments) in BATCH.items():
        plan = await plan_of(lookout, name, *arguments, of_all=name == "prunable_tenants")
        assert index in plan, name
        assert "Seq Scan on event" not in plan, name


async def test_a_retention_can_be_set(start: Start) -> None:
    shorter: dict[str, Any] = {"retention": timedelta(days=2)}
    async with start(**shorter) as lookout:
        await _over(lookout, job="a")
        lookout.clock.move(days=2, minutes=5)
        await lookout.ticks()
        assert await _ends(lookout) == (2, 2)
