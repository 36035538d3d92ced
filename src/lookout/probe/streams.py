"""What a follower hears while another tenant is at work: its own events, from its own next position on."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from lookout.probe.sides import Holdings

SECONDS = 20
_DOCUMENT = (
    "subscription($after: Position) { liveIncidentUpdates(after: $after) { eventId position incident { title } } }"
)

Heard = tuple[int, str]
"""The position of an event, and all of its text."""
Hear = Callable[[], Awaitable[Heard]]


@asynccontextmanager
async def server_sent(
    http: httpx.AsyncClient, path: str, credential: Mapping[str, str], after: int
) -> AsyncGenerator[Hear]:
    """Follows a stream of Server-Sent Events after a position."""
    headers = {**credential, "Accept": "text/event-stream"}
    async with http.stream("GET", path, params={"after": after}, headers=headers) as response:
        response.raise_for_status()
        lines = response.aiter_lines()

        async def hear() -> Heard:
            async for line in lines:
                if line.startswith("data:") and "{" in line:  # and no sign of life
                    return json.loads(line.removeprefix("data:"))["position"], line
            raise StopAsyncIteration

        yield hear


@asynccontextmanager
async def subscribed(url: str, credential: Mapping[str, str], after: int) -> AsyncGenerator[Hear]:
    """Follows `liveIncidentUpdates` after a position."""
    async with _socket(url, credential, after) as messages:

        async def hear() -> Heard:
            message = await anext(messages)
            return message["payload"]["data"]["liveIncidentUpdates"]["position"], json.dumps(message)

        yield hear


async def refusal_after(url: str, credential: Mapping[str, str], position: int) -> str:
    """What a subscription after a position that has not happened is told."""
    async with _socket(url, credential, position) as messages:
        return re.sub(rf"\b{position}\b", "<position>", json.dumps(await anext(messages)))


@asynccontextmanager
async def _socket(url: str, credential: Mapping[str, str], after: int) -> AsyncGenerator[AsyncIterator[dict[str, Any]]]:
    address = url.replace("http", "ws", 1)
    protocols = [Subprotocol("graphql-transport-ws")]
    async with connect(address, subprotocols=protocols, additional_headers=dict(credential)) as connection:
        await connection.send(json.dumps({"type": "connection_init"}))
        await connection.recv()
        payload = {"query": _DOCUMENT, "variables": {"after": after}}
        await connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        yield _messages(connection)


async def _messages(connection: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    async for text in connection:
        message = json.loads(text)
        if message["type"] not in ("ping", "pong"):
            yield message


async def faults(name: str, hear: Hear, own: Holdings, theirs: Holdings) -> list[str]:
    """What is wrong with the next event of a stream, after the other tenant and then the own one were at work."""
    try:
        async with asyncio.timeout(SECONDS):
            position, text = await hear()
    except (TimeoutError, StopAsyncIteration, KeyError, TypeError, ValueError) as error:
        return [f"{name}: nothing was heard of the own tenant ({error!r})"]
    found = [f"{name} shows {secret!r} of another tenant" for secret in theirs.secrets if secret in text]
    if position != own.position + 1:
        found.append(f"{name} goes on at {position}, and the own log at {own.position + 1}")
    return found
