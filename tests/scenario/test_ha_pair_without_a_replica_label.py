"""HA twins that no label tells apart: each firing is known by its start, so one resolve does not end the other."""

from datetime import timedelta

from tests.driver import Driver

from lookout.incidents.incident import Status

BEHIND = timedelta(seconds=7)
"""How much later the second twin evaluates."""


async def test_a_fires_b_fires_a_resolves_b_resolves(lookout: Driver) -> None:
    first = lookout.clock.now()
    await lookout.fires(starts_at=first, job="a")
    lookout.clock.move(seconds=7)
    await lookout.fires(starts_at=first + BEHIND, job="a")
    lookout.clock.move(minutes=2)
    await lookout.resolves(first, job="a")
    assert (await lookout.only_incident()).status is Status.FIRING
    lookout.clock.move(seconds=7)
    await lookout.resolves(first + BEHIND, job="a")
    assert (await lookout.only_incident()).status is Status.RESOLVED
    assert await lookout.types() == ["opened", "resolved"]


async def test_i7_the_one_resends_its_resolve_while_the_other_resends_its_firing(lookout: Driver) -> None:
    """In Alertmanager each of these messages would replace the other: a change of state every few seconds."""
    first = lookout.clock.now()
    await lookout.fires(starts_at=first, job="a")
    await lookout.fires(starts_at=first + BEHIND, job="a")
    lookout.clock.move(minutes=1)
    over = lookout.alert({"job": "a"}, starts_at=first, ends_at=lookout.clock.now())
    for _ in range(5):
        await lookout.post_alerts(over)
        await lookout.fires(starts_at=first + BEHIND, job="a")
        lookout.clock.move(minutes=1)
        await lookout.ticks()
    assert await lookout.types() == ["opened"]


async def test_after_both_have_resolved_a_new_firing_of_either_reopens(lookout: Driver) -> None:
    first = lookout.clock.now()
    for starts_at in (first, first + BEHIND):
        await lookout.fires(starts_at=starts_at, job="a")
    lookout.clock.move(minutes=1)
    for starts_at in (first, first + BEHIND):
        await lookout.resolves(starts_at, job="a")
    lookout.clock.move(minutes=1)
    again = lookout.clock.now()
    await lookout.fires(starts_at=again, job="a")
    await lookout.fires(starts_at=again + BEHIND, job="a")
    assert await lookout.types() == ["opened", "resolved", "reopened"]


async def test_a_start_that_both_state_is_one_firing_which_only_a_whole_lease_takes_back(lookout: Driver) -> None:
    """Both restored the same state, say. Nothing tells them apart then, and the first resolve is the end."""
    first = lookout.clock.now()
    await lookout.fires(job="a")
    lookout.clock.move(minutes=1)
    before = lookout.alert({"job": "a"}, starts_at=first)
    await lookout.resolves(first, job="a")
    await lookout.post_alerts(before)
    assert await lookout.types() == ["opened", "resolved"]
    lookout.clock.move(seconds=30)
    await lookout.fires(starts_at=first, job="a")
    assert await lookout.types() == ["opened", "resolved", "reopened"]
