"""What is committed here is told at once to those who follow here: what the table has, and each event once (I4)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta

import pytest
from tests.driver import Driver
from tests.hostile import TEXTS
from tests.scenario.conftest import Start

from lookout.config import Wake
from lookout.feeds import follow
from lookout.feeds.encoded import Encoded
from lookout.incidents.events import FeedEvent
from lookout.store.reads import Reads

HOSTILE = "".join(TEXTS.values())


async def _next(events: AsyncGenerator[list[Encoded]], count: int) -> list[Encoded]:
    seen: list[Encoded] = []
    async with asyncio.timeout(10):
        while len(seen) < count:
            seen += await anext(events)
    return seen


async def _nothing_is_read(*_: object) -> list[FeedEvent]:
    raise AssertionError


async def test_i4_it_is_what_the_table_has_to_the_last_byte(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read meanwhile: it was told."""
    async with start(wake=Wake.POLL) as lookout:
        followers = lookout.running.parts.followers
        await lookout.fires(job="first")
        async with aclosing(followers.follow("default", 0)) as live:
            seen = await _next(live, 1)
            monkeypatch.setattr(Reads, "news_after", _nothing_is_read)
            first = await lookout.only_incident()
            lasts = lookout.clock.now() + timedelta(days=1)
            annotations = {"summary": HOSTILE, "odd\u2028": "\u0085 and \x00"}
            alerts = [lookout.alert({"job": f"{HOSTILE}{n}"}, ends_at=lasts, annotations=annotations) for n in range(3)]
            (await lookout.post_alerts(*alerts)).raise_for_status()
            for action, arguments in (
                ("acknowledge", {}),
                ("notes", {"text": HOSTILE}),
                ("assign", {"assignee": "jo"}),
            ):
                (await lookout.act(first.id, action, **arguments)).raise_for_status()
            (await lookout.attach(first.id, summary=HOSTILE)).raise_for_status()
            (await lookout.act(first.id, "resolve")).raise_for_status()
            count = len(await lookout.sql("SELECT FROM events"))
            assert count >= 8
            seen += await _next(live, count - 1)
            monkeypatch.undo()
        page = await followers.page("default", 0, 500)
        assert [event.json for event in seen] == [event.json for event in page]
        assert seen == page


@pytest.mark.parametrize("told", [0, 200], ids=["too many", "few"])
async def test_i4_what_two_replicas_commit_comes_in_order_and_once(
    start: Start, monkeypatch: pytest.MonkeyPatch, told: int
) -> None:
    """What is handed over, and is not what comes next, is read, and with it what the other one committed."""
    monkeypatch.setattr(follow, "TOLD_AT_ONCE", told)
    async with start() as here, start() as there:
        async with aclosing(here.running.parts.followers.follow("default", 0)) as live:
            following = asyncio.create_task(_next(live, 40))
            for number in range(20):
                await asyncio.gather(here.fires(job=f"here-{number}"), there.fires(job=f"there-{number}"))
            seen = await following
        assert [event.position for event in seen] == list(range(1, 41))


async def test_a_storm_is_read_by_pages(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "TOLD_AT_ONCE", 2)
    async with aclosing(lookout.running.parts.followers.follow("default", 0)) as live:
        following = asyncio.create_task(_next(live, 6))
        for jobs in (["a"], ["b", "c", "d"], ["e", "f"]):
            (await lookout.post_alerts(*(lookout.alert({"job": job}) for job in jobs))).raise_for_status()
        assert [event.position for event in await following] == list(range(1, 7))
