"""How a stream ends that cannot go on: in order if its client only has to come back, cut off if it is a bug."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from lookout.errors import Gone
from lookout.feeds.sse import EventStream

AWAY = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


async def _frames(error: Exception) -> AsyncGenerator[bytes]:
    yield b"id: 1\n\n"
    raise error


async def _sent(error: Exception) -> list[dict[str, Any]]:
    """What a client gets whose stream comes to this error."""
    sent: list[Any] = []
    never = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await never.wait()
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    async def ended() -> None:
        await never.wait()

    await EventStream(_frames(error), ended, lambda: None)({"type": "http", "method": "GET"}, receive, send)
    return sent


@pytest.mark.parametrize("error", [AWAY, TimeoutError()], ids=["cut", "silent"])
async def test_when_the_database_is_away_it_ends_in_order_and_says_so(error: Exception) -> None:
    with capture_logs() as logs:
        *_, event, last = await _sent(error)
    assert event["body"] == b"id: 1\n\n"
    assert last == {"type": "http.response.body", "body": b"", "more_body": False}
    assert [(entry["action"], entry["log_level"]) for entry in logs] == [("stream_ended", "warning")]


async def test_when_what_comes_next_is_forgotten_it_ends_in_order() -> None:
    assert (await _sent(Gone("it is not kept", 5)))[-1]["more_body"] is False


async def test_a_bug_cuts_it_off() -> None:
    with capture_logs() as logs, pytest.raises(RuntimeError):
        await _sent(RuntimeError("a bug"))
    assert [entry["action"] for entry in logs] == ["stream_failed"]
