"""A GraphQL client for the scenarios: one question over HTTP, or a WebSocket that speaks graphql-transport-ws."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from tests.driver import Driver
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

PROTOCOL = Subprotocol("graphql-transport-ws")


async def answer(lookout: Driver, document: str, user: str = "jo", **variables: Any) -> dict[str, Any]:
    """The whole answer to a document: its data and its errors."""
    body = {"query": document, "variables": variables}
    response = await lookout.http.post("/graphql", json=body, headers={"X-User-ID": user})
    assert response.status_code == 200, response.text
    return response.json()


async def ask(lookout: Driver, document: str, user: str = "jo", **variables: Any) -> Any:
    """The data of the answer; there must be no error."""
    told = await answer(lookout, document, user, **variables)
    assert "errors" not in told, told["errors"]
    return told["data"]


async def refusal(lookout: Driver, document: str, **variables: Any) -> dict[str, Any]:
    """The one error of the answer."""
    (error,) = (await answer(lookout, document, **variables))["errors"]
    return error


class Socket:
    """A connection after `connection_init`."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            return json.loads(await self.connection.recv())

    async def subscribe(self, document: str, operation: str = "1", **variables: Any) -> None:
        await self.send(type="subscribe", id=operation, payload={"query": document, "variables": variables})

    async def next(self) -> Any:
        """The data of the next answer; there must be no error."""
        message = await self.receive()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]


@asynccontextmanager
async def open_socket(lookout: Driver, path: str = "/graphql/ws") -> AsyncGenerator[Socket]:
    """A WebSocket that has been acknowledged."""
    url = lookout.url.replace("http", "ws", 1) + path
    async with connect(url, subprotocols=[PROTOCOL]) as connection:
        socket = Socket(connection)
        await socket.send(type="connection_init")
        assert await socket.receive() == {"type": "connection_ack"}
        yield socket
