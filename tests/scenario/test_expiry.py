"""Silence ends an alert: a promise with one resend of grace, a webhook's word after twelve hours."""

from datetime import timedelta

from tests.clock import FakeClock
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.alerts.source import Source
from lookout.incidents.incident import Resolution, Status
from lookout.incidents.policy import Policy


async def test_an_expired_incident_ended_when_the_promise_did(lookout: Driver) -> None:
    promised_until = lookout.clock.now() + timedelta(minutes=4)
    await lookout.fires(job="a")
    lookout.clock.move(minutes=7)
    await lookout.ticks()
    incident = await lookout.only_incident()
    assert (incident.resolution, incident.resolved_at) == (Resolution.EXPIRED, promised_until)


async def test_a_webhooks_word_stands_for_twelve_hours_after_its_last_repeat(lookout: Driver) -> None:
    message = {"labels": {"alertname": "Down"}, "startsAt": lookout.clock.now().isoformat()}
    await lookout.webhook(message)
    lookout.clock.move(hours=4)
    await lookout.webhook(message)
    lookout.clock.move(hours=11, minutes=59)
    await lookout.ticks()
    assert (await lookout.only_incident()).status is Status.FIRING
    lookout.clock.move(minutes=1)
    await lookout.ticks()
    assert (await lookout.only_incident()).resolution is Resolution.EXPIRED


async def test_a_source_may_have_an_expiry_of_its_own_and_its_repeats_renew_for_as_long(start: Start) -> None:
    policy = Policy(sources={"alertmanager": Source(expiry=timedelta(hours=1))})
    async with start(policy) as lookout:
        message = {"labels": {"alertname": "Down"}, "startsAt": lookout.clock.now().isoformat()}
        await lookout.webhook(message)
        lookout.clock.move(minutes=59)
        await lookout.webhook(message)
        lookout.clock.move(minutes=59)
        await lookout.ticks()
        assert (await lookout.only_incident()).status is Status.FIRING
        lookout.clock.move(minutes=1)
        await lookout.ticks()
        assert (await lookout.only_incident()).resolution is Resolution.EXPIRED


async def test_after_a_downtime_silence_counts_from_the_start_on(start: Start, clock: FakeClock) -> None:
    started = clock.now()
    async with start() as lookout:
        await lookout.fires(job="repeats")
        await lookout.fires(job="silent")
    clock.move(hours=1)
    async with start() as lookout:
        await lookout.ticks()
        assert len(await lookout.incidents(status="firing")) == 2
        lookout.clock.move(seconds=59)
        await lookout.fires(starts_at=started, job="repeats")
        await lookout.ticks()
        assert len(await lookout.incidents(status="firing")) == 2
        lookout.clock.move(seconds=1)
        await lookout.ticks()
        assert [incident.title for incident in await lookout.incidents(status="firing")] == ["Down (job=repeats)"]


async def test_the_timers_look_by_themselves(lookout: Driver) -> None:
    """The stream is what is awaited: nobody calls `ticks` here."""
    await lookout.clock.until_asleep(seconds=5)
    async with lookout.stream(after="0") as events:
        await lookout.fires(job="a")
        assert (await anext(events)).position == 1
        lookout.clock.move(minutes=5)
        assert (await anext(events)).event_type == "incident_resolved"


async def test_what_expired_and_is_told_again_is_firing_again(lookout: Driver) -> None:
    """A rule whose evaluation failed for a while comes back with the same start."""
    started = lookout.clock.now()
    await lookout.fires(job="a")
    lookout.clock.move(minutes=6)
    await lookout.ticks()
    await lookout.fires(starts_at=started, job="a")
    assert (await lookout.only_incident()).status is Status.FIRING
    assert await lookout.types() == ["opened", "resolved", "reopened"]
