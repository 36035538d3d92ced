"""A process whose clock is ahead: what it postponed is told by one whose clock is right, and not only at that time."""

from tests.driver import Driver
from tests.scenario.conftest import Start


async def _storm(lookout: Driver, number: int) -> None:
    for instance in range(number):
        await lookout.fires(instance=str(instance))


async def test_i8_what_it_postponed_is_told_at_the_next_look(start: Start) -> None:
    async with start() as lookout:
        lookout.clock.move(minutes=6)
        await _storm(lookout, 8)
        assert (await lookout.only_incident()).firing_alerts == 5
        lookout.clock.move(minutes=-6)
        await lookout.ticks()
        assert (await lookout.only_incident()).firing_alerts == 8
        assert (await lookout.rebuild()).equal


async def test_i8_what_comes_then_waits_no_longer_than_it_may(start: Start) -> None:
    async with start() as lookout:
        lookout.clock.move(minutes=6)
        await _storm(lookout, 8)
        lookout.clock.move(minutes=-6)
        await lookout.fires(instance="late")
        lookout.clock.move(seconds=1)
        await lookout.ticks()
        assert (await lookout.only_incident()).firing_alerts == 9
        assert await lookout.sql("SELECT FROM postponed_alerts") == []


async def test_an_alert_that_comes_then_takes_along_what_it_postponed(start: Start) -> None:
    async with start() as lookout:
        lookout.clock.move(minutes=6)
        await _storm(lookout, 8)
        lookout.clock.move(minutes=-6)
        await lookout.fires(instance="0")
        assert (await lookout.only_incident()).firing_alerts == 8
