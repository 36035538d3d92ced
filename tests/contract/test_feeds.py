"""What every feed does: all of the log, once, in order, resumed at any position, and nothing after it is closed."""

import asyncio

import pytest
from tests.contract.feeds import FEEDS, Open, Told
from tests.driver import Driver

from lookout.incidents.events import event_id

EVENTS = 7


@pytest.fixture(params=FEEDS)
def feed(request: pytest.FixtureRequest) -> Open:
    return FEEDS[request.param]


def _log(first: int, last: int) -> list[Told]:
    return [(position, event_id("default", position)) for position in range(first, last + 1)]


async def _happen(lookout: Driver, events: int) -> None:
    now = lookout.clock.now().timestamp()
    for number in range(events):
        await lookout.fires(job=f"{now} {number}")
    lookout.clock.move(milliseconds=1)


async def _read(feed: Open, lookout: Driver, after: int, count: int) -> list[Told]:
    async with asyncio.timeout(10), feed(lookout, after) as told:
        return [await anext(told) for _ in range(count)]


async def test_i4_everything_once_and_in_order(lookout: Driver, feed: Open) -> None:
    await _happen(lookout, EVENTS)
    assert await _read(feed, lookout, 0, EVENTS) == _log(1, EVENTS)


async def test_i4_after_any_position_comes_the_next(lookout: Driver, feed: Open) -> None:
    await _happen(lookout, EVENTS)
    for after in range(EVENTS):
        assert await _read(feed, lookout, after, EVENTS - after) == _log(after + 1, EVENTS)


async def test_i4_what_happens_while_it_is_open_comes_too(lookout: Driver, feed: Open) -> None:
    await lookout.clock.until_asleep(seconds=1)
    await _happen(lookout, 2)
    async with asyncio.timeout(10), feed(lookout, 1) as told:
        assert await anext(told) == _log(2, 2)[0]
        for position in range(3, EVENTS + 1):
            await _happen(lookout, 1)
            assert await anext(told) == _log(position, position)[0]


async def test_i4_two_readers_see_the_same(lookout: Driver, feed: Open) -> None:
    await lookout.clock.until_asleep(seconds=1)
    readers = [asyncio.create_task(_read(feed, lookout, 0, EVENTS)) for _ in range(2)]
    await _happen(lookout, EVENTS)
    assert await asyncio.gather(*readers) == [_log(1, EVENTS)] * 2


async def test_nothing_follows_once_the_reader_has_gone(lookout: Driver, feed: Open) -> None:
    await _happen(lookout, 1)
    assert await _read(feed, lookout, 0, 1) == _log(1, 1)
    await lookout.until_following(0)
    # And what happens then is there for the next.
    await _happen(lookout, 1)
    assert await _read(feed, lookout, 1, 1) == _log(2, 2)


async def test_nothing_comes_once_lookout_closes_its_streams(lookout: Driver, feed: Open) -> None:
    await _happen(lookout, 1)
    async with asyncio.timeout(10), feed(lookout, 0) as told:
        assert await anext(told) == _log(1, 1)[0]
        lookout.running.parts.followers.close()
        await lookout.until_following(0)
