"""The ASGI application at `/mcp`: who may in is settled here, and the rest by the SDK, which is loaded when needed.

Most Lookouts never see an agent, and the SDK takes about a second and 25 MB to load: the first request of a process
waits for it, and none else.
"""

import asyncio
from typing import TYPE_CHECKING

import structlog
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from lookout.api.answers import error_answer
from lookout.api.edge import known_caller
from lookout.api.loaded import staying
from lookout.api.parts import Parts
from lookout.api.parts import Scope as CredentialScope
from lookout.errors import Forbidden, Overloaded

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

BODY_LIMIT = 256 * 1024
"""Bytes of a request: as of an action over REST."""
RETRY_AFTER = 60
"""Seconds, where only a restart helps."""
_FOR = (CredentialScope.READ, CredentialScope.OPERATE)

log = structlog.get_logger()


class McpApp:
    """Answers POST. There is no stream to open and no session to end, so GET and DELETE are refused, as the protocol
    has it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._wanted = asyncio.Event()
        self._manager: asyncio.Future[StreamableHTTPSessionManager | None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Load the SDK once somebody asks, and keep it at work, for ever."""
        await self._wanted.wait()
        try:
            manager = await asyncio.to_thread(_load, self._parts)
        except Exception:  # files that changed under a running process may raise anything, and stop nothing else
            log.exception("mcp", action="sdk_not_loaded")
            self._manager.set_result(None)
        else:
            async with manager.run():
                self._manager.set_result(manager)
                await _for_ever()
        await _for_ever()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        caller = known_caller(request)
        if caller.scopes.isdisjoint(_FOR):
            raise Forbidden(f"this credential is not for agents: it is for {', '.join(sorted(caller.scopes))}")
        if request.method != "POST":
            await error_answer("send a POST: there is no stream here to open", 405, {"Allow": "POST"})(
                scope, receive, send
            )
            return
        self._wanted.set()
        receive = await _read(receive)
        manager = await asyncio.shield(self._manager)
        if manager is None:
            raise Overloaded("what agents speak to could not be loaded: see Lookout's log, and restart it", RETRY_AFTER)
        await manager.handle_request(scope, receive, send)


async def _read(receive: Receive) -> Receive:
    """The body, read as far as the SDK takes it: what goes wrong meanwhile is told here, and the SDK would hide it."""
    messages = [await receive()]
    size = len(messages[0].get("body", b""))
    while messages[-1].get("more_body", False) and size <= BODY_LIMIT:
        messages.append(await receive())
        size += len(messages[-1].get("body", b""))
    read = iter(messages)

    async def again() -> Message:
        return next(read, None) or await receive()

    return again


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def _load(parts: Parts) -> "StreamableHTTPSessionManager":
    with staying("lookout.api.mcp.server"):
        from lookout.api.mcp.server import manager_of
    return manager_of(parts, BODY_LIMIT)
