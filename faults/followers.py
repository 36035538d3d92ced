"""Who follows a tenant's feed, over one replica after another, and remembers what they saw."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from random import Random
from typing import Any, Protocol

import httpx
import msgspec
from httpx_sse import aconnect_sse
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from faults.link import Link
from faults.senders import TOO_MUCH, headers_of

RECONNECT = 0.3
SILENCE = 40.0
"""Seconds without a sign of life after which a follower connects anew; there is one every 15."""


class Seen(msgspec.Struct, frozen=True):
    """One event as a follower saw it. `digest` is of its bytes, "" where the surface has another shape."""

    position: int
    event_id: str
    event_type: str
    digest: str = ""


def digest_of(raw: bytes) -> str:
    """Whether two were given the same."""
    return hashlib.blake2b(raw, digest_size=12).hexdigest()


_ENDS = (httpx.HTTPError, WebSocketException, OSError, TimeoutError)
"""How a connection ends that was cut, refused or never made."""


class Surface(Protocol):
    """A way to follow."""

    name: str

    async def follow(self, url: str, follower: "Follower") -> None:
        """Hand what comes to the follower, until the connection ends. Raises what the library raises."""
        ...


class Follower:
    """One follower. `seen` is all that it saw."""

    def __init__(self, surface: Surface, tenant_id: str, links: Sequence[Link], chance: Random) -> None:
        self.tenant_id = tenant_id
        self.name = f"{surface.name} of {tenant_id}"
        self.seen: list[Seen] = []
        self.faults: list[str] = []
        self.connections = 0
        self._surface = surface
        self._links = links
        self._chance = chance
        self._reads = asyncio.Event()
        self._reads.set()
        self._following: asyncio.Task[None] | None = None

    @property
    def position(self) -> int:
        """Of the last event that it saw."""
        return self.seen[-1].position if self.seen else 0

    async def run(self) -> None:
        """Follow, over any replica, and again after each end. For ever."""
        while True:
            self.connections += 1
            port = self._chance.choice(self._links).port
            self._following = asyncio.create_task(self._surface.follow(f"http://127.0.0.1:{port}", self))
            try:
                await asyncio.wait({self._following})
            finally:
                self._following.cancel()
            error = None if self._following.cancelled() else self._following.exception()
            if error is not None and not isinstance(error, _ENDS):
                raise error
            await asyncio.sleep(RECONNECT)

    async def see(self, seen: Seen) -> None:
        """The next event."""
        await self._reads.wait()
        self.seen.append(seen)

    def cut_off(self) -> None:
        """End its connection."""
        if self._following is not None:
            self._following.cancel()

    def freeze(self) -> None:
        """Read nothing more."""
        self._reads.clear()

    def mend(self) -> None:
        """Read on."""
        self._reads.set()


class EventStream:
    """Server-Sent Events, resumed with `Last-Event-ID`."""

    name = "SSE"

    async def follow(self, url: str, follower: Follower) -> None:
        headers = headers_of(follower.tenant_id)
        if follower.position:
            headers["Last-Event-ID"] = str(follower.position)
        async with (
            httpx.AsyncClient(base_url=url, timeout=SILENCE, verify=False) as http,
            aconnect_sse(http, "GET", "/v1/feed", params={"after": "0"}, headers=headers) as source,
        ):
            if source.response.is_error:
                if source.response.status_code != TOO_MUCH:
                    told = (await source.response.aread())[:300].decode(errors="replace")
                    follower.faults.append(f"{follower.name} was answered {source.response.status_code}: {told}")
                return
            async for sse in source.aiter_sse():
                if sse.data:
                    event = json.loads(sse.data)
                    seen = Seen(int(sse.id), event["event_id"], sse.event, digest_of(sse.data.encode()))
                    await follower.see(seen)


_LIVE = "subscription($after: Position) { liveIncidentUpdates(after: $after) { position eventId eventType } }"


class Subscription:
    """GraphQL's subscription over a WebSocket, resumed with `after`."""

    name = "GraphQL"

    async def follow(self, url: str, follower: Follower) -> None:
        try:
            async with connect(
                url.replace("http", "ws", 1) + "/graphql/ws",
                subprotocols=[Subprotocol("graphql-transport-ws")],
                additional_headers=headers_of(follower.tenant_id),
                open_timeout=SILENCE,
                close_timeout=1,
            ) as socket:
                await socket.send(json.dumps({"type": "connection_init"}))
                query = {"query": _LIVE, "variables": {"after": follower.position}}
                await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": query}))
                await self._hear(socket, follower)
        except InvalidStatus as refused:
            if refused.response.status_code != TOO_MUCH:
                follower.faults.append(f"{follower.name} was answered {refused.response.status_code}")

    async def _hear(self, socket: ClientConnection, follower: "Follower") -> None:
        async for message in socket:
            told: dict[str, Any] = json.loads(message)
            if told["type"] == "ping":
                await socket.send(json.dumps({"type": "pong"}))
            elif told["type"] == "next" and told["payload"].get("data"):
                event = told["payload"]["data"]["liveIncidentUpdates"]
                await follower.see(Seen(event["position"], event["eventId"], event["eventType"].lower()))
            elif told["type"] != "connection_ack":
                follower.faults += faults_of(follower.name, told.get("payload"))
                return


def faults_of(name: str, payload: list[dict[str, Any]] | dict[str, Any] | None) -> list[str]:
    """What a subscription may not be told at its end: anything but that it should come again."""
    errors: list[dict[str, Any]] = payload if isinstance(payload, list) else (payload or {}).get("errors", [])
    return [
        f"{name} was told {error['message']}"
        for error in errors
        if error.get("extensions", {}).get("code") != "UNAVAILABLE"
    ]
