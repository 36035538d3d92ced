"""The edge where there is authentication: every request has a caller before a surface sees it, or gets no further."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Protocol
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookout.api.alertmanager import own_error
from lookout.api.answers import lookout_error
from lookout.api.auth import browser
from lookout.api.auth.gate import Gate
from lookout.api.auth.watch import Watch
from lookout.api.edge import Visit, folded, guarded
from lookout.api.ingest import INGEST_PATHS
from lookout.api.parts import SERVICE_CREDENTIAL, Caller
from lookout.clock import Clock
from lookout.errors import LookoutError, Overloaded, Refused, Unauthenticated
from lookout.store.database import PASSING_ERRORS

PUBLIC = frozenset(("/health", "/ready", "/-/healthy", "/-/ready", "/openapi.json"))
"""Paths that tell nothing of anybody's."""
IN_URL = ("token", "access_token", "api_key", "apikey")
"""Names under which people put a credential into a URL, where it stays in logs."""
LONG = timedelta(seconds=1)
"""After a body that took so long to come its credential is looked at again. With what is remembered of a token: one
that is revoked does nothing after 5 s."""


class Count(Protocol):
    """Counts a request of a caller. Raises `Overloaded` if it is one too many."""

    def __call__(self, caller: Caller, *, sends: bool) -> None: ...


NoteRefusal = Callable[[str], None]
"""Told the tenant of which a request with alerts was refused, "" for one of many, or if nobody can say whose it was."""


class AuthEdge:
    """ASGI middleware: who asks is known by a credential, and nobody is without one."""

    def __init__(
        self, app: ASGIApp, gate: Gate, watch: Watch, count: Count, note_refusal: NoteRefusal, *, clock: Clock
    ) -> None:
        self._app = guarded(app)
        self._note_refusal = note_refusal
        self._gate = gate
        self._watch = watch
        self._count = count
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope = folded(scope)
        try:
            visit = await self._visit_if_known(scope)
            if visit.caller is not None:
                caller = visit.caller()
                # Who may not send is refused: that is no alert that was not heard, and costs no sender of the tenant's.
                self._count(caller, sends=caller.may_send and _is_for_alerts(scope))
        except LookoutError as error:
            await _turn_away(error, scope, receive, send)
        else:
            scope.setdefault("state", {})["visit"] = visit
            known = self._known_to_the_end(visit, receive) if scope.get("method") == "POST" else receive
            await self._app(scope, known, send)

    def _known_to_the_end(self, visit: Visit, receive: Receive) -> Receive:
        """What the request is received by, which raises `Unauthenticated` if the body took long to come, and the
        credential does not hold any more: it stands before all of it."""
        admitted_at = self._clock.now()

        async def receive_known() -> Message:
            message = await receive()
            is_whole = message["type"] == "http.request" and not message.get("more_body", False)
            if is_whole and visit.again is not None and self._clock.now() >= admitted_at + LONG:
                await visit.again()
            return message

        return receive_known

    async def _visit_if_known(self, scope: Scope) -> Visit:
        """Raises `Overloaded` while nobody can say who asks. Alerts that are sent meanwhile are not heard.

        Where people's keys are not to be had no sender is refused: those have tokens.
        """
        try:
            return await self._visit(scope)
        except PASSING_ERRORS as error:
            if _is_for_alerts(scope):
                self._note_refusal("")
            raise Overloaded("the database does not answer; try again") from error

    async def _visit(self, scope: Scope) -> Visit:
        headers = Headers(scope=scope)
        query: bytes = scope["query_string"]
        if any(query.startswith(name := f"{word}=".encode()) or b"&" + name in query for word in IN_URL):
            raise Refused("send the credential in the Authorization header: a URL stays in logs", "Authorization")
        authorization = headers.get("authorization")
        if authorization is None and browser.is_of_page(scope["path"]) and scope["type"] == "http":
            return await self._of_browser(headers)
        admit = partial(self._admit, headers)
        is_open = scope["path"] in PUBLIC or browser.is_open_to_all(scope["path"]) or scope["type"] == "websocket"
        if authorization is None and is_open:
            # A browser's WebSocket has no header of its own: its credential comes in its first message.
            return Visit(None, admit=partial(self._admit_later, headers))
        return await admit(authorization)

    async def _of_browser(self, headers: Headers) -> Visit:
        """A visit by the cookie of somebody who has signed in. The service token is for services."""
        cookies = browser.cookies_of(headers)
        visit = await self._admit({"x-tenant-id": cookies.get(browser.TENANT, "")}, browser.authorization_of(headers))
        if visit.caller is not None and visit.caller().credential == SERVICE_CREDENTIAL:
            raise Unauthenticated("the service token is for services: sign in with a token of your own")
        return visit

    async def _admit_later(self, headers: Mapping[str, str], authorization: str | None) -> Visit:
        """The same by a WebSocket's first message, or by a form. Raises `Overloaded` while nobody can say who asks."""
        try:
            return await self._admit(headers, authorization)
        except PASSING_ERRORS as error:
            raise Overloaded("the database does not answer; try again") from error

    async def _admit(self, headers: Mapping[str, str], authorization: str | None) -> Visit:
        caller = await self._gate.caller(authorization, headers)
        return Visit(
            lambda: caller,
            again=partial(self._gate.caller, authorization, headers),
            ended=partial(self._watch.ended, authorization or "", caller.expires_at),
            count=partial(self._count, caller, sends=False),
        )


def _is_for_alerts(scope: Scope) -> bool:
    return scope["path"] in INGEST_PATHS and scope.get("method") == "POST"


async def _turn_away(error: LookoutError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": str(error)})
        return
    if _is_for_people(error, scope):
        target = quote(scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""))
        await RedirectResponse(f"{browser.SIGN_IN}?next={target}", 303)(scope, receive, send)
        return
    is_alertmanager = str(scope["path"]).startswith("/api/v")
    answer = own_error(error) if is_alertmanager else lookout_error(Request(scope), error)
    await answer(scope, receive, send)


def _is_for_people(error: LookoutError, scope: Scope) -> bool:
    """Whether somebody opens a page who has not signed in. A script of the page is told as any other program."""
    is_page = browser.is_of_page(scope["path"]) and scope["path"] != browser.LIVE
    by_script = "hx-request" in Headers(scope=scope)
    return isinstance(error, Unauthenticated) and is_page and scope["method"] == "GET" and not by_script
