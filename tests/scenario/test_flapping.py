"""An incident that resolves and fires again, over and over, is marked on every surface, until it is calm."""

from datetime import timedelta

from tests.driver import Driver

MARKED = "{ incidentsConnection { nodes { status flapping flappingUntil stateChanges } } }"


async def _flaps(lookout: Driver) -> None:
    """One alert fires and ends three times, a minute each: five changes of state."""
    for _ in range(3):
        began = lookout.clock.now()
        await lookout.fires(starts_at=began, job="a")
        lookout.clock.move(minutes=1)
        await lookout.resolves(began, job="a")
        lookout.clock.move(minutes=1)


async def test_it_is_marked_on_every_surface(lookout: Driver) -> None:
    await _flaps(lookout)
    marked_until = lookout.clock.now() + timedelta(minutes=59)
    incident = await lookout.only_incident()
    assert (incident.flapping, incident.flapping_until, len(incident.state_changes)) == (True, marked_until, 5)
    assert (await lookout.incident(incident.id)).flapping
    events = await lookout.feed()
    assert [event.incident.flapping for event in events] == [False] * 5 + [True]
    answer = await lookout.http.post("/graphql", json={"query": MARKED})
    (node,) = answer.json()["data"]["incidentsConnection"]["nodes"]
    assert (node["status"], node["flapping"], len(node["stateChanges"])) == ("RESOLVED", True, 5)


async def test_a_calm_hour_ends_the_mark_and_the_feed_tells_it(lookout: Driver) -> None:
    await _flaps(lookout)
    lookout.clock.move(minutes=58)
    await lookout.ticks()
    assert (await lookout.only_incident()).flapping
    lookout.clock.move(minutes=1)
    await lookout.ticks()
    await lookout.ticks()
    incident = await lookout.only_incident()
    assert (incident.flapping, incident.flapping_until) == (False, None)
    last = (await lookout.feed())[-1]
    assert (last.event_type, last.incident) == ("incident_flapping_ended", incident)
    assert (await lookout.types()).count("flapping_ended") == 1


async def test_i5_the_mark_is_folded_from_the_log(lookout: Driver) -> None:
    await _flaps(lookout)
    report = await lookout.rebuild()
    assert report.equal, report.lines
    lookout.clock.move(hours=1)
    await lookout.ticks()
    report = await lookout.rebuild()
    assert report.equal, report.lines
