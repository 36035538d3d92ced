"""A restarted Prometheus says that the same firing began anew: overlapping leases are one firing."""

from tests.driver import Driver

from lookout.incidents.incident import Status


async def test_i7_a_new_start_within_the_lease_is_silent_and_the_earliest_stays(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a")
    lookout.clock.move(minutes=2)
    await lookout.fires(job="a")
    assert await lookout.types() == ["opened"]
    [alert] = await lookout.alerts_of((await lookout.only_incident()).id)
    assert alert.starts_at == started


async def test_the_resolve_of_the_new_start_ends_it_once_the_old_lease_has_run_out(lookout: Driver) -> None:
    await lookout.fires(job="a")
    lookout.clock.move(minutes=2)
    restarted = lookout.clock.now()
    for _ in range(4):
        await lookout.fires(starts_at=restarted, job="a")
        lookout.clock.move(minutes=1)
        await lookout.ticks()
    assert (await lookout.only_incident()).status is Status.FIRING
    await lookout.resolves(restarted, job="a")
    assert (await lookout.only_incident()).status is Status.RESOLVED
    assert await lookout.types() == ["opened", "resolved"]
