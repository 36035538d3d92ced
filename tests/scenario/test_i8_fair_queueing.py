"""I8: one tenant's storm keeps no quiet one waiting, a busy one for the commit under way, and takes no one's room."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from tests.access import ACCESS, api_token, bearer
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.api.parts import Scope
from lookout.config import Wake
from lookout.errors import Overloaded
from lookout.intake import commits, queue, ways
from lookout.intake.work import Expiry
from lookout.limits import Limits
from lookout.store import log, places

SHARE = 4
LIMITS = Limits(tenant_share=SHARE)


@pytest.fixture
async def lookout(start: Start) -> AsyncIterator[Driver]:
    """A Lookout where a tenant's share of a commit is small."""
    async with start(access=ACCESS, limits=LIMITS) as driver:
        yield driver


async def headers_of(lookout: Driver, tenant_id: str) -> dict[str, str]:
    return bearer((await api_token(lookout, Scope.INGEST, tenant_id=tenant_id)).text)


def post(lookout: Driver, headers: dict[str, str], *jobs: str) -> "asyncio.Task[httpx.Response]":
    alerts = [lookout.alert({"job": job}) for job in jobs]
    return asyncio.create_task(lookout.http.post("/api/v2/alerts", json=alerts, headers=headers))


async def events_of(lookout: Driver, tenant_id: str) -> list[Any]:
    return await lookout.sql("SELECT position FROM events WHERE tenant_id = $1", tenant_id)


async def committed(lookout: Driver) -> list[dict[str, int]]:
    """How many events of each tenant each commit has, in their order."""
    found: dict[Any, dict[str, int]] = {}
    for row in await lookout.sql(
        "SELECT xmin::text::bigint AS commit, tenant_id, count(*) FROM events GROUP BY 1, 2 ORDER BY 1, 2"
    ):
        found.setdefault(row["commit"], {})[row["tenant_id"]] = row["count"]
    return list(found.values())


async def test_i8_a_quiet_tenants_alert_is_committed_while_a_storms_commit_is_under_way(lookout: Driver) -> None:
    storm, quiet = await headers_of(lookout, "storm"), await headers_of(lookout, "quiet")
    await post(lookout, storm, "first")
    async with lookout.feed_is_locked("storm"):
        requests = [post(lookout, storm, str(number)) for number in range(20)]
        await lookout.until_locked_out()
        for number in range(3):
            assert (await post(lookout, quiet, str(number))).status_code == 200
        assert not any(request.done() for request in requests)
    assert {answer.status_code for answer in await asyncio.gather(*requests)} == {200}


