"""The page's paths. They read and act as REST does, for whoever the edge has let in, and answer with HTML."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any
from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lookout.alerts.severity import Severity
from lookout.api import acting
from lookout.api.answers import status_of
from lookout.api.auth.browser import LIVE, SIGN_IN
from lookout.api.edge import reader_of, visit_of
from lookout.api.parts import Caller, Parts, Scope
from lookout.errors import Conflict, Forbidden, Gone, LookoutError, NotFound, Overloaded, Refused, Unauthenticated
from lookout.feeds.sse import EventStream
from lookout.incidents.incident import Status
from lookout.store.database import PASSING_ERRORS
from lookout.store.reads import END
from lookout.web import detail as details
from lookout.web import session
from lookout.web.board import ROWS_LIMIT, Board, Listing, rows_of
from lookout.web.demo import Demo
from lookout.web.finding import STATUS, Query, read_query
from lookout.web.history import SPANS, figures_of
from lookout.web.live import changes
from lookout.web.rendering import HEADERS, Rendering

WALL_ROWS = 12
TRAVEL_HOURS = 24
REJECTED = 30
OPEN, RESOLVED, LATELY = "open", "resolved", "lately"
"""The lists of one page, of each of which there is more to be asked for."""

log = structlog.get_logger()

Handler = Callable[[Any, Request], Awaitable[Response]]


def shows_problems(handler: Handler) -> Handler:
    """Errors as a page, for whoever looks at pages."""

    @wraps(handler)
    async def handled(self: "Page", request: Request) -> Response:
        try:
            return await handler(self, request)
        except Unauthenticated as error:
            return self.problem("Sign in first", str(error), 401)
        except LookoutError as error:
            return self.problem(_heading_of(error), str(error), status_of(error))
        except PASSING_ERRORS as error:
            log.warning("web", action="database_away", error=repr(error))
            return self.problem("Not now", "The database does not answer. Reload the page in a moment.", 503)

    return handled


class Page:
    """The page. `demo`: in local mode, where it may be played. `external_url`: where readers find it, "" unless set."""

    def __init__(self, parts: Parts, demo: Demo | None, external_url: str = "") -> None:
        self._parts = parts
        self._external_url = external_url
        self._demo = demo
        self._board = Board(parts)
        self._rendering = Rendering(parts.clock.now)

    def routes(self) -> list[Route]:
        """All of them."""
        one = "/incidents/{id}"
        return [
            Route("/", self.feed, methods=["GET"]),
            Route(one, self.incident, methods=["GET"]),
            Route(f"{one}/timeline", self.timeline, methods=["GET"]),
            Route(f"{one}/acknowledge", self.acknowledge, methods=["POST"]),
            Route(f"{one}/assign", self.assign, methods=["POST"]),
            Route(f"{one}/resolve", self.resolve, methods=["POST"]),
            Route(f"{one}/notes", self.note, methods=["POST"]),
            Route("/history", self.history, methods=["GET"]),
            Route("/sources", self.sources, methods=["GET"]),
            Route(LIVE, self.live, methods=["GET"]),
            Route("/demo", self.play_demo, methods=["POST"]),
            Route("/name", self.take_name, methods=["POST"]),
            Route(SIGN_IN, self.sign_in, methods=["GET", "POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
            Route("/icon.svg", self.icon, methods=["GET"]),
            *self._rendering.routes(),
        ]

    def problem(self, heading: str, message: str, status: int) -> Response:
        return self._rendering.page("problem.html", status, heading=heading, message=message, who=None, active="")

    @shows_problems
    async def feed(self, request: Request) -> Response:
        """The list of incidents; the same on the wall, and at another time."""
        caller = self._reader(request)
        query = read_query(request.query_params.get("q", ""), self._parts.limits)
        if request.query_params.get("part") == "rows":
            return await self._rows(request, caller, query)
        is_wall = request.query_params.get("view") == "wall"
        as_of = _time_of(request.query_params.get("as_of", "")) if not is_wall else None
        gone = ""
        try:
            listing = await self._listing(request, caller, query, as_of, is_wall=is_wall)
        except (Gone, Refused) as error:
            if as_of is None:
                raise
            gone, listing = str(error), Listing((), 0, None, 0)
        shows_resolved = query.asks_for(Status.RESOLVED) and as_of is None
        after = request.query_params.get("after") if _kind_of(request) != OPEN else None
        resolved = await self._board.resolved(caller.tenant_id, query, after) if shows_resolved else None
        rest = query.without(STATUS)
        lately = await self._board.resolved_lately(caller.tenant_id, rest)
        return self._rendering.page(
            "wall.html" if is_wall else "feed.html",
            then=as_of,
            **self._frame(request, caller, "incidents"),
            **_head_of(listing, as_of),
            listing=listing,
            query=query,
            resolved_query=rest.toggled(STATUS, Status.RESOLVED.value).text,
            as_of=as_of,
            gone=gone,
            shows_open=query.asks_for(Status.FIRING) or query.asks_for(Status.ACKNOWLEDGED),
            resolved=resolved,
            lately=lately.count or lately.has_more,
            lately_words=lately.words,
            is_new=listing.position == 0 and as_of is None,
            travel=_travel(as_of, self._parts.clock.now()),
            limits={"rows": ROWS_LIMIT},
            url=_url_of(request),
        )

    async def _listing(
        self, request: Request, caller: Caller, query: Query, as_of: datetime | None, *, is_wall: bool
    ) -> Listing:
        after = request.query_params.get("after") if _kind_of(request) == OPEN else None
        if as_of is not None:
            return await self._board.past(caller.tenant_id, query, as_of, after)
        rows = WALL_ROWS if is_wall else rows_of(request.query_params.get("rows"))
        return await self._board.open(caller.tenant_id, query, after, rows)

    async def _rows(self, request: Request, caller: Caller, query: Query) -> Response:
        """The next rows of a list."""
        kind = _kind_of(request)
        after = request.query_params.get("after")
        as_of = _time_of(request.query_params.get("as_of", ""))
        if kind != OPEN:
            rows = rows_of(request.query_params.get("rows"))
            listing = await self._board.resolved(caller.tenant_id, query, after, rows, is_lately=kind == LATELY)
        elif as_of is not None:
            listing = await self._board.past(caller.tenant_id, query, as_of, after)
        else:
            listing = await self._board.open(caller.tenant_id, query, after)
        problems = listing.problems if after is None else ()
        return self._rendering.page(
            "rows.html", then=as_of, listing=listing, problems=problems, kind=kind, url=_url_of(request)
        )

    @shows_problems
    async def incident(self, request: Request) -> Response:
        caller = self._reader(request)
        after = request.query_params.get("alerts_after", "").replace("\0", "")
        detail = await details.detail_of(self._parts, caller.tenant_id, request.path_params["id"], after)
        frame = self._frame(request, caller, "incidents")
        did = request.query_params.get("did", "")
        return self._rendering.page(
            "incident.html",
            **frame,
            detail=detail,
            incident=detail.incident,
            copies=details.copies_of(detail, frame["base_url"], self._parts.clock.now()),
            did=did,
            undo=await details.undo_of(self._parts, detail.incident, caller.actor) if did == "assigned" else None,
        )

    @shows_problems
    async def timeline(self, request: Request) -> Response:
        """Earlier events of an incident."""
        caller = self._reader(request)
        incident = await self._parts.reads.incident(caller.tenant_id, request.path_params["id"])
        before = request.query_params.get("before", "")
        position = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else END
        story = await details.story_of(self._parts, caller.tenant_id, incident.id, position)
        if "hx-request" in request.headers:
            return self._rendering.page("moments.html", story=story, incident=incident, own={})
        frame = self._frame(request, caller, "incidents")
        return self._rendering.page("timeline.html", **frame, story=story, incident=incident, own={})

    @shows_problems
    async def acknowledge(self, request: Request) -> Response:
        caller, form = await self._actor(request)
        incident = await acting.acknowledge(self._parts, caller, request.path_params["id"])
        return _done(request, form, incident.id, did="acknowledged")

    @shows_problems
    async def assign(self, request: Request) -> Response:
        caller, form = await self._actor(request)
        assignee = form.get("assignee", "").strip()
        incident = await acting.assign(self._parts, caller, request.path_params["id"], assignee or None)
        return _done(request, form, incident.id, did="assigned")

    @shows_problems
    async def resolve(self, request: Request) -> Response:
        caller, form = await self._actor(request)
        incident = await acting.resolve(self._parts, caller, request.path_params["id"], form.get("reason", ""))
        return _done(request, form, incident.id, did="resolved")

    @shows_problems
    async def note(self, request: Request) -> Response:
        caller, form = await self._actor(request)
        incident = await acting.add_note(self._parts, caller, request.path_params["id"], form.get("text", ""))
        return _done(request, form, incident.id, did="noted")

    @shows_problems
    async def history(self, request: Request) -> Response:
        caller = self._reader(request)
        figures = await figures_of(self._parts, caller.tenant_id, request.query_params.get("span", ""))
        frame = self._frame(request, caller, "history")
        return self._rendering.page("history.html", **frame, figures=figures, spans=list(SPANS), severities=Severity)

    @shows_problems
    async def sources(self, request: Request) -> Response:
        caller = self._reader(request)
        now = self._parts.clock.now()
        found = await self._parts.reads.sources.all(caller.tenant_id, now)
        rejected = await self._parts.reads.rejected_before(caller.tenant_id, END, REJECTED)
        frame = self._frame(request, caller, "sources")
        return self._rendering.page("sources.html", **frame, sources=found, rejected=rejected)

    async def live(self, request: Request) -> Any:
        """The stream that says what has changed."""
        caller = reader_of(request)
        text = request.headers.get("last-event-id") or request.query_params.get("after", "")
        after = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else END
        ends = await self._parts.reads.ends(caller.tenant_id)
        self._parts.followers.check_room()
        place = self._parts.streams.open(caller.counted_as)
        told = changes(self._parts.followers, caller.tenant_id, after, ends)
        return EventStream(told, visit_of(request).ended, place.close)

    @shows_problems
    async def play_demo(self, request: Request) -> Response:
        self._reader(request)
        await session.form_of(request)
        if self._demo is None:
            raise Forbidden("the demo is played in local mode only: elsewhere its alerts would be somebody's")
        if not await self._demo.play(_base_url(request)):
            raise Conflict("the demo plays already: look at the list")
        return RedirectResponse("/", 303)

    @shows_problems
    async def take_name(self, request: Request) -> Response:
        return await session.take_name(request)

    async def sign_in(self, request: Request) -> Response:
        problem, status = "", 200
        if request.method == "POST":
            try:
                return await session.sign_in(request)
            except LookoutError as error:
                problem, status = session.problem_of(error), status_of(error)
        target = request.query_params.get("next", "/")
        return self._rendering.page("sign_in.html", status, problem=problem, next=target, who=None, active="")

    @shows_problems
    async def sign_out(self, request: Request) -> Response:
        return await session.sign_out(request)

    async def icon(self, request: Request) -> Response:
        """The icon, with how many incidents are open and how bad the worst is."""
        word = request.query_params.get("worst", "")
        count = request.query_params.get("count", "")
        worst = word if word in set(Severity) else ""
        shown = count if count.isascii() and count.isdigit() and len(count) < 7 else ""
        answer = self._rendering.page("icon.svg", worst=worst, count=_short_count(int(shown or 0)))
        answer.headers.update({"Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=86400"})
        return answer

    def _reader(self, request: Request) -> Caller:
        return session.caller_of(request).allowed(Scope.READ)

    async def _actor(self, request: Request) -> tuple[Caller, Mapping[str, str]]:
        caller = session.caller_of(request).allowed(Scope.OPERATE)
        return caller, await session.form_of(request)

    def _frame(self, request: Request, caller: Caller, active: str) -> dict[str, Any]:
        """What every page has around it."""
        base_url = self._external_url or _base_url(request)
        return {
            "who": session.who_is(caller),
            "active": active,
            "base_url": base_url,
            "host": base_url.partition("//")[2],
            "can_demo": self._demo is not None and not self._demo.plays,
        }


def _heading_of(error: LookoutError) -> str:
    match error:
        case NotFound():
            return "Not found"
        case Forbidden():
            return "Not allowed"
        case Overloaded():
            return "Not now"
        case _:
            return "That cannot be done"


def _head_of(listing: Listing, as_of: datetime | None) -> dict[str, Any]:
    """The title and the icon, which say how it is to who looks at another page."""
    # Of all that is open, whatever is searched for: a search that finds nothing is no quiet.
    worst = next((severity.value for severity in Severity if listing.whole.get(severity.value)), "")
    total = sum(listing.whole.values())
    if as_of is not None:
        title = "At another time · Lookout"
    else:
        title = f"({total:,}) Lookout" if total else "Lookout: all quiet"
    tally = [(severity.value, count) for severity in Severity if (count := listing.counts.get(severity.value))]
    return {"page_title": title, "icon": f"/icon.svg?worst={worst}&count={total}", "tally": tally, "total": total}


def _kind_of(request: Request) -> str:
    """Which list more is asked of."""
    kind = request.query_params.get("kind")
    return kind if kind in (RESOLVED, LATELY) else OPEN


def _travel(as_of: datetime | None, now: datetime) -> dict[str, int]:
    minutes = TRAVEL_HOURS * 60
    back = int((now - as_of).total_seconds() // 60) if as_of is not None else 0
    return {"hours": TRAVEL_HOURS, "minutes": minutes, "value": minutes - min(max(back, 0), minutes)}


def _time_of(text: str) -> datetime | None:
    """A time as a browser's field writes it, in UTC unless it says another zone; "" is now. Raises `Refused`."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        problem = "as_of is no time: write it like 2026-01-31T12:00, or leave it out for what is now"
        raise Refused(problem, "as_of", "date-time") from None


def _base_url(request: Request) -> str:
    scheme = "https" if session.is_secure(request) else "http"
    return f"{scheme}://{request.headers.get('host', '')}"


def _url_of(request: Request) -> Callable[..., str]:
    """Addresses of the same list, with something else. What is empty is left out."""
    kept = {name: text for name in ("q", "as_of", "view") if (text := request.query_params.get(name))}

    def url(**changed: str) -> str:
        query = {name: text for name, text in {**kept, **changed}.items() if text}
        return f"/?{urlencode(query)}" if query else "/"

    return url


def _done(request: Request, form: Mapping[str, str], incident_id: str, **told: str) -> Response:
    """Back to where somebody acted. A script has all that it needs in the stream."""
    if "hx-request" in request.headers:
        return Response(status_code=204, headers=dict(HEADERS))
    if form.get("back") == "list":
        return RedirectResponse("/", 303)
    return RedirectResponse(f"/incidents/{incident_id}?{urlencode(told)}", 303)


def _short_count(count: int) -> str:
    return "" if not count else f"{count}" if count < 100 else "99+"
