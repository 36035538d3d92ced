"""I10: a silent source is not a healthy one. When its heartbeat stays away its alerts do not resolve."""

from datetime import timedelta

from tests.clock import FakeClock
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.incidents.incident import Resolution, Status


async def test_i10_a_prometheus_that_dies_is_told_and_resolves_nothing(lookout: Driver) -> None:
    await lookout.beats()
    await lookout.fires(job="a")
    lookout.clock.move(minutes=2, seconds=59)
    await lookout.ticks()
    assert await lookout.types() == ["opened"]
    lookout.clock.move(seconds=1)
    await lookout.ticks()
    silent, down = await lookout.incidents()
    assert (silent.title, silent.severity, silent.started_at) == ("SourceSilent", "critical", lookout.clock.now())
    assert silent.summary == "prometheus is silent: its heartbeat Watchdog was last heard at 2026-01-01T12:00:00Z"
    (alert,) = await lookout.alerts_of(silent.id)
    assert alert.labels == {"alertname": "SourceSilent", "severity": "critical", "silent_source": "prometheus"}
    assert alert.sources == ("lookout",)
    for _ in range(50):
        lookout.clock.move(hours=1)
        await lookout.ticks()
    assert await lookout.types() == ["opened", "opened"]
    assert (await lookout.incident(down.id)).status is Status.FIRING
    assert (await lookout.rebuild()).equal


async def test_i10_what_runs_out_before_the_silence_is_noticed_is_held_too(lookout: Driver) -> None:
    short = lookout.alert({"job": "a"}, ends_at=lookout.clock.now() + timedelta(minutes=1))
    await lookout.beats()
    await lookout.post_alerts(short)
    lookout.clock.move(minutes=2, seconds=30)
    await lookout.ticks()
    lookout.clock.move(minutes=10)
    await lookout.ticks()
    assert await lookout.types() == ["opened", "opened"]


async def test_i10_a_restart_of_lookout_forgets_nothing_of_it(start: Start, clock: FakeClock) -> None:
    async with start() as lookout:
        await lookout.beats()
        await lookout.fires(job="a")
    clock.move(hours=1)
    async with start() as lookout:
        for _ in range(3):
            clock.move(minutes=1)
            await lookout.ticks()
        assert await lookout.types() == ["opened", "opened"]
    clock.move(hours=1)
    async with start() as lookout:
        for _ in range(20):
            clock.move(minutes=1)
            await lookout.ticks()
        assert await lookout.types() == ["opened", "opened"]


async def test_i10_while_lookout_was_away_it_could_hear_nobody(start: Start, clock: FakeClock) -> None:
    async with start() as lookout:
        await lookout.beats()
    clock.move(hours=1)
    async with start() as lookout:
        await lookout.ticks()
        clock.move(minutes=2)
        await lookout.ticks()
        await lookout.beats()
        clock.move(minutes=2)
        await lookout.ticks()
        assert await lookout.types() == []


async def test_what_a_living_source_no_longer_repeats_ends_as_before(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a")
    for _ in range(5):
        await lookout.beats(started)
        lookout.clock.move(minutes=1)
    await lookout.beats(started)
    await lookout.ticks()
    incident = await lookout.only_incident()
    assert (incident.resolution, incident.resolved_at) == (Resolution.EXPIRED, started + timedelta(minutes=4))


async def test_i10_a_machine_that_was_asleep_ends_nothing_that_it_could_not_hear(lookout: Driver) -> None:
    """A closed laptop, a machine that moves to another host, a clock that is set."""
    await lookout.fires(job="a")
    await lookout.clock.until_asleep(seconds=5)
    lookout.clock.jump(hours=1)
    await lookout.clock.until_asleep(seconds=5)
    await lookout.ticks()
    assert await lookout.types() == ["opened"]
    lookout.clock.move(minutes=7)
    await lookout.ticks()
    assert await lookout.types() == ["opened", "resolved"]
