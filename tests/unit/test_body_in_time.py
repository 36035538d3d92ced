"""Whether a body is late is told by its own time, and by nobody else's."""

import asyncio

import pytest
from starlette.types import Message

from lookout.api import bodies
from lookout.errors import TooSlow


async def test_a_body_that_does_not_come_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.01)

    async def receive() -> Message:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    with pytest.raises(TooSlow):
        await bodies.in_time(receive)()


async def test_a_database_that_does_not_answer_meanwhile_is_no_late_body() -> None:
    """The credential may be looked up once more when the body is there."""

    async def receive() -> Message:
        raise TimeoutError("the database")

    with pytest.raises(TimeoutError, match="the database"):
        await bodies.in_time(receive)()
