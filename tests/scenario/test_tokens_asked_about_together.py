"""Most senders come once a minute: that their tokens still hold is one question for all of them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg
from tests.access import ACCESS, api_token, bearer, revoke
from tests.driver import Driver, owner_dsn
from tests.scenario.conftest import Start

from lookout.api.auth.tokens import REMEMBERED
from lookout.api.parts import Scope
from lookout.store.tokens import Fresh

COUNT = 5


async def _known(lookout: Driver) -> list[Fresh]:
    """Tokens that were used a moment ago, and would have to be asked about now."""
    made = [await api_token(lookout, Scope.READ, name=f"robot-{number}") for number in range(COUNT)]
    for token in made:
        assert await _status(lookout, token) == 200
    lookout.clock.move(seconds=REMEMBERED.total_seconds())
    return made


async def _status(lookout: Driver, token: Fresh) -> int:
    return (await lookout.http.get("/v1/incidents", headers=bearer(token.text))).status_code


@asynccontextmanager
async def _tokens_locked(lookout: Driver) -> AsyncGenerator[None]:
    connection = await asyncpg.connect(owner_dsn(lookout.dsn))
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE tokens")
            yield
    finally:
        await connection.close()


async def _questions(lookout: Driver) -> int:
    return len(await lookout.sql("SELECT FROM pg_locks WHERE relation = 'tokens'::regclass AND NOT granted"))


async def test_one_question_is_asked_for_all_that_come(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        tokens = await _known(lookout)
        async with _tokens_locked(lookout), asyncio.timeout(20):
            asking = [asyncio.create_task(_status(lookout, token)) for token in tokens]
            while not await _questions(lookout):
                pass
            for _ in range(COUNT):  # as many chances to ask another
                assert (await lookout.http.get("/ready")).status_code == 200
                assert await _questions(lookout) == 1
        assert await asyncio.gather(*asking) == [200] * COUNT


async def test_who_comes_later_was_asked_about_with_who_came_first(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        first, *others = await _known(lookout)
        assert await _status(lookout, first) == 200
        async with _tokens_locked(lookout), asyncio.timeout(20):
            assert [await _status(lookout, token) for token in others] == [200] * len(others)


async def test_of_many_that_are_asked_about_the_revoked_one_is_out_and_stays_so(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        first, second, *others = await _known(lookout)
        await revoke(lookout, second)
        assert await _status(lookout, first) == 200
        assert await _status(lookout, second) == 401
        assert [await _status(lookout, token) for token in others] == [200] * len(others)
        lookout.clock.move(seconds=REMEMBERED.total_seconds())
        assert await _status(lookout, second) == 401


async def test_one_that_is_revoked_and_asked_about_by_itself_is_out(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        first, *_ = await _known(lookout)
        await revoke(lookout, first)
        assert await _status(lookout, first) == 401


async def test_one_that_is_gone_from_the_table_is_out(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        first, second, *_ = await _known(lookout)
        await lookout.sql("DELETE FROM tokens WHERE id = $1", first.token.id)
        assert await _status(lookout, second) == 200
        assert await _status(lookout, first) == 401


async def test_a_revoked_token_is_out_when_the_clock_is_set_back(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        token, *_ = await _known(lookout)
        assert await _status(lookout, token) == 200
        await revoke(lookout, token)
        lookout.clock.move(hours=-1)
        assert await _status(lookout, token) == 401
