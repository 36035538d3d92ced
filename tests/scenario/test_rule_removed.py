"""A rule that is removed or renamed: Prometheus forgets its alert and tells no end, so the lease decides."""

from datetime import timedelta

from tests.driver import Driver

from lookout.incidents.incident import Resolution, Status


async def test_its_alert_ends_when_the_last_promise_does_and_others_go_on(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="removed")
    await lookout.fires(job="kept")
    lookout.clock.move(minutes=1)
    await lookout.fires(starts_at=started, job="removed")
    promised_until = lookout.clock.now() + timedelta(minutes=4)
    for _ in range(6):
        await lookout.fires(starts_at=started, job="kept")
        lookout.clock.move(minutes=1)
        await lookout.ticks()
    kept, removed = await lookout.incidents()
    assert (removed.resolution, removed.resolved_at) == (Resolution.EXPIRED, promised_until)
    assert kept.status is Status.FIRING


async def test_a_rule_that_is_renamed_is_another_incident(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(alertname="NodeDown", job="a")
    lookout.clock.move(minutes=1)
    renamed = lookout.clock.now()
    for _ in range(6):
        await lookout.fires(starts_at=renamed, alertname="HostDown", job="a")
        lookout.clock.move(minutes=1)
        await lookout.ticks()
    new, old = await lookout.incidents()
    assert (new.title, new.status, new.previous_incident_id) == ("HostDown (job=a)", Status.FIRING, None)
    assert (old.title, old.resolution) == ("NodeDown (job=a)", Resolution.EXPIRED)
    assert old.resolved_at == started + timedelta(minutes=4)
