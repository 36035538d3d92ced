"""With `max_alerts` Alertmanager cuts the list: what is not in it is neither firing nor resolved by that."""

from typing import Any

from tests.driver import Driver

from lookout.incidents.incident import Resolution, Status


def group(lookout: Driver, instances: str, **fields: Any) -> list[dict[str, Any]]:
    labels = [{"alertname": "Down", "job": "a", "instance": instance} for instance in instances]
    return [{"labels": one, "startsAt": lookout.clock.now().isoformat(), **fields} for one in labels]


async def test_a_list_that_holds_only_resolved_ones_resolves_no_others(lookout: Driver) -> None:
    """The status at the top is that of the cut list: "resolved", while others of the group fire."""
    alerts = group(lookout, "abc")
    await lookout.webhook(*alerts)
    lookout.clock.move(minutes=5)
    over = {"status": "resolved", "endsAt": lookout.clock.now().isoformat()}
    await lookout.webhook(alerts[0] | over, alerts[1] | over, status="resolved", truncatedAlerts=1)
    incident = await lookout.only_incident()
    assert (incident.status, incident.firing_alerts) == (Status.FIRING, 1)


async def test_an_end_that_was_cut_off_is_told_by_no_later_message_and_expires(lookout: Driver) -> None:
    alerts = group(lookout, "abc")
    await lookout.webhook(*alerts)
    lookout.clock.move(hours=4)
    await lookout.webhook(*alerts[:2], truncatedAlerts=1)
    lookout.clock.move(hours=8)
    await lookout.ticks()
    assert (await lookout.only_incident()).firing_alerts == 2
    over = {"status": "resolved", "endsAt": lookout.clock.now().isoformat()}
    await lookout.webhook(*(alert | over for alert in alerts[:2]))
    assert (await lookout.only_incident()).resolution is Resolution.SOURCE


async def test_an_alert_that_was_cut_off_at_first_joins_when_it_is_told(lookout: Driver) -> None:
    alerts = group(lookout, "abc")
    await lookout.webhook(*alerts[:2], truncatedAlerts=1)
    assert (await lookout.only_incident()).firing_alerts == 2
    lookout.clock.move(minutes=5)
    await lookout.webhook(*alerts[1:], truncatedAlerts=1)
    incident = await lookout.only_incident()
    assert (incident.firing_alerts, incident.total_alerts) == (3, 3)
