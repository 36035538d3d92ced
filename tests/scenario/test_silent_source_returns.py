"""A source that returns thaws its alerts without a new incident, and what ended in the meantime ends by itself."""

import pytest
from tests.driver import Driver

from lookout.incidents.incident import Resolution, Status


@pytest.fixture(autouse=True)
async def silence(lookout: Driver) -> None:
    """A Prometheus with two alerts dies at noon, and is silent for an hour."""
    await lookout.beats()
    await lookout.fires(job="lasts")
    await lookout.fires(job="ends")
    for _ in range(6):
        lookout.clock.move(minutes=10)
        await lookout.ticks()
    assert await lookout.types() == ["opened", "opened", "opened"]


async def test_the_silence_is_over_with_its_first_word(lookout: Driver) -> None:
    returned: list[tuple[str, str]] = []
    lookout.running.parts.intake.on_return = lambda tenant_id, source: returned.append((tenant_id, source))
    silent, *_ = await lookout.incidents()
    lookout.clock.move(seconds=30)
    await lookout.beats()
    await lookout.beats()
    assert returned == [("default", "prometheus")]
    incident = await lookout.incident(silent.id)
    assert (incident.status, incident.resolution) == (Status.RESOLVED, Resolution.SOURCE)
    assert incident.resolved_at == lookout.clock.now()
    assert await lookout.stale() == {"Down (job=lasts)": False, "Down (job=ends)": False}


async def test_what_it_repeats_goes_on_and_what_it_does_not_repeat_ends_after_its_grace(lookout: Driver) -> None:
    restarted = lookout.clock.now()
    for _ in range(15):
        await lookout.beats(restarted)
        await lookout.ticks()
        assert await lookout.types() == ["opened", "opened", "opened", "resolved"]
        await lookout.fires(restarted, job="lasts")
        lookout.clock.move(minutes=1)
    for _ in range(10):
        await lookout.beats(restarted)
        await lookout.fires(restarted, job="lasts")
        await lookout.ticks()
        lookout.clock.move(minutes=1)
    assert await lookout.types() == ["opened", "opened", "opened", "resolved", "resolved"]
    assert {incident.title: incident.resolution for incident in await lookout.incidents()} == {
        "SourceSilent": Resolution.SOURCE,
        "Down (job=lasts)": None,
        "Down (job=ends)": Resolution.EXPIRED,
    }
    assert (await lookout.rebuild()).equal


async def test_what_it_says_has_ended_ends_at_once(lookout: Driver) -> None:
    started = (await lookout.incidents())[-1].started_at
    await lookout.beats()
    await lookout.resolves(started, job="ends")
    assert await lookout.stale() == {"Down (job=lasts)": False}


async def test_a_source_that_dies_again_is_told_again_in_the_same_incident(lookout: Driver) -> None:
    await lookout.beats()
    lookout.clock.move(minutes=3)
    await lookout.ticks()
    assert (await lookout.types())[3:] == ["resolved", "reopened"]
    for _ in range(20):
        lookout.clock.move(minutes=10)
        await lookout.ticks()
    assert (await lookout.types())[3:] == ["resolved", "reopened"]
    assert await lookout.stale() == {"SourceSilent": False, "Down (job=lasts)": True, "Down (job=ends)": True}
