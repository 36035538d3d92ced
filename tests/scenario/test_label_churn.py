"""A label that changes makes another alert of it and no other incident: the lease of the old one runs out."""

from tests.driver import Driver

from lookout.incidents.incident import Resolution, Status


async def test_an_instance_that_is_relabelled_goes_on_in_the_same_incident(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a", instance="10.0.0.1:9100")
    lookout.clock.move(minutes=1)
    await lookout.fires(starts_at=started, job="a", instance="db-1:9100")
    for _ in range(4):
        lookout.clock.move(minutes=1)
        await lookout.fires(starts_at=started, job="a", instance="db-1:9100")
        await lookout.ticks()
    incident = await lookout.only_incident()
    assert (incident.status, incident.firing_alerts, incident.total_alerts) == (Status.FIRING, 1, 2)
    assert await lookout.types() == ["opened", "alerts_changed", "alerts_changed"]


async def test_an_end_under_the_new_labels_does_not_wait_for_what_the_old_ones_promised(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a", instance="10.0.0.1:9100")
    lookout.clock.move(minutes=5)
    await lookout.fires(starts_at=started, job="a", instance="db-1:9100")
    await lookout.ticks()
    await lookout.resolves(started, job="a", instance="db-1:9100")
    incident = await lookout.only_incident()
    assert (incident.status, incident.resolution) == (Status.RESOLVED, Resolution.SOURCE)


async def test_pods_that_come_and_go_are_one_incident_that_counts_them(lookout: Driver) -> None:
    for number in range(12):
        await lookout.fires(job="a", pod=f"api-{number}")
        lookout.clock.move(minutes=2)
        await lookout.ticks()
    incident = await lookout.only_incident()
    assert (incident.status, incident.total_alerts, incident.reopen_count) == (Status.FIRING, 12, 0)
    assert incident.firing_alerts == 2


async def test_a_group_label_that_changes_is_another_incident_and_the_old_one_expires(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="old")
    lookout.clock.move(minutes=5)
    await lookout.fires(starts_at=started, job="new")
    await lookout.ticks()
    new, old = await lookout.incidents()
    assert (new.title, new.status) == ("Down (job=new)", Status.FIRING)
    assert (old.title, old.resolution) == ("Down (job=old)", Resolution.EXPIRED)
