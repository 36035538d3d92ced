"""The edge: who may knock, and who asks. In local mode there is no password, so where a request is from is checked.

A page in the operator's browser can send requests to this machine, under a name that an attacker's DNS points here.
So the Host has to be a loopback name, and an Origin, where a browser states one, has to be the same place.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from random import getrandbits
from urllib.parse import urlsplit

import structlog
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookout.access import is_loopback
from lookout.api.answers import error_answer
from lookout.api.bodies import in_time
from lookout.api.headers import headers_given
from lookout.api.parts import Caller, local_caller
from lookout.api.parts import Scope as CredentialScope
from lookout.errors import Forbidden, Unauthenticated

REQUEST_ID = b"x-request-id"
HEADERS = {
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
}
"""What every answer with a body says to browsers, unless its surface says more."""

_STOPS = "Lookout stops; nothing of this request is known to be done"
_EMPTY = (b"content-length", b"0")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


async def _never() -> None:
    await asyncio.get_running_loop().create_future()


def _uncounted() -> None:
    """Where nobody counts."""


@dataclass(frozen=True)
class Visit:
    """A request, or a WebSocket, at the edge: who asks, and until when.

    `caller` gives the caller, or raises what is wrong with how they introduce themselves; None if they did not yet, and
    then `admit` takes their credential. `ended` returns once it no longer holds, and `again` raises if it does not.
    `sender` is the caller as one who sends alerts, where that is another: what a sender calls itself may cost no alert.
    `count` counts one request more of the caller's, where a connection is for several, and raises `TooMany`.
    """

    caller: Callable[[], Caller] | None
    sender: Callable[[], Caller] | None = None
    ended: Callable[[], Awaitable[None]] = _never
    again: Callable[[], Awaitable[Caller]] | None = None
    admit: "Callable[[str | None], Awaitable[Visit]] | None" = None
    count: Callable[[], None] = _uncounted


class LocalEdge:
    """ASGI middleware of local mode: everybody on this machine is of the one tenant, and is called what they say."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = guarded(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = headers_given(scope)
        if fault := _fault(headers.get(b"host", b""), headers.get(b"origin")):
            await _refuse(fault, scope, receive, send)
            return
        scope = folded(scope)
        user_id = headers.get(b"x-user-id")
        scope.setdefault("state", {})["visit"] = _SOMEBODY if user_id is None else _visit_of_local(user_id)
        await self._app(scope, receive, send)


_NAMELESS = local_caller(None)
_SOMEBODY = Visit(lambda: _NAMELESS)


def _visit_of_local(user_id: bytes) -> Visit:
    return Visit(partial(local_caller, user_id.decode("latin-1")), lambda: _NAMELESS)


def visit_of(connection: HTTPConnection) -> Visit:
    """What the edge found. Raises `Unauthenticated` where there was none: nothing is served around it."""
    visit = connection.scope.get("state", {}).get("visit")
    if not isinstance(visit, Visit):
        raise Unauthenticated("nobody has asked who this is")
    return visit


def known_caller(connection: HTTPConnection) -> Caller:
    """Who asks, whatever they may. Raises `Unauthenticated` if they have not said."""
    visit = visit_of(connection)
    if visit.caller is None:
        raise Unauthenticated("a credential is needed")
    return visit.caller()


def reader_of(connection: HTTPConnection) -> Caller:
    """Who asks to read. Raises `Forbidden`."""
    return known_caller(connection).allowed(CredentialScope.READ)


def operator_of(connection: HTTPConnection) -> Caller:
    """Who asks to act. Raises `Forbidden`."""
    return known_caller(connection).allowed(CredentialScope.OPERATE)


def sender_of(connection: HTTPConnection, source: str) -> Caller:
    """Who sends alerts as this source. Raises `Forbidden`."""
    sender = visit_of(connection).sender
    caller = (sender() if sender is not None else known_caller(connection)).allowed(CredentialScope.INGEST)
    if caller.source not in (None, source):
        raise Forbidden(f"this credential is for the source {caller.source}, and here {source} sends")
    return caller


def folded(scope: Scope) -> Scope:
    """The request without a trailing slash: no ingest path may ever redirect."""
    path: str = scope["path"]
    return {**scope, "path": path.rstrip("/") or "/"} if path.endswith("/") and path != "/" else scope


def guarded(app: ASGIApp) -> ASGIApp:
    """`app`, which waits for no body for ever, and each of whose answers has a request id and says to browsers what
    they may do with it. What is still under way when the server stops is refused as overload is: senders try again."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        given = headers_given(scope).get(REQUEST_ID, b"")
        request_id = given if _REQUEST_ID.fullmatch(given) else b"%032x" % getrandbits(128)

        has_begun = False

        async def say(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                message["headers"] = [*message["headers"], *_unsaid(message["headers"]), (REQUEST_ID, request_id)]
            await send(message)

        # Bound for good: a request is a task, with a context of its own.
        structlog.contextvars.bind_contextvars(request_id=request_id.decode())
        try:
            await app(scope, in_time(receive) if scope["method"] == "POST" else receive, say)
        except asyncio.CancelledError:
            # Only a server that stops gives up a request, after it has waited for its answer.
            if has_begun:
                raise
            await error_answer(_STOPS, 503, {"Retry-After": "1"})(scope, receive, say)

    return guard


def _unsaid(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What an answer does not say to browsers itself. One without a body shows them nothing."""
    if _EMPTY in headers:
        return []
    said = {name for name, _ in headers}
    return [header for header in HEADERS.items() if header[0] not in said]


@lru_cache(maxsize=64)
def _fault(host_given: bytes, origin_given: bytes | None) -> str:
    host = host_given.decode("latin-1")
    origin = origin_given.decode("latin-1") if origin_given is not None else None
    if not is_loopback(_name_of(f"//{host}")):
        return f"the Host {host[:100]!r} is not this machine: in local mode use 127.0.0.1 or localhost"
    if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
        return f"requests from pages of {origin[:100]!r} are not accepted"
    return ""


def _name_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


async def _refuse(fault: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": fault})
    else:
        await error_answer(fault, 403)(scope, receive, send)
