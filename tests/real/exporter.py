"""A metric that a test sets, for a real Prometheus to scrape."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tests.real.stream import PATIENCE


class Exporter:
    """The metric `queue_length`. Each scrape is an event to wait for."""

    def __init__(self) -> None:
        self.queue_length = 0
        self.port = 0
        self._scraped = asyncio.Event()

    async def scrape(self) -> None:
        """Return once Prometheus has scraped again."""
        self._scraped.clear()
        async with asyncio.timeout(PATIENCE):
            await self._scraped.wait()

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"queue_length %d\n" % self.queue_length
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(body) + body)
        await writer.drain()
        writer.close()
        self._scraped.set()
