"""An edited route gives each group another `groupKey`: the same alerts stay the same alerts."""

from typing import Any

from tests.driver import Driver

from lookout.incidents.incident import Resolution, Status

OLD = '{}:{alertname="Down"}'
NEW = '{}/{severity="critical"}:{alertname="Down", job="a"}'


def told(lookout: Driver) -> list[dict[str, Any]]:
    started = lookout.clock.now().isoformat()
    return [{"labels": {"alertname": "Down", "job": "a", "instance": name}, "startsAt": started} for name in "xy"]


async def test_i7_the_same_alerts_under_a_new_group_key_add_no_event(lookout: Driver) -> None:
    alerts = told(lookout)
    await lookout.webhook(*alerts, groupKey=OLD)
    lookout.clock.move(minutes=1)
    answer = await lookout.webhook(*alerts, groupKey=NEW, receiver="other", groupLabels={"job": "a"})
    assert [receipt["reason"] for receipt in answer.json()["receipts"]] == ["duplicate"] * 2
    assert await lookout.types() == ["opened"]


async def test_an_end_told_under_the_new_key_ends_what_the_old_one_told(lookout: Driver) -> None:
    alerts = told(lookout)
    await lookout.webhook(*alerts, groupKey=OLD)
    lookout.clock.move(minutes=5)
    over = {"status": "resolved", "endsAt": lookout.clock.now().isoformat()}
    await lookout.webhook(*(alert | over for alert in alerts), groupKey=NEW)
    assert (await lookout.only_incident()).resolution is Resolution.SOURCE


async def test_a_group_that_is_now_two_is_still_one_incident(lookout: Driver) -> None:
    one, two = told(lookout)
    await lookout.webhook(one, two, groupKey=OLD)
    lookout.clock.move(minutes=5)
    over = {"status": "resolved", "endsAt": lookout.clock.now().isoformat()}
    await lookout.webhook(one | over, groupKey=NEW + "x", status="resolved")
    await lookout.webhook(two, groupKey=NEW + "y")
    incident = await lookout.only_incident()
    assert (incident.status, incident.firing_alerts) == (Status.FIRING, 1)
