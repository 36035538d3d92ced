"""An operator's resolve is final for the firings that it closed; what begins after it is new."""

from tests.driver import Driver

from lookout.incidents.incident import Resolution, Status


async def test_i7_repeats_of_what_an_operator_resolved_are_silent(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a")
    await lookout.act((await lookout.only_incident()).id, "resolve")
    for _ in range(10):
        lookout.clock.move(minutes=1)
        await lookout.fires(starts_at=started, job="a")
        await lookout.ticks()
    assert await lookout.types() == ["opened", "resolved"]
    assert (await lookout.only_incident()).resolution is Resolution.OPERATOR


async def test_the_webhook_is_told_that_its_repeat_is_closed(lookout: Driver) -> None:
    message = {"labels": {"alertname": "Down"}, "startsAt": lookout.clock.now().isoformat()}
    await lookout.webhook(message)
    await lookout.act((await lookout.only_incident()).id, "resolve")
    [receipt] = (await lookout.webhook(message)).json()["receipts"]
    assert (receipt["outcome"], receipt["reason"]) == ("silent", "closed")


async def test_the_sources_own_resolve_afterwards_is_silent(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a")
    await lookout.act((await lookout.only_incident()).id, "resolve")
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, job="a")
    assert await lookout.types() == ["opened", "resolved"]


async def test_a_new_firing_reopens_what_an_operator_resolved(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a")
    await lookout.act((await lookout.only_incident()).id, "resolve")
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, job="a")
    lookout.clock.move(minutes=1)
    await lookout.fires(job="a")
    assert await lookout.types() == ["opened", "resolved", "reopened"]
    assert (await lookout.only_incident()).status is Status.FIRING
