"""A sender without a heartbeat that dies is like one whose alerts all end untold: its leases run out, no others'."""

from datetime import timedelta

from tests.driver import Driver

from lookout.incidents.incident import Resolution, Status


async def test_its_alerts_expire_at_the_end_of_its_promise_and_other_sources_keep_theirs(lookout: Driver) -> None:
    died = lookout.clock.now()
    await lookout.fires(job="a")
    await lookout.fires(job="b")
    await lookout.webhook({"labels": {"alertname": "Down", "job": "c"}, "startsAt": died.isoformat()})
    lookout.clock.move(minutes=5)
    await lookout.ticks()
    told = {incident.title: incident for incident in await lookout.incidents()}
    for title in ("Down (job=a)", "Down (job=b)"):
        assert (told[title].resolution, told[title].resolved_at) == (Resolution.EXPIRED, died + timedelta(minutes=4))
    assert told["Down (job=c)"].status is Status.FIRING


async def test_what_another_source_tells_too_goes_on(lookout: Driver) -> None:
    started = lookout.clock.now().isoformat()
    await lookout.fires(job="a")
    await lookout.webhook({"labels": {"alertname": "Down", "job": "a"}, "startsAt": started})
    lookout.clock.move(minutes=30)
    await lookout.ticks()
    assert await lookout.types() == ["opened"]


async def test_back_within_the_reopen_window_it_reopens_and_later_it_opens_and_links(lookout: Driver) -> None:
    await lookout.fires(job="soon")
    await lookout.fires(job="later")
    lookout.clock.move(minutes=8)
    await lookout.ticks()
    await lookout.fires(job="soon")
    lookout.clock.move(minutes=8)
    await lookout.fires(job="later")
    again, later, soon = await lookout.incidents()
    assert (soon.title, soon.reopen_count) == ("Down (job=soon)", 1)
    assert again.previous_incident_id == later.id
