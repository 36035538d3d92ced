"""Several replicas look at the same silent source at once: it is told once, and nothing resolves (I10)."""

import asyncio

from tests.scenario.conftest import Start


async def test_i10_it_is_told_once(start: Start) -> None:
    async with start() as a, start() as b:
        await a.beats()
        await b.fires(job="a")
        for _ in range(10):
            a.clock.move(minutes=3)
            await asyncio.gather(a.ticks(), b.ticks(), a.ticks(), b.ticks())
        assert await a.types() == ["opened", "opened"]
        await asyncio.gather(*(lookout.beats(a.clock.now()) for lookout in (a, b, a, b)))
        assert await b.types() == ["opened", "opened", "resolved"]
        assert (await a.rebuild()).equal


async def test_a_word_that_comes_while_they_look_is_heard(start: Start) -> None:
    async with start() as a, start() as b:
        await a.beats()
        for _ in range(10):
            a.clock.move(minutes=3)
            await asyncio.gather(a.ticks(), b.beats(), b.ticks())
            await b.ticks()
            assert [silent["silent_since"] for silent in await a.sql("SELECT silent_since FROM heartbeats")] == [None]
        assert len(await a.incidents(status="open")) == 0
