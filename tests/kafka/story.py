"""A story in which everything happens once at least, with words in it that no topic may repeat."""

from tests.driver import Driver

SECRETS = ("the-annotation", "the-description", "the-note", "the-reason", "the-report", "the-cause", "the-url")
"""What nobody but a reader of Lookout itself is told."""


async def everything_happens(lookout: Driver) -> str:
    """Each type of event but the end of flapping, once at least. Gives the incident."""
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
    return incident.id


async def it_flaps(lookout: Driver, incident_id: str) -> None:
    """After that: the incident comes and goes, and is calm in the end."""
    for _ in range(3):
        began = lookout.clock.now()
        lookout.clock.move(minutes=1)
        await lookout.resolves(began, job="a", severity="info")
        lookout.clock.move(minutes=1)
        await lookout.fires(job="a", severity="info")
    await lookout.act(incident_id, "resolve")
    lookout.clock.move(hours=1)
    await lookout.ticks()
