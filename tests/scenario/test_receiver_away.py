"""Lookout was away, or Prometheus' queue ran over: what was lost comes with a resend, or ends by its lease."""

from datetime import timedelta

from tests.clock import FakeClock
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.incidents.incident import Resolution, Status


async def test_a_resolve_that_was_lost_once_ends_it_when_it_is_sent_again_at_the_time_it_ended(lookout: Driver) -> None:
    """Prometheus drops what a queue does not hold, and what a receiver refuses; resolves it repeats for 15 minutes."""
    started = lookout.clock.now()
    await lookout.fires(job="a")
    lookout.clock.move(minutes=1)
    resolved = lookout.alert({"job": "a"}, starts_at=started, ends_at=lookout.clock.now())
    ended = lookout.clock.now()
    lookout.clock.move(minutes=2)
    await lookout.post_alerts(resolved)
    incident = await lookout.only_incident()
    assert (incident.resolution, incident.resolved_at) == (Resolution.SOURCE, ended)


async def test_a_firing_that_was_lost_once_opens_with_the_next_resend_at_the_time_it_began(lookout: Driver) -> None:
    started = lookout.clock.now()
    lookout.clock.move(minutes=1)
    await lookout.fires(starts_at=started, job="a")
    assert (await lookout.only_incident()).started_at == started
    [opened] = await lookout.feed()
    assert opened.recorded_at == lookout.clock.now()


async def test_after_twenty_minutes_away_what_ended_meanwhile_expires_and_what_fires_goes_on(
    start: Start, clock: FakeClock
) -> None:
    """Its end was told for 15 minutes, to nobody: Prometheus will not tell it again."""
    started = clock.now()
    async with start() as lookout:
        await lookout.fires(job="ended")
        await lookout.fires(job="fires")
    clock.move(minutes=20)
    async with start() as lookout:
        for _ in range(3):
            await lookout.fires(starts_at=started, job="fires")
            await lookout.ticks()
            clock.move(seconds=30)
        fires, ended = await lookout.incidents()
        assert (fires.status, fires.reopen_count) == (Status.FIRING, 0)
        # It is known to have been firing for as long as that was promised, and no longer.
        assert (ended.resolution, ended.resolved_at) == (Resolution.EXPIRED, started + timedelta(minutes=4))
        assert await lookout.types() == ["opened", "opened", "resolved"]


async def test_after_ten_minutes_away_the_resend_tells_the_end(start: Start, clock: FakeClock) -> None:
    started = clock.now()
    async with start() as lookout:
        await lookout.fires(job="a")
        clock.move(minutes=2)
        resolved = lookout.alert({"job": "a"}, starts_at=started, ends_at=clock.now())
        ended = clock.now()
    clock.move(minutes=10)
    async with start() as lookout:
        await lookout.post_alerts(resolved)
        clock.move(minutes=2)
        await lookout.ticks()
        incident = await lookout.only_incident()
        assert (incident.resolution, incident.resolved_at) == (Resolution.SOURCE, ended)


async def test_what_a_full_queue_lets_through_by_turns_flaps_nothing(lookout: Driver) -> None:
    """A storm beyond the queue: each minute another part of the alerts gets through, each alert every third minute."""
    started = lookout.clock.now()
    storm = [str(number) for number in range(30)]
    for minute in range(12):
        through = [name for number, name in enumerate(storm) if number % 3 == minute % 3]
        alerts = [lookout.alert({"job": "a", "instance": name}, starts_at=started) for name in through]
        await lookout.post_alerts(*alerts)
        lookout.clock.move(minutes=1)
        await lookout.ticks()
    incident = await lookout.only_incident()
    assert (incident.firing_alerts, incident.total_alerts) == (30, 30)
    assert await lookout.types() == ["opened", "alerts_changed", "alerts_changed"]
