"""The edge around every request: what is under way when the server gives up waiting for it."""

import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from lookout.api.edge import guarded

SCOPE: dict[str, Any] = {"type": "http", "method": "POST", "path": "/api/v2/alerts", "headers": []}


async def nothing_comes() -> Message:
    return await asyncio.get_running_loop().create_future()


async def given_up(*, after_its_beginning: bool) -> list[Message]:
    """What a request says that is cancelled while it waits for its commit."""
    said: list[Message] = []
    waits = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if after_its_beginning:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        waits.set()
        await receive()

    async def send(message: Message) -> None:
        said.append(message)

    task: asyncio.Future[None] = asyncio.ensure_future(guarded(app)(SCOPE, nothing_comes, send))
    await waits.wait()
    task.cancel("timeout graceful shutdown exceeded")
    await asyncio.wait({task})
    assert task.cancelled() is after_its_beginning
    return said


async def test_i8_a_request_that_a_stop_gives_up_is_a_503_that_senders_try_again() -> None:
    start, body = await given_up(after_its_beginning=False)
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert b"nothing of this request is known to be done" in body["body"]


async def test_an_answer_that_has_begun_is_cut_off() -> None:
    (start,) = await given_up(after_its_beginning=True)
    assert start["status"] == 200
