"""HA twins each hold a lease: while one of them says that the alert fires, it does."""

from datetime import timedelta

from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.alerts.source import Source
from lookout.incidents.incident import Status
from lookout.incidents.policy import Policy


async def test_i7_the_twins_message_is_silent(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a", prometheus_replica="one")
    await lookout.fires(starts_at=started + timedelta(milliseconds=300), job="a", prometheus_replica="two")
    assert await lookout.types() == ["opened"]
    incident = await lookout.only_incident()
    assert incident.total_alerts == 1
    [alert] = await lookout.alerts_of(incident.id)
    assert alert.labels == {"alertname": "Down", "job": "a"}
    assert alert.starts_at == started


async def test_i7_twins_may_be_told_apart_by_a_label_of_the_operators_choice(start: Start) -> None:
    async with start(Policy(sources={"prometheus": Source(drop_labels=("replica",))})) as lookout:
        started = lookout.clock.now()
        await lookout.fires(job="a", replica="one")
        await lookout.fires(job="a", replica="two")
        lookout.clock.move(minutes=1)
        await lookout.resolves(started, job="a", replica="one")
        assert await lookout.types() == ["opened"]
        await lookout.resolves(started, job="a", replica="two")
        assert await lookout.types() == ["opened", "resolved"]


async def test_one_twins_resolve_does_not_end_what_the_other_holds(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a", prometheus_replica="one")
    await lookout.fires(job="a", prometheus_replica="two")
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, job="a", prometheus_replica="one")
    assert (await lookout.only_incident()).status is Status.FIRING
    await lookout.resolves(started, job="a", prometheus_replica="two")
    assert (await lookout.only_incident()).status is Status.RESOLVED
    assert await lookout.types() == ["opened", "resolved"]


async def test_a_twin_that_dies_does_not_hold_the_alert_beyond_its_lease(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a", prometheus_replica="one")
    await lookout.fires(job="a", prometheus_replica="two")
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, job="a", prometheus_replica="one")
    lookout.clock.move(minutes=4)
    await lookout.ticks()
    assert await lookout.types() == ["opened", "resolved"]
