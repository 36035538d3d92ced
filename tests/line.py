"""The line between Lookout and PostgreSQL: a TCP proxy that can be cut, fall silent, or lead elsewhere."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from urllib.parse import parse_qs, urlsplit

Place = tuple[str, str | int]
"""The directory of a Unix socket, or a host, and the port."""

DEFAULT_PORT = 5432
_COMMIT = b"COMMIT\0"


class Cut(Enum):
    """Where the line breaks when the next commit goes over it."""

    BEFORE_COMMIT = "before"
    """The server never hears of it."""
    AFTER_COMMIT = "after"
    """The server has committed, and nobody hears of that."""


class Line:
    """Hands bytes on to `place`."""

    def __init__(self, place: Place) -> None:
        self.place = place
        """Where new connections lead."""
        self.cut_next: Cut | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._silent: set[asyncio.StreamWriter] = set()
        self._last: set[asyncio.StreamWriter] = set()
        """Ends that hear no more answer: the one to come is that of a commit."""

    async def take(self, near: asyncio.StreamReader, near_end: asyncio.StreamWriter) -> None:
        """One connection, from its beginning to its end."""
        try:
            far, far_end = await _open(self.place)
        except OSError:
            near_end.transport.abort()
            return
        self._open |= {near_end, far_end}
        passing = [
            asyncio.create_task(self._pass(near, far_end, near_end)),
            asyncio.create_task(self._pass(far, near_end)),
        ]
        try:
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in passing:
                task.cancel()
            for end in (near_end, far_end):
                self._open.discard(end)
                end.transport.abort()

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, asks: asyncio.StreamWriter | None = None
    ) -> None:
        with suppress(ConnectionError):
            while part := await source.read(65_536):
                if target in self._silent:
                    continue
                if target in self._last:
                    return
                if asks is not None and self.cut_next is not None and _COMMIT in part:
                    cut, self.cut_next = self.cut_next, None
                    if cut is Cut.BEFORE_COMMIT:
                        return
                    self._last.add(asks)
                target.write(part)
                await target.drain()

    def cut(self) -> None:
        """End every connection; new ones may be made."""
        for end in self._open:
            end.transport.abort()

    def fall_silent(self) -> None:
        """Hand nothing on any more, and end nothing: as when a host loses power. New connections are as ever."""
        self._silent |= self._open


async def _open(place: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = place
    if host.startswith("/"):
        return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
    return await asyncio.open_connection(host, port)


def place_of(dsn: str) -> Place:
    """Where a DSN leads."""
    parts = urlsplit(dsn)
    return parse_qs(parts.query).get("host", [parts.hostname or "127.0.0.1"])[0], parts.port or DEFAULT_PORT


@asynccontextmanager
async def line_to(dsn: str) -> AsyncGenerator[tuple[Line, str]]:
    """A line to the server of `dsn`, and the DSN of its near end."""
    line = Line(place_of(dsn))
    server = await asyncio.start_server(line.take, "127.0.0.1", 0)
    parts = urlsplit(dsn)
    port = server.sockets[0].getsockname()[1]
    try:
        yield line, f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}"
    finally:
        line.cut()
        server.close()
