"""A killed Alertmanager forgets its alerts, and what it has told: firings are told anew, ends may never be."""

from typing import Any

from tests.driver import Driver

from lookout.incidents.incident import Resolution, Status


def told(lookout: Driver) -> dict[str, Any]:
    return {"labels": {"alertname": "Down", "job": "a"}, "startsAt": lookout.clock.now().isoformat()}


async def test_i7_after_its_restart_the_first_notification_comes_again_and_is_silent(lookout: Driver) -> None:
    alert = told(lookout)
    await lookout.webhook(alert, notification_reason="first notification")
    lookout.clock.move(minutes=3)
    answer = await lookout.webhook(alert, notification_reason="first notification")
    assert [receipt["reason"] for receipt in answer.json()["receipts"]] == ["duplicate"]
    assert await lookout.types() == ["opened"]


async def test_an_end_that_came_while_it_was_away_is_never_told_and_the_alert_expires(lookout: Driver) -> None:
    """Prometheus sends the resolve to the new Alertmanager, which never told the firing and so tells no end."""
    await lookout.webhook(told(lookout))
    lookout.clock.move(hours=11, minutes=59)
    await lookout.ticks()
    assert (await lookout.only_incident()).status is Status.FIRING
    lookout.clock.move(minutes=1)
    await lookout.ticks()
    assert (await lookout.only_incident()).resolution is Resolution.EXPIRED


async def test_where_prometheus_sends_directly_too_the_end_is_told_once_and_for_both(lookout: Driver) -> None:
    started = lookout.clock.now()
    alert = told(lookout)
    await lookout.fires(job="a")
    await lookout.webhook(alert)
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, job="a")
    assert await lookout.types() == ["opened", "resolved"]
    await lookout.resolves(started, job="a")
    assert await lookout.types() == ["opened", "resolved"]


async def test_what_fires_anew_after_the_expiry_opens_anew_and_names_the_one_before(lookout: Driver) -> None:
    await lookout.webhook(told(lookout))
    lookout.clock.move(hours=13)
    await lookout.ticks()
    await lookout.webhook(told(lookout))
    new, old = await lookout.incidents()
    assert (new.status, new.previous_incident_id) == (Status.FIRING, old.id)
