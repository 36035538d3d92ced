"""What resolves while it is silenced, inhibited or muted in Alertmanager is never told to have ended."""

from typing import Any

from tests.driver import Driver

from lookout.incidents.incident import Resolution, Status


def told(lookout: Driver, job: str) -> dict[str, Any]:
    return {"labels": {"alertname": "Down", "job": job}, "startsAt": lookout.clock.now().isoformat()}


async def test_by_webhook_alone_it_expires_twelve_hours_after_it_was_last_told(lookout: Driver) -> None:
    silenced, other = told(lookout, "silenced"), told(lookout, "other")
    await lookout.webhook(silenced, other)
    lookout.clock.move(hours=4)
    await lookout.webhook(silenced, other)
    for _ in range(2):
        lookout.clock.move(hours=4)
        await lookout.webhook(other)
        await lookout.ticks()
    assert {incident.status for incident in await lookout.incidents()} == {Status.FIRING}
    lookout.clock.move(hours=4)
    await lookout.ticks()
    resolved = await lookout.incidents(status="resolved")
    assert [(incident.title, incident.resolution) for incident in resolved] == [
        ("Down (job=silenced)", Resolution.EXPIRED)
    ]


async def test_where_prometheus_sends_directly_too_its_resolve_ends_it(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a")
    await lookout.webhook(told(lookout, "a"))
    lookout.clock.move(minutes=3)
    await lookout.resolves(started, job="a")
    incident = await lookout.only_incident()
    assert (incident.resolution, incident.resolved_at) == (Resolution.SOURCE, lookout.clock.now())


async def test_a_new_firing_after_the_silence_goes_on_in_the_incident_that_nobody_ended(lookout: Driver) -> None:
    await lookout.webhook(told(lookout, "a"))
    lookout.clock.move(hours=1)
    again = told(lookout, "a")
    await lookout.webhook(again)
    assert await lookout.types() == ["opened"]
    lookout.clock.move(minutes=5)
    await lookout.webhook(again | {"status": "resolved", "endsAt": lookout.clock.now().isoformat()})
    incident = await lookout.only_incident()
    assert (incident.status, incident.resolution) == (Status.RESOLVED, Resolution.SOURCE)
