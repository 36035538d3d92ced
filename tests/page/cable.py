"""A cable between a browser and Lookout, that can be cut."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress


class Cable:
    """Hands bytes on, as long as it is whole."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_whole = True
        self._open: set[asyncio.StreamWriter] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_whole:
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._open |= {writer, far_writer}
        try:
            await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer))
        finally:
            for end in (writer, far_writer):
                self._open.discard(end)
                end.close()

    def cut(self) -> None:
        self._is_whole = False
        for end in self._open:
            end.transport.abort()

    def mend(self) -> None:
        self._is_whole = True


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while part := await reader.read(65_536):
            writer.write(part)
            await writer.drain()
    if not writer.is_closing():
        writer.close()


@asynccontextmanager
async def cable(port: int) -> AsyncGenerator[tuple[Cable, str]]:
    """A cable to the Lookout on this port, and the address of its near end."""
    one = Cable(port)
    server = await asyncio.start_server(one.take, "127.0.0.1", 0)
    try:
        yield one, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        one.cut()
        server.close()
