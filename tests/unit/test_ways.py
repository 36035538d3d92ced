"""A storm's commit stands still while a quiet tenant's is under way, and not for ever (I8)."""

import asyncio

import pytest

from lookout.intake import ways
from lookout.intake.queue import QUIET_BATCH, Lane
from lookout.intake.ways import STANDSTILL_ALERTS, Ways

STORM = QUIET_BATCH + 1


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who stands still without end is found by the tests, and not by the bound."""
    monkeypatch.setattr(ways, "STANDSTILL_SECONDS", 60)
    monkeypatch.setattr(ways, "STANDSTILL_LIMIT", 60)


async def test_i8_a_storms_commit_goes_on_where_nobody_is_in_its_way() -> None:
    with Ways().of(Lane.ALL, STORM) as storm:
        async with asyncio.timeout(5):
            await storm.give()


async def test_i8_a_storms_commit_stands_still_until_the_quiet_one_is_done() -> None:
    both = Ways()
    with both.of(Lane.ALL, STORM) as storm:
        with both.of(Lane.QUIET, 1):
            standing = asyncio.create_task(storm.give())
            await asyncio.sleep(0)
            assert not standing.done()
        await standing


async def test_i8_a_quiet_commit_stands_still_for_nobody() -> None:
    both = Ways()
    with both.of(Lane.ALL, STORM), both.of(Lane.QUIET, 1) as quiet:
        async with asyncio.timeout(5):
            await quiet.give()


async def test_i8_quiet_commits_without_end_hold_a_storms_up_for_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ways, "STANDSTILL_SECONDS", 0.01)
    both = Ways()
    with both.of(Lane.QUIET, 1), both.of(Lane.ALL, STORM) as storm:
        async with asyncio.timeout(5):  # and the quiet commit never ends
            await storm.give()
            await storm.give()


async def test_i8_a_large_commit_stands_still_for_longer_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or most of it would have precedence over everybody."""
    monkeypatch.setattr(ways, "STANDSTILL_SECONDS", 0.0001)
    monkeypatch.setattr(ways, "STANDSTILL_LIMIT", 0.02)
    loop = asyncio.get_running_loop()
    both = Ways()
    with both.of(Lane.QUIET, 1), both.of(Lane.ALL, 1_000 * STANDSTILL_ALERTS) as storm:
        began = loop.time()
        async with asyncio.timeout(5):
            await storm.give()
    assert loop.time() - began >= 0.02


async def test_i8_a_thread_that_decides_a_storm_stands_still_too() -> None:
    both = Ways()
    with both.of(Lane.ALL, STORM) as storm:
        with both.of(Lane.QUIET, 1):
            standing = asyncio.create_task(asyncio.to_thread(storm.give_in_thread))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(standing), 0.01)
        async with asyncio.timeout(5):
            await standing


def test_i8_a_thread_stands_still_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "STANDSTILL_SECONDS", 0.01)
    both = Ways()
    with both.of(Lane.QUIET, 1), both.of(Lane.ALL, STORM) as storm:
        storm.give_in_thread()
        storm.give_in_thread()
    with Ways().of(Lane.QUIET, 1) as quiet:
        quiet.give_in_thread()


async def test_i8_a_small_commit_gives_way_to_nobody_and_nobody_to_it() -> None:
    """Where there is no storm, both lanes have quiet tenants."""
    both = Ways()
    with both.of(Lane.ALL, QUIET_BATCH) as small:
        assert not both.are_shared
        with both.of(Lane.QUIET, 1):
            async with asyncio.timeout(5):
                await small.give()


async def test_i8_nobody_stands_still_for_who_waits_for_its_locks() -> None:
    """What time changes is of many tenants, of quiet ones too."""
    both = Ways()
    with both.of(Lane.ALL, STORM, {"quiet", "storm"}) as storm:
        with both.of(Lane.QUIET, 1, {"other"}):
            standing = asyncio.create_task(storm.give())
            await asyncio.sleep(0)
            assert not standing.done()
        async with asyncio.timeout(5):
            await standing
        with both.of(Lane.QUIET, 1, {"quiet"}):
            async with asyncio.timeout(5):
                await storm.give()
            storm.give_in_thread()


async def test_i8_a_storm_that_begins_beside_a_quiet_commit_of_its_own_tenant_goes_on() -> None:
    both = Ways()
    with both.of(Lane.QUIET, 1, {"quiet"}):
        with both.of(Lane.ALL, STORM, {"quiet", "storm"}) as storm:
            async with asyncio.timeout(5):
                await storm.give()
        with both.of(Lane.ALL, STORM, {"another"}) as another:
            standing = asyncio.create_task(another.give())
            await asyncio.sleep(0)
            assert not standing.done()
            standing.cancel()
