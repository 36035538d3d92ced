"""An alert that fires again soon reopens its incident; later, a new incident opens and names the one before."""

from datetime import timedelta

import pytest
from tests.driver import Driver

from lookout.incidents.incident import Status


async def _fires_and_resolves(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a")
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, job="a")


async def test_within_the_window_the_incident_reopens(lookout: Driver) -> None:
    await _fires_and_resolves(lookout)
    resolved = await lookout.only_incident()
    lookout.clock.move(minutes=5)
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    assert incident.id == resolved.id
    assert incident.status is Status.FIRING
    assert incident.reopen_count == 1
    assert incident.resolved_at is None
    assert incident.resolution is None
    assert await lookout.types() == ["opened", "resolved", "reopened"]


async def test_after_the_window_a_new_incident_opens_and_links_back(lookout: Driver) -> None:
    await _fires_and_resolves(lookout)
    before = await lookout.only_incident()
    lookout.clock.move(minutes=5, seconds=1)
    await lookout.fires(job="a")
    new, old = await lookout.incidents()
    assert old == before
    assert new.previous_incident_id == old.id
    assert new.status is Status.FIRING


@pytest.mark.parametrize("late", [timedelta(minutes=30), timedelta(hours=2)])
async def test_when_it_started_decides_and_not_when_it_was_told(lookout: Driver, late: timedelta) -> None:
    await _fires_and_resolves(lookout)
    started = lookout.clock.now() + timedelta(minutes=4)
    lookout.clock.move(seconds=late.total_seconds())
    await lookout.fires(starts_at=started, job="a")
    assert (await lookout.only_incident()).reopen_count == 1
