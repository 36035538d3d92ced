"""The severity is the highest of the incident's alerts and only rises while it is open."""

from tests.driver import Driver

from lookout.alerts.severity import Severity
from lookout.incidents.events import Escalated
from lookout.incidents.incident import Status


async def test_a_worse_alert_escalates_and_its_end_does_not_lower_it(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a", severity="warning")
    await lookout.fires(job="a", severity="critical")
    change = (await lookout.feed())[-1].change
    assert isinstance(change, Escalated)
    assert (change.before, change.severity) == (Severity.WARNING, Severity.CRITICAL)
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, job="a", severity="critical")
    assert (await lookout.only_incident()).severity is Severity.CRITICAL
    assert await lookout.types() == ["opened", "escalated", "alerts_changed"]


async def test_an_acknowledged_incident_is_told_of_an_escalation_and_stays_acknowledged(lookout: Driver) -> None:
    await lookout.fires(job="a", severity="warning")
    await lookout.act((await lookout.only_incident()).id, "acknowledge")
    await lookout.fires(job="a", severity="page")
    incident = await lookout.only_incident()
    assert (incident.status, incident.severity) == (Status.ACKNOWLEDGED, Severity.CRITICAL)
    assert await lookout.types() == ["opened", "acknowledged", "escalated"]


async def test_an_alert_that_is_no_worse_joins(lookout: Driver) -> None:
    await lookout.fires(job="a", severity="error")
    await lookout.fires(job="a", severity="info")
    incident = await lookout.only_incident()
    assert (incident.severity, incident.total_alerts) == (Severity.ERROR, 2)
    assert await lookout.types() == ["opened", "alerts_changed"]
