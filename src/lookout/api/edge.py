"""The edge: who may knock, and who asks. In local mode there is no password, so where a request is from is checked.

A page in the operator's browser can send requests to this machine, under a name that an attacker's DNS points here.
So the Host has to be a loopback name, and an Origin, where a browser states one, has to be the same place.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from lookout.api.answers import error_answer
from lookout.api.parts import Caller, local_caller
from lookout.config import is_loopback


class LocalEdge:
    """ASGI middleware of local mode. It also folds a trailing slash away, because no ingest path may ever redirect."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if fault := _fault(headers.get("host", ""), headers.get("origin")):
            await _refuse(fault, scope, receive, send)
            return
        path: str = scope["path"]
        if path.endswith("/") and path != "/":
            scope = {**scope, "path": path.rstrip("/") or "/"}
        await self._app(scope, receive, send)


def caller_of(connection: HTTPConnection) -> Caller:
    """Who asks. In local mode everybody is of the one tenant, and is called what they say."""
    return local_caller(connection.headers.get("x-user-id"))


def _fault(host: str, origin: str | None) -> str:
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
