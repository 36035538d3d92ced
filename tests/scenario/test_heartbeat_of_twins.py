"""HA twins hold a heartbeat each: the source is silent when no twin is heard."""

from tests.driver import Driver

from lookout.incidents.incident import Resolution


async def test_one_twin_is_enough_and_what_the_dead_one_alone_reported_ends(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.beats(prometheus_replica="one")
    await lookout.beats(prometheus_replica="two")
    await lookout.fires(job="a", prometheus_replica="one")
    for _ in range(6):
        lookout.clock.move(minutes=1)
        await lookout.beats(started, prometheus_replica="two")
        await lookout.ticks()
    assert (await lookout.only_incident()).resolution is Resolution.EXPIRED


async def test_without_any_twin_it_is_silent(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.beats(prometheus_replica="one")
    lookout.clock.move(minutes=2)
    await lookout.beats(started, prometheus_replica="two")
    lookout.clock.move(minutes=2)
    await lookout.ticks()
    assert await lookout.types() == []
    lookout.clock.move(minutes=1)
    await lookout.ticks()
    assert await lookout.types() == ["opened"]
    await lookout.beats(started, prometheus_replica="one")
    assert await lookout.types() == ["opened", "resolved"]


async def test_one_twin_that_ends_it_leaves_it_to_the_other(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.beats(prometheus_replica="one")
    await lookout.beats(prometheus_replica="two")
    await lookout.resolves(started, alertname="Watchdog", severity="none", prometheus_replica="one")
    lookout.clock.move(minutes=3)
    await lookout.ticks()
    assert await lookout.types() == ["opened"]
