"""An alert fires and resolves: one incident, three facts at most."""

from tests.driver import Driver

from lookout.incidents.events import EventType
from lookout.incidents.incident import Resolution, Status


async def test_an_alert_opens_an_incident_and_its_resolve_resolves_it(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="ingest")
    incident = await lookout.only_incident()
    assert incident.status is Status.FIRING
    assert incident.title == "Down (job=ingest)"
    lookout.clock.move(minutes=2)
    await lookout.resolves(started, job="ingest")
    incident = await lookout.only_incident()
    assert incident.status is Status.RESOLVED
    assert incident.resolution is Resolution.SOURCE
    assert incident.resolved_at == lookout.clock.now()
    assert [event.event_type for event in await lookout.feed()] == [EventType.OPENED, EventType.RESOLVED]


async def test_i7_a_resend_adds_no_event(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="ingest")
    for _ in range(10):
        lookout.clock.move(minutes=1)
        await lookout.fires(starts_at=started, job="ingest")
        await lookout.ticks()
    assert len(await lookout.feed()) == 1
    assert (await lookout.only_incident()).status is Status.FIRING


async def test_i5_the_tables_are_the_fold_of_the_log(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="ingest")
    await lookout.fires(job="ingest", instance="b")
    await lookout.resolves(started, job="ingest")
    report = await lookout.rebuild()
    assert report.equal, report.lines


async def test_a_lease_that_is_not_renewed_runs_out(lookout: Driver) -> None:
    await lookout.fires(job="ingest")
    lookout.clock.move(minutes=4, seconds=59)
    await lookout.ticks()
    assert (await lookout.only_incident()).status is Status.FIRING
    lookout.clock.move(seconds=1)
    await lookout.ticks()
    incident = await lookout.only_incident()
    assert incident.resolution is Resolution.EXPIRED
