"""The feed as Server-Sent Events: what stands on the wire."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
from tests.driver import Driver

from lookout.incidents.events import FeedEvent


async def _lines(lines: AsyncIterator[str], count: int) -> list[str]:
    return [await anext(lines) for _ in range(count)]


async def test_an_event_has_its_position_as_id_its_type_and_the_one_shape_as_data(lookout: Driver) -> None:
    await lookout.fires(job="a")
    [event] = await lookout.feed()
    headers = {"Accept": "text/event-stream"}
    async with lookout.http.stream("GET", "/v1/feed?after=0", headers=headers) as answer:
        retry, _, number, kind, told, end = await _lines(answer.aiter_lines(), 6)
    assert retry == "retry: 1000"
    assert (number, kind, end) == ("id: 1", "event: incident_opened", "")
    assert msgspec.json.decode(told.removeprefix("data: "), type=FeedEvent) == event


async def test_the_headers_keep_caches_and_proxies_out_of_the_way(lookout: Driver) -> None:
    async with lookout.http.stream("GET", "/v1/feed", headers={"Accept": "text/event-stream"}) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Accel-Buffering"] == "no"


async def test_a_quiet_stream_gives_a_sign_of_life(lookout: Driver) -> None:
    await lookout.clock.until_asleep(seconds=1)
    await lookout.fires(job="a")
    async with lookout.http.stream("GET", "/v1/feed?after=0", headers={"Accept": "text/event-stream"}) as answer:
        lines = answer.aiter_lines()
        async for line in lines:
            if line.startswith("data:"):
                break
        quiet_since = lookout.clock.now()
        reading = asyncio.create_task(_lines(lines, 2))
        while not reading.done():
            await lookout.clock.until_asleep(seconds=1)
            lookout.clock.move(seconds=1)
        assert await reading == ["", ": still here"]
        # The clock runs on while the bytes are on their way.
        assert timedelta(seconds=14) <= lookout.clock.now() - quiet_since <= timedelta(seconds=60)


async def test_a_head_request_is_answered_without_a_stream(lookout: Driver) -> None:
    async with asyncio.timeout(10):
        answer = await lookout.http.head("/v1/feed", headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
