"""I8: so many connections may be open, and one that asks for nothing is given up, without a credential or with one."""

import asyncio
import json
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from prometheus_client import REGISTRY
from tests.driver import Driver
from tests.unit.graphql.client import PROTOCOL, ask, open_socket
from websockets.asyncio.client import connect

from lookout.api import connections
from lookout.app import server_of

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def refusals() -> float:
    return REGISTRY.get_sample_value("lookout_limited_total", {"kind": "connection"}) or 0


async def opened(lookout: Driver) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", urlsplit(lookout.url).port)


async def answered(reader: asyncio.StreamReader) -> bytes:
    """The first line of the next answer, all of which is read."""
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    await reader.readexactly(length)
    return head.partition(b"\r\n")[0]


async def test_i8_one_connection_too_many_is_503_and_those_that_are_open_go_on(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECTIONS", 2)
    refused = refusals()
    async with asyncio.timeout(20):
        first, second = await opened(lookout), await opened(lookout)
        for reader, writer in (first, second):
            writer.write(HEALTH)
            assert await answered(reader) == b"HTTP/1.1 200 OK"
        reader, writer = await opened(lookout)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n")
        assert answer.endswith(b'\r\n\r\n{"error": "too many connections; try again"}')
        assert refusals() == refused + 1
        first[1].write(HEALTH)
        assert await answered(first[0]) == b"HTTP/1.1 200 OK"
        for _, open_one in (first, second, (reader, writer)):
            open_one.close()
            await open_one.wait_closed()


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"\r\n",
        b"GET /health HTTP/1.1\r\nHost: lo",
        HEALTH + b"\r\n",
        HEALTH + HEALTH[:30],
    ],
)
async def test_i8_a_connection_that_asks_for_nothing_is_given_up(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(connections, "HEADERS_SECONDS", 0.3)
    async with asyncio.timeout(20):
        reader, writer = await opened(lookout)
        if begun.startswith(HEALTH):
            writer.write(HEALTH)
            assert await answered(reader) == b"HTTP/1.1 200 OK"
        writer.write(begun.removeprefix(HEALTH))
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def _more_of_the_headers(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes, after: float = 0
) -> None:
    """Write them until the other side has closed, each so many seconds after the one before."""
    reading = asyncio.ensure_future(reader.read())
    with suppress(ConnectionError):
        while not reading.done():
            writer.write(line)
            await writer.drain()
            if after:
                await asyncio.wait([reading], timeout=after)
    with suppress(ConnectionError):
        await reading


async def test_i8_more_of_the_headers_gives_no_more_time(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADERS_SECONDS", 0.3)
    monkeypatch.setattr(connections, "HEADERS_LIMIT", 1 << 40)
    async with asyncio.timeout(20):
        reader, writer = await opened(lookout)
        writer.write(b"GET /health HTTP/1.1\r\n")
        await _more_of_the_headers(reader, writer, b"X-A: 1\r\n", after=0.01)
        writer.close()


@pytest.mark.parametrize("before", [b"", HEALTH])
async def test_i8_headers_have_a_bound(lookout: Driver, before: bytes) -> None:
    async with asyncio.timeout(20):
        reader, writer = await opened(lookout)
        if before:
            writer.write(before)
            assert await answered(reader) == b"HTTP/1.1 200 OK"
        room = connections.HEADERS_LIMIT - 1000
        writer.write(HEALTH[:-2] + b"X-A: " + b"a" * room + b"\r\n\r\n")
        assert await answered(reader) == b"HTTP/1.1 200 OK"
        writer.write(HEALTH[:-2] + b"X-A: " + b"a" * connections.HEADERS_LIMIT)
        assert await answered(reader) == b"HTTP/1.1 431 Request Header Fields Too Large"
        writer.close()


async def test_i8_headers_without_end_are_not_kept(lookout: Driver) -> None:
    async with asyncio.timeout(20):
        reader, writer = await opened(lookout)
        writer.write(b"GET /health HTTP/1.1\r\n")
        await _more_of_the_headers(reader, writer, b"X-A: " + b"a" * 10_000 + b"\r\n")
        writer.close()


@pytest.mark.parametrize("end", [b"X-A: 1\r\n" * 1000, b"a" * 10_000], ids=["fields", "a field"])
async def test_i8_what_follows_a_body_without_end_is_not_kept(lookout: Driver, end: bytes) -> None:
    """Fields may follow the parts of a body, and a stream is asked for as long as it lasts."""
    async with asyncio.timeout(20):
        reader, writer = await opened(lookout)
        head = b"GET /v1/feed?after=0 HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
        writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-B: ")
        await _more_of_the_headers(reader, writer, end)
        writer.close()


async def test_a_body_in_many_parts_is_taken_whole(lookout: Driver) -> None:
    """What stands between its parts is more than headers may be, and less at a time."""
    body = json.dumps([lookout.alert({"job": "a" * 500})]).encode()
    async with asyncio.timeout(20):
        reader, writer = await opened(lookout)
        head = b"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for place in range(len(body)):
            writer.write(b"1;" + b"x" * 200 + b"\r\n")
            await writer.drain()
            writer.write(body[place : place + 1] + b"\r\n")
        writer.write(b"0\r\n\r\n")
        assert await answered(reader) == b"HTTP/1.1 200 OK"
        writer.close()
    assert len(await lookout.incidents()) == 1


async def test_a_length_with_many_zeros_is_a_length(lookout: Driver) -> None:
    async with asyncio.timeout(20):
        reader, writer = await opened(lookout)
        head = b"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        writer.write(head + b"Content-Length: " + b"0" * 5000 + b"2\r\n\r\n[]")
        assert await answered(reader) == b"HTTP/1.1 200 OK"
        writer.close()


async def test_i8_requests_that_wait_for_an_answer_have_a_bound(lookout: Driver) -> None:
    async with asyncio.timeout(20):
        reader, writer = await opened(lookout)
        writer.write(HEALTH * (connections.PIPELINED // 2))
        for _ in range(connections.PIPELINED // 2):
            assert await answered(reader) == b"HTTP/1.1 200 OK"
        with suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(HEALTH * 1000)
                await writer.drain()
        writer.close()


async def test_i8_what_has_been_asked_is_not_given_up(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADERS_SECONDS", 0.2)
    async with asyncio.timeout(20), open_socket(lookout) as socket, lookout.stream(after="0"):
        idle, writer = await opened(lookout)
        assert await idle.read() == b""  # as long as a connection may wait has passed
        await lookout.until_following(1)
        await socket.subscribe("{ incidentsConnection { totalCount } }")
        assert await socket.next() == {"incidentsConnection": {"totalCount": 0}}
        assert (await ask(lookout, "{ incidentsConnection { totalCount } }"))["incidentsConnection"]["totalCount"] == 0
        writer.close()


async def test_i8_a_websocket_packs_nothing_and_nothing_is_unpacked_of_it(lookout: Driver) -> None:
    url = lookout.url.replace("http", "ws", 1) + "/graphql"
    async with connect(url, subprotocols=[PROTOCOL], compression="deflate") as connection:
        assert connection.protocol.extensions == []


async def test_a_sender_closes_an_idle_connection_first(lookout: Driver) -> None:
    """What is sent while the other side closes is lost, and Prometheus sends no alert again for that."""
    senders_close_after = 300
    assert server_of(lookout.running).config.timeout_keep_alive > senders_close_after
