"""The HTTP server: uvicorn's, on a socket that is taken before anything else."""

import asyncio
import errno
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

import structlog
import uvicorn
from starlette.types import ASGIApp

from lookout.api.connections import KEPT_OPEN_SECONDS, Connection, Socket
from lookout.errors import StartError

STOP_SECONDS = 5
STOP_LOOK_SECONDS = 0.005
"""How often a server that stops looks whether all that was under way is answered."""
DATE_SECONDS = 1
BACKLOG = 2048
"""Connections that wait to be accepted, as many as uvicorn lets wait."""
WEBSOCKET_MESSAGE_LIMIT = 256 * 1024
"""Bytes of one message that a subscriber sends."""

log = structlog.get_logger()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, taken before anything else is started. Raises `StartError` if it is not to be had."""
    # The protocol is named because asyncio sends small answers at once only where it is.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # Not left to the server: until one listens, another may bind to the same port.
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise StartError(not_to_be_had(host, port, error)) from None
    listening.set_inheritable(True)
    return listening


def not_to_be_had(host: str, port: int, error: OSError) -> str:
    """Why nobody can listen there, and what to do."""
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {port} on {host} is not free ({error.strerror}): another Lookout may be running. "
                "Stop what uses it, or choose another with --port or PORT."
            )
        case errno.EACCES:
            return (
                f"This user may not listen on port {port} ({error.strerror}): the low ones are kept for root. "
                "Choose another with --port or PORT."
            )
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine ({error.strerror}). Choose another with --host or HOST."
        case _:
            return f"Nobody can listen on port {port} of {host}: {error.strerror or error}. Look at HOST and PORT."


class Server(uvicorn.Server):
    """uvicorn's server, which stops at once, ends the streams before it waits for connections to end, and leaves
    signals alone.

    uvicorn itself looks ten times a second whether it is to stop, and as often, when it does, whether it may.
    """

    def __init__(self, app: ASGIApp, before_shutdown: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws=Socket,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws_max_size=WEBSOCKET_MESSAGE_LIMIT,
                # Nothing is unpacked, and who has not said yet who it is costs no room to pack in.
                ws_per_message_deflate=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEPT_OPEN_SECONDS,
            )
        )
        self._before_shutdown = before_shutdown
        self._stopping = asyncio.Event()
        self.listening = asyncio.Event()

    def stop(self) -> None:
        """Let `serve` end, once what is under way is answered."""
        self.should_exit = True
        self._stopping.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        # It would raise SIGTERM anew when it has stopped, and the database would be left running.
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # which says in the answers what time it is, to the second
            with suppress(TimeoutError):
                async with asyncio.timeout(DATE_SECONDS):
                    await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._before_shutdown()
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - they tell nobody
                    await asyncio.sleep(STOP_LOOK_SECONDS)
        except TimeoutError:
            late = list(self.server_state.tasks)
            log.warning("stop", action="requests_given_up", requests=len(late))
            for task in late:
                task.cancel()