async def test_i8_a_quiet_tenants_alert_is_read_at_once_while_a_storms_commit_is_under_way(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else wakes who reads: no notification comes, and the clock stands."""
    monkeypatch.setattr(ways, "QUIET_BATCH", 0)
    async with start(access=ACCESS, limits=LIMITS, wake=Wake.POLL) as lookout:
        storm, quiet = await headers_of(lookout, "storm"), await headers_of(lookout, "quiet")
        for headers in (storm, quiet):
            await post(lookout, headers, "first")
        async with (
            aclosing(lookout.running.parts.followers.follow("quiet", 0)) as events,
            lookout.feed_is_locked("storm"),
        ):
            assert [event.position for event in await anext(events)] == [1]
            request = post(lookout, storm, "second")
            await lookout.until_locked_out()
            await post(lookout, quiet, "second")
            async with asyncio.timeout(10):
                assert [event.position for event in await anext(events)] == [2]
        assert (await request).status_code == 200


async def test_i8_a_busy_tenants_alert_is_in_the_commit_after_the_one_under_way(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "QUIET", 0)
    storm, quiet = await headers_of(lookout, "storm"), await headers_of(lookout, "quiet")
    for headers in (storm, quiet):
        await post(lookout, headers, "first")
    async with lookout.feed_is_locked():
        requests = [post(lookout, storm, "under way")]
        await lookout.until_locked_out()
        requests += [post(lookout, storm, f"{number}a", f"{number}b") for number in range(10)]
        await lookout.until_waiting(21)
        requests.append(post(lookout, quiet, "urgent"))
        await lookout.until_waiting(22)
    assert {answer.status_code for answer in await asyncio.gather(*requests)} == {200}
    assert (await committed(lookout))[2:] == [
        {"storm": 1},
        {"quiet": 1, "storm": SHARE},
        *([{"storm": SHARE}] * 4),
    ]


async def test_i8_a_tenant_in_a_storm_leaves_room_for_the_others(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout.running.parts.intake, "_limits", replace(LIMITS, tenant_queue=10, queue=20))
    storms = [await headers_of(lookout, name) for name in ("storm", "gale")]
    quiet = await headers_of(lookout, "quiet")
    for headers in (*storms, quiet):
        await post(lookout, headers, "first")
    async with lookout.feed_is_locked():
        taken = [post(lookout, storms[0], *(str(number) for number in range(10)))]
        await lookout.until_waiting(10)
        # Its own bound, and then that of all, but for a fifth that is kept for those with little.
        refused = await post(lookout, storms[0], "x")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        taken.append(post(lookout, storms[1], *(str(number) for number in range(6))))
        await lookout.until_waiting(16)
        assert (await post(lookout, storms[1], "x")).status_code == 503
        taken.append(post(lookout, quiet, "a", "b", "c", "d"))
        await lookout.until_waiting(20)
        assert (await post(lookout, quiet, "x")).status_code == 503
    assert {answer.status_code for answer in await asyncio.gather(*taken)} == {200}


async def test_i8_what_time_changes_has_room_whatever_waits(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a storm would keep from ending what has run out."""
    intake = lookout.running.parts.intake
    monkeypatch.setattr(intake, "_limits", replace(LIMITS, tenant_queue=3, queue=3))
    storm = await headers_of(lookout, "storm")
    await post(lookout, storm, "first")
    now = lookout.clock.now()
    async with lookout.feed_is_locked():
        taken = post(lookout, storm, "a", "b", "c")
        await lookout.until_waiting(3)
        assert (await post(lookout, storm, "x")).status_code == 503
        expiring = asyncio.create_task(intake.expire(Expiry({"storm": ["0" * 16]}, now, now)))
        await lookout.until_waiting(4)
    assert (await taken).status_code == 200
    await expiring


async def test_a_request_larger_than_a_share_is_one_commit_and_the_others_are_not_behind_it(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "QUIET", 0)
    storm, quiet = await headers_of(lookout, "storm"), await headers_of(lookout, "quiet")
    for headers in (storm, quiet):
        await post(lookout, headers, "first")
    async with lookout.feed_is_locked():
        requests = [post(lookout, storm, "under way")]
        await lookout.until_locked_out()
        for name in "ab":
            requests.append(post(lookout, storm, *(f"{name}{number}" for number in range(9))))
            await lookout.until_waiting(1 + 9 * (1 + "ab".index(name)))
        requests.append(post(lookout, quiet, "urgent"))
        await lookout.until_waiting(20)
    assert {answer.status_code for answer in await asyncio.gather(*requests)} == {200}
    assert (await committed(lookout))[2:] == [{"storm": 1}, {"storm": 9}, {"quiet": 1}, {"storm": 9}]


async def test_i8_a_tenant_whose_rows_another_holds_is_refused_alone_and_then_keeps_nobody_waiting(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica that is frozen in the middle of a commit, and quiet tenants that share a commit with its tenants."""
    monkeypatch.setattr(log, "COMMIT_SECONDS", 2.0)
    monkeypatch.setattr(commits, "HELD_SECONDS", 0.001)
    async with start(access=ACCESS) as lookout:
        a, b, held, first, second = [await headers_of(lookout, name) for name in ("a", "b", "held", "first", "second")]
        for headers in (a, b, held, first, second):
            await post(lookout, headers, "before")
        async with lookout.feed_is_locked("held"):
            async with lookout.feed_is_locked("a"), lookout.feed_is_locked("b"):
                lanes = [post(lookout, a, "under way")]
                await lookout.until_locked_out()
                lanes.append(post(lookout, b, "under way"))
                together = [post(lookout, headers, "together") for headers in (held, first, second)]
                await lookout.until_waiting(5)
            assert [(await request).status_code for request in lanes] == [200, 200]
            assert [(await request).status_code for request in together] == [503, 200, 200]
            assert lookout.running.parts.intake.waiting == 0
            again = [post(lookout, headers, "again") for headers in (held, first)]
            assert [(await request).status_code for request in again] == [503, 200]
            assert "somebody else holds this tenant's rows" in (await again[0]).text
        assert (await post(lookout, held, "again")).status_code == 200
        assert [len(await events_of(lookout, name)) for name in ("held", "first", "second")] == [2, 3, 2]


async def test_i8_a_tenant_whose_rows_another_holds_keeps_no_other_ones_alerts_from_ending(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "COMMIT_SECONDS", 0.8)
    monkeypatch.setattr(commits, "HELD_SECONDS", 0.001)
    async with start(access=ACCESS) as lookout:
        names = ("first", "held", "second")
        for name in names:
            await post(lookout, await headers_of(lookout, name), "a", "b")
        async with lookout.feed_is_locked("held"):
            lookout.clock.move(minutes=10)
            await lookout.ticks()
            assert [len(await events_of(lookout, name)) for name in names] == [4, 2, 4]
        await lookout.ticks()
        assert [len(await events_of(lookout, name)) for name in names] == [4, 4, 4]


async def test_i8_reads_of_a_tenant_that_wait_have_a_bound() -> None:
    all_places = places.Places(1, 1)
    waiting = [all_places.one("busy") for _ in range(places.WAITING)]
    entering = [asyncio.create_task(place.__aenter__()) for place in waiting]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="wait for their turn"):
        async with all_places.one("busy"):
            pass
    for task in entering:
        task.cancel()
    await asyncio.gather(*entering, return_exceptions=True)
