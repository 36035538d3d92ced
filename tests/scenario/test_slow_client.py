"""A client that does not read holds up nobody, and misses nothing when it does."""

import asyncio
import socket
from contextlib import suppress

import pytest
from tests.access import ACCESS, api_token, bearer, person
from tests.driver import Driver
from tests.scenario.conftest import Start
from tests.unit.graphql.client import PROTOCOL, Socket
from uvicorn import Config
from uvicorn.server import ServerState
from websockets.asyncio.client import connect

from lookout.api import connections
from lookout.api.parts import Scope
from lookout.limits import Limits

CHANGES = 1500
LONG = "x" * 200


async def _connected(lookout: Driver) -> socket.socket:
    """A connection with little room on its way."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    sock.setblocking(False)
    port = int(lookout.url.rpartition(":")[2])
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return sock


async def _opened(
    lookout: Driver, path: str = "/v1/feed?after=0", *headers: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A stream from the beginning that reads nothing yet, with little room."""
    reader, writer = await asyncio.open_connection(sock=await _connected(lookout), limit=64 * 1024)
    lines = (f"GET {path} HTTP/1.1", "Host: localhost", "Accept: text/event-stream", *headers, "", "")
    writer.write("\r\n".join(lines).encode())
    await writer.drain()
    return reader, writer


async def test_i8_a_client_that_does_not_read_holds_up_nobody_and_catches_up_later(lookout: Driver) -> None:
    await lookout.clock.until_asleep(seconds=1)
    async with asyncio.timeout(30):
        reader, writer = await _opened(lookout)
        async with lookout.stream(after="0") as events:
            for batch in range(0, CHANGES, 100):
                alerts = [lookout.alert({"job": f"{batch + number}", "cluster": LONG}) for number in range(100)]
                (await lookout.post_alerts(*alerts)).raise_for_status()
            fast = [(await anext(events)).position for _ in range(CHANGES)]
        assert fast == list(range(1, CHANGES + 1))
        assert (await lookout.http.get("/health")).status_code == 200
        slow: list[int] = []
        while len(slow) < CHANGES:
            line = await reader.readline()
            if line.startswith(b"id: "):
                slow.append(int(line[4:]))
        writer.close()
    assert slow == fast


async def test_i8_a_client_that_takes_nothing_is_cut_off_and_its_place_is_free(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would keep both after its credential has ended too: that it has ended is the last that would be written."""
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.1)
    async with asyncio.timeout(30), start(access=ACCESS, limits=Limits(streams=2)) as lookout:
        sender = bearer((await api_token(lookout, Scope.INGEST)).text)
        for batch in range(3):
            alerts = [lookout.alert({"job": f"{batch} {number}", "cluster": LONG * 4}) for number in range(500)]
            (await lookout.http.post("/api/v2/alerts", json=alerts, headers=sender)).raise_for_status()
        unread = bearer(person(lookout))
        reader, writer = await _opened(lookout, "/v1/feed?after=0", *(f"{name}: {unread[name]}" for name in unread))
        await lookout.until_following(1)
        mira, place = {**unread, "Accept": "text/event-stream"}, None
        while place != 200:
            async with lookout.http.stream("GET", "/v1/feed", headers=mira) as answer:
                place = answer.status_code
        with suppress(ConnectionError):
            while taken := await reader.read(1 << 20):
                assert not taken.endswith(b"\r\n0\r\n\r\n")
        writer.close()


async def test_i8_a_websocket_that_takes_nothing_is_cut_off(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.1)
    alerts = [lookout.alert({"job": f"{number}"}, annotations={"summary": LONG * 10}) for number in range(500)]
    (await lookout.post_alerts(*alerts)).raise_for_status()
    url = lookout.url.replace("http", "ws", 1) + "/graphql"
    sock = await _connected(lookout)
    async with asyncio.timeout(30), connect(url, sock=sock, subprotocols=[PROTOCOL], max_queue=1) as connection:
        asking = Socket(connection)
        await asking.send(type="connection_init")
        assert await asking.receive() == {"type": "connection_ack"}
        much = " ".join(f"a{number}: summary" for number in range(28))
        await asking.subscribe(f"subscription {{ liveIncidentUpdates(after: 0) {{ incident {{ {much} }} }} }}")
        await lookout.until_following(1)
        await lookout.until_following(0)
        connection.transport.abort()


class Wire(asyncio.Transport):
    """What lies between: of what waits, so much is left whenever somebody looks."""

    def __init__(self, *left: int) -> None:
        super().__init__()
        self.left = list(left)
        self.cut_off = asyncio.Event()

    def get_write_buffer_size(self) -> int:
        return self.left.pop(0)

    def abort(self) -> None:
        self.cut_off.set()

    def close(self) -> None:
        """Nothing more comes."""


@pytest.mark.parametrize("kind", [connections.Connection, connections.Socket])
async def test_i8_who_takes_some_is_not_cut_off_however_long_it_takes(
    kind: type[connections.Connection | connections.Socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.01)
    waits, takes_all = Wire(5, 4, 3, 3, 2), Wire(*range(9, 0, -1))
    made = [kind(Config(lambda: None), ServerState(), {}) for _ in (takes_all, waits)]
    for connection, wire in zip(made, (takes_all, waits), strict=True):
        connection.connection_made(wire)
        connection.pause_writing()
    async with asyncio.timeout(10):
        await waits.cut_off.wait()
    made[0].resume_writing()
    assert waits.left == [2]
    assert not takes_all.cut_off.is_set()
    for connection in made:
        connection.connection_lost(None)
