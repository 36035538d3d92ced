"""A story in which everything happens once at least, with words in it that no topic may repeat."""

from datetime import timedelta

from tests.driver import Driver

SECRETS = ("the-annotation", "the-description", "the-note", "the-reason", "the-report", "the-cause", "the-url")
"""What nobody but a reader of Lookout itself is told."""


async def everything_happens(lookout: Driver) -> str:
    """Each type of event, once at least. Gives the incident."""
    started = lookout.clock.now()
    told = {"summary": "the-annotation", "description": "the-description", "runbook_url": "http://the-url.example"}
    await lookout.post_alerts(lookout.alert({"job": "a", "severity": "info"}, annotations=told))
    incident = await lookout.only_incident()
    await lookout.fires(job="a", severity="info", instance="2")
    await lookout.fires(job="a", severity="critical")
    await lookout.act(incident.id, "acknowledge")
    await lookout.act(incident.id, "assign", assignee="kim")
    await lookout.act(incident.id, "notes", text="the-note")
    report = {
        "report_id": "r-1", "investigator": "skipper", "summary": "the-report", "root_cause": "the-cause",
        "recommendations": ["the-report"], "confidence": 0.5, "link": "http://the-url.example/r-1",
    }  # fmt: skip
    (await lookout.act(incident.id, "investigations", **report)).raise_for_status()
    await lookout.act(incident.id, "resolve", reason="the-reason")
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, job="a", severity="info")
    lookout.clock.move(minutes=1)
    again = lookout.alert({"job": "a", "severity": "info"}, annotations=told)
    await lookout.post_alerts(again)
    await _flaps_until_calm(lookout)
    return incident.id


async def _flaps_until_calm(lookout: Driver) -> None:
    """The alert that fires ends and begins until the incident is marked, and then an hour is calm."""
    for _ in range(3):
        began = lookout.clock.now()
        lookout.clock.move(minutes=1)
        await lookout.resolves(began, job="a", severity="info")
        lookout.clock.move(minutes=1)
        await lookout.fires(job="a", severity="info")
    lookout.clock.move(minutes=1)
    await lookout.resolves(lookout.clock.now() - timedelta(minutes=1), job="a", severity="info")
    await lookout.ticks()
    lookout.clock.move(hours=1)
    await lookout.ticks()
    await lookout.ticks()
