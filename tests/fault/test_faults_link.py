"""The way that `make faults` puts between programs: it hands on, and is cut, slow or silent when it is told to."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from faults.link import Link, link

SECONDS = 10


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while part := await reader.read(100):
            writer.write(part.upper())
            await writer.drain()
    writer.close()


@pytest.fixture
async def way() -> AsyncIterator[Link]:
    """A link to a program that says everything again, louder."""
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(SECONDS), link(lambda: asyncio.open_connection("127.0.0.1", port)) as one:
        yield one
    server.close()


class Near:
    """Its near end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def says(self, text: bytes) -> None:
        self._writer.write(text)
        await self._writer.drain()

    async def hears(self, text: bytes) -> None:
        assert await self.reader.readexactly(len(text)) == text

    async def is_ended(self) -> None:
        with suppress(ConnectionError):
            assert await self.reader.read(1) == b""


Connected = Callable[[Link], Awaitable[Near]]


@pytest.fixture
async def connected() -> AsyncIterator[Connected]:
    """Makes connections to a link's near end."""
    made: list[asyncio.StreamWriter] = []

    async def connect(way: Link) -> Near:
        reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
        made.append(writer)
        return Near(reader, writer)

    yield connect
    for writer in made:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_it_hands_on_both_ways(way: Link, connected: Connected) -> None:
    near = await connected(way)
    await near.says(b"one")
    await near.hears(b"ONE")


async def test_a_cut_ends_what_is_open_and_what_is_made_until_it_is_mended(way: Link, connected: Connected) -> None:
    near = await connected(way)
    await near.says(b"one")
    await near.hears(b"ONE")
    way.cut()
    await near.is_ended()
    await (await connected(way)).is_ended()
    way.mend()
    near = await connected(way)
    await near.says(b"two")
    await near.hears(b"TWO")


async def test_what_is_said_into_a_silence_comes_when_it_ends(way: Link, connected: Connected) -> None:
    near = await connected(way)
    await near.says(b"one")
    await near.hears(b"ONE")
    way.silence()
    later = await connected(way)
    await near.says(b"two")
    await later.says(b"three")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(near.reader.read(1), 0.2)
    way.mend()
    await near.hears(b"TWO")
    await later.hears(b"THREE")


async def test_a_silence_that_ends_in_a_reset_loses_what_was_said_into_it(way: Link, connected: Connected) -> None:
    near = await connected(way)
    await near.says(b"one")
    await near.hears(b"ONE")
    way.silence()
    await near.says(b"two")
    way.reset()
    way.mend()
    await near.is_ended()


async def test_a_slow_way_takes_its_time(way: Link, connected: Connected) -> None:
    near = await connected(way)
    way.delay = 0.2
    began = time.monotonic()
    await near.says(b"one")
    await near.hears(b"ONE")
    assert time.monotonic() - began >= 2 * way.delay


async def test_where_there_is_nobody_the_connection_ends(connected: Connected) -> None:
    async def nobody() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        raise ConnectionRefusedError

    async with asyncio.timeout(SECONDS), link(nobody) as way:
        await (await connected(way)).is_ended()
