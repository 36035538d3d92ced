"""Source times decide, not arrival: a late message about a firing that has ended changes nothing (I3)."""

from tests.driver import Driver

from lookout.incidents.incident import Status


async def test_i3_a_late_firing_message_does_not_reopen(lookout: Driver) -> None:
    started = lookout.clock.now()
    late = lookout.alert({"job": "a"})
    await lookout.fires(job="a")
    lookout.clock.move(minutes=2)
    await lookout.resolves(started, job="a")
    await lookout.post_alerts(late)
    assert (await lookout.only_incident()).status is Status.RESOLVED
    assert await lookout.types() == ["opened", "resolved"]


async def test_i3_a_resolve_that_overtakes_its_firing_leaves_nothing_open(lookout: Driver) -> None:
    late = lookout.alert({"job": "a"})
    started = lookout.clock.now()
    lookout.clock.move(minutes=2)
    await lookout.resolves(started, job="a")
    await lookout.post_alerts(late)
    assert await lookout.incidents() == []


async def test_the_resolve_of_an_alert_that_nobody_told_of_opens_nothing(lookout: Driver) -> None:
    answer = await lookout.webhook({"labels": {"alertname": "Down"}, "status": "resolved"})
    [receipt] = answer.json()["receipts"]
    assert (receipt["outcome"], receipt["reason"], receipt["incident_id"]) == ("silent", "unknown_resolve", None)
    assert await lookout.incidents() == []


async def test_i3_a_late_resolve_of_an_older_firing_leaves_the_newer_one(lookout: Driver) -> None:
    first = lookout.clock.now()
    await lookout.fires(job="a")
    lookout.clock.move(minutes=1)
    late = lookout.alert({"job": "a"}, starts_at=first, ends_at=lookout.clock.now())
    lookout.clock.move(minutes=1)
    await lookout.fires(job="a")
    await lookout.post_alerts(late)
    assert (await lookout.only_incident()).status is Status.FIRING
