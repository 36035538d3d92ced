"""A way from one program to another that the harness can cut, slow down, or make silent."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Ends]]
"""Makes a connection to the far end. Raises `OSError` where there is nobody."""

_PART = 65_536


class Link:
    """Hands bytes on, both ways. `port` is its near end, on this machine."""

    def __init__(self, connect: Connect) -> None:
        self.port = 0
        self.delay = 0.0
        """Seconds for which each part of what is said is on its way."""
        self._connect = connect
        self._is_cut = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """End every connection at once, as a reset does, and let nobody make another."""
        self._is_cut = True
        self.reset()

    def mend(self) -> None:
        """Let everything through again, what was kept while it was silent first."""
        self._is_cut = False
        self.delay = 0.0
        self._flows.set()

    def silence(self) -> None:
        """Hand nothing on. Connections stay, and can be made: nobody is told."""
        self._flows.clear()

    def reset(self) -> None:
        """End every connection, with whatever is on its way in them."""
        for task in self._tasks:
            task.cancel()
        for end in self._open:
            end.transport.abort()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its near end."""
        task = asyncio.create_task(self._hold(reader, writer))
        self._tasks.add(task)
        await asyncio.wait({task})
        self._tasks.discard(task)
        self._open.discard(writer)
        writer.transport.abort()

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        if self._is_cut:
            return
        await self._flows.wait()
        try:
            far_reader, far_writer = await self._connect()
        except OSError:
            return
        self._open.add(far_writer)
        try:
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        finally:
            self._open.discard(far_writer)
            far_writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while part := await reader.read(_PART):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._flows.wait()
                writer.write(part)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def link(connect: Connect) -> AsyncGenerator[Link]:
    """A link, open until the block ends."""
    one = Link(connect)
    server = await asyncio.start_server(one.take, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        one.cut()
