"""REST: incidents to read and to act on, the feed, and what was refused."""

import base64
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lookout.alerts.severity import Severity
from lookout.api import acting, audit
from lookout.api.answers import Json
from lookout.api.edge import known_caller, operator_of, reader_of, visit_of
from lookout.api.grouping import grouping_of
from lookout.api.parts import Parts
from lookout.api.periods import BucketSize, past, period_of, size_of
from lookout.api.positions import check_position
from lookout.errors import Refused
from lookout.feeds.sse import EventStream, frames
from lookout.incidents.events import FeedEvent
from lookout.incidents.incident import Incident, IncidentView, Status
from lookout.incidents.investigation import Investigation
from lookout.incidents.related import Related
from lookout.limits import USUAL
from lookout.reconcile import Reconciled
from lookout.store.reads import END, AlertView, IncidentFilter, InvestigationView, RejectedView
from lookout.store.relations import RELATED_DEFAULT, RELATED_LIMIT
from lookout.store.sources import SourceView, as_they_were
from lookout.store.stats import Bucket, IncidentStats, NoisyGroup

PAGE_DEFAULT = 50
ACTION_LIMIT = 256 * 1024
"""Bytes of an action's body."""


class IncidentPage(msgspec.Struct, frozen=True):
    """Incidents, the newest first. `position` is one of the feed that they are true for; `next` goes on after them."""

    incidents: list[IncidentView]
    next: str | None
    position: int


class AlertPage(msgspec.Struct, frozen=True):
    alerts: list[AlertView]
    next: str | None


class EventPage(msgspec.Struct, frozen=True):
    """Events in order. `next` is the position to go on after; None at the end of an incident's."""

    events: list[FeedEvent]
    next: int | None


class RelatedList(msgspec.Struct, frozen=True):
    """What may have to do with an incident, the best first."""

    related: list[Related]


class StatsView(msgspec.Struct, frozen=True):
    """Figures of the time from `start` to before `end`, by bucket, and the groups that opened most often."""

    start: datetime
    end: datetime
    bucket: BucketSize
    figures: IncidentStats
    buckets: list[Bucket]
    noisiest: list[NoisyGroup]


class InvestigationPage(msgspec.Struct, frozen=True):
    """Investigations, the oldest first. `next` is the position to go on after; None at the end."""

    investigations: list[InvestigationView]
    next: int | None


class RejectedPage(msgspec.Struct, frozen=True):
    rejected_alerts: list[RejectedView]
    next: int | None


class SourceList(msgspec.Struct, frozen=True):
    """The sources that have sent something, by name."""

    sources: list[SourceView]


class ReconciledSources(msgspec.Struct, frozen=True):
    """What asking the sources found, each in turn."""

    sources: list[Reconciled]


# The usual lengths, for the schema alone: what is set is held where the text is taken.
_Note = Annotated[str, msgspec.Meta(extra_json_schema={"maxLength": USUAL.note_length})]
_Summary = Annotated[str, msgspec.Meta(extra_json_schema={"maxLength": USUAL.report_length})]


class NoArguments(msgspec.Struct, frozen=True):
    pass


class AssignArguments(msgspec.Struct, frozen=True):
    assignee: str | None


class ResolveArguments(msgspec.Struct, frozen=True):
    reason: _Note = ""


class NoteArguments(msgspec.Struct, frozen=True):
    text: _Note


class InvestigationArguments(msgspec.Struct, frozen=True):
    """`summary`, `root_cause` and the recommendations may be Markdown. Whoever sends it is the investigator, if none is
    named."""

    report_id: str
    summary: _Summary
    investigator: str = ""
    root_cause: str = ""
    recommendations: tuple[str, ...] = ()
    confidence: float | None = None
    link: str = ""


class Rest:
    """The REST paths."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> list[Route]:
        """All of them."""
        one = "/v1/incidents/{id}"
        return [
            Route("/v1/incidents", self.incidents, methods=["GET"]),
            Route(one, self.incident, methods=["GET"]),
            Route(f"{one}/alerts", self.alerts, methods=["GET"]),
            Route(f"{one}/events", self.events, methods=["GET"]),
            Route(f"{one}/related", self.related, methods=["GET"]),
            Route(f"{one}/grouping", self.grouping, methods=["GET"]),
            Route(f"{one}/acknowledge", self.acknowledge, methods=["POST"]),
            Route(f"{one}/assign", self.assign, methods=["POST"]),
            Route(f"{one}/resolve", self.resolve, methods=["POST"]),
            Route(f"{one}/notes", self.add_note, methods=["POST"]),
            Route(f"{one}/investigations", self.investigations, methods=["GET"]),
            Route(f"{one}/investigations", self.attach_investigation, methods=["POST"]),
            Route("/v1/stats", self.stats, methods=["GET"]),
            Route("/v1/feed", self.feed, methods=["GET"]),
            Route("/v1/reconcile", self.reconcile, methods=["POST"]),
            Route("/v1/rejected-alerts", self.rejected_alerts, methods=["GET"]),
            Route("/v1/sources", self.sources, methods=["GET"]),
            Route("/v1/sources/{source}/heartbeats/{fingerprint}", self.forget_heartbeat, methods=["DELETE"]),
        ]

    def _limit(self, request: Request) -> int:
        return _first(request, PAGE_DEFAULT, self._parts.limits.page)

    async def incidents(self, request: Request) -> Response:
        tenant_id = reader_of(request).tenant_id
        limit = self._limit(request)
        before, wanted = _position_of_cursor(request.query_params.get("after")), _filter(request)
        if (as_of := request.query_params.get("as_of")) is not None:
            time = past(_time(as_of, "as_of"), self._parts.clock.now())
            position = await self._parts.history.position_at(tenant_id, time)
            found = await self._parts.history.incidents_before(tenant_id, position, before, limit + 1, wanted)
            page = as_they_were(found[:limit])
        else:
            position = await self._parts.reads.last_position(tenant_id)
            found = await self._parts.reads.incidents_before(tenant_id, before, limit + 1, wanted)
            page = await self._parts.reads.sources.shown(found[:limit])
        more = len(found) > limit
        return Json(IncidentPage(page, _cursor_of(page[-1]) if more else None, position))

    async def incident(self, request: Request) -> Response:
        return await self._shown(
            await self._parts.reads.incident(reader_of(request).tenant_id, request.path_params["id"])
        )

    async def _shown(self, incident: Incident) -> Response:
        (shown,) = await self._parts.reads.sources.shown([incident])
        return Json(shown)

    async def alerts(self, request: Request) -> Response:
        tenant_id, incident_id, limit = reader_of(request).tenant_id, request.path_params["id"], self._limit(request)
        await self._parts.reads.incident(tenant_id, incident_id)
        after = request.query_params.get("after", "")
        found = await self._parts.reads.alerts_of(tenant_id, incident_id, after.replace("\0", ""), limit + 1)
        return Json(AlertPage(found[:limit], found[limit - 1].fingerprint if len(found) > limit else None))

    async def events(self, request: Request) -> Response:
        tenant_id, incident_id, limit = reader_of(request).tenant_id, request.path_params["id"], self._limit(request)
        await self._parts.reads.incident(tenant_id, incident_id)
        found = await self._parts.reads.events_of(tenant_id, incident_id, _number(request, "after", 0), limit + 1)
        return Json(EventPage(found[:limit], found[limit - 1].position if len(found) > limit else None))

    async def related(self, request: Request) -> Response:
        tenant_id, limit = reader_of(request).tenant_id, _first(request, RELATED_DEFAULT, RELATED_LIMIT)
        incident = await self._parts.reads.incident(tenant_id, request.path_params["id"])
        return Json(RelatedList(await self._parts.relations.of(tenant_id, incident, limit)))

    async def stats(self, request: Request) -> Response:
        tenant_id, reads = reader_of(request).tenant_id, self._parts.stats
        start, end = (
            _time(text, name) if (text := request.query_params.get(name)) is not None else None
            for name in ("start", "end")
        )
        word = request.query_params.get("bucket")
        size = _member(BucketSize, word, "bucket", list(BucketSize)) if word is not None else None
        period = period_of(self._parts.clock.now(), start, end, size)
        return Json(
            StatsView(
                period.start,
                period.end,
                size_of(period),
                await reads.figures(tenant_id, period.start, period.end),
                await reads.buckets(tenant_id, period),
                await reads.noisiest(tenant_id, period.start, period.end),
            )
        )

    async def grouping(self, request: Request) -> Response:
        tenant_id, incident_id, limit = reader_of(request).tenant_id, request.path_params["id"], self._limit(request)
        after = request.query_params.get("after", "").replace("\0", "")
        return Json(await grouping_of(self._parts, tenant_id, incident_id, after, limit))

    async def investigations(self, request: Request) -> Response:
        tenant_id, incident_id, limit = reader_of(request).tenant_id, request.path_params["id"], self._limit(request)
        await self._parts.reads.incident(tenant_id, incident_id)
        after = _number(request, "after", 0)
        found = await self._parts.reads.investigations_of(tenant_id, incident_id, after, limit + 1)
        return Json(InvestigationPage(found[:limit], found[limit - 1].position if len(found) > limit else None))

    async def acknowledge(self, request: Request) -> Response:
        caller = operator_of(request)
        await _arguments(request, NoArguments)
        return await self._shown(await acting.acknowledge(self._parts, caller, request.path_params["id"]))

    async def assign(self, request: Request) -> Response:
        caller, incident_id = operator_of(request), request.path_params["id"]
        arguments = await _arguments(request, AssignArguments)
        return await self._shown(await acting.assign(self._parts, caller, incident_id, arguments.assignee))

    async def resolve(self, request: Request) -> Response:
        caller, incident_id = operator_of(request), request.path_params["id"]
        arguments = await _arguments(request, ResolveArguments)
        return await self._shown(await acting.resolve(self._parts, caller, incident_id, arguments.reason))

    async def add_note(self, request: Request) -> Response:
        caller, incident_id = operator_of(request), request.path_params["id"]
        arguments = await _arguments(request, NoteArguments)
        return await self._shown(await acting.add_note(self._parts, caller, incident_id, arguments.text))

    async def attach_investigation(self, request: Request) -> Response:
        caller, incident_id = operator_of(request), request.path_params["id"]
        arguments = await _arguments(request, InvestigationArguments)
        given = Investigation(**msgspec.structs.asdict(arguments))
        return await self._shown(await acting.attach_investigation(self._parts, caller, incident_id, given))

    async def feed(self, request: Request) -> Any:
        """The feed: a page as JSON, or a stream. A stream without a position begins with what happens from now on."""
        caller = reader_of(request)
        tenant_id = caller.tenant_id
        resume = request.headers.get("last-event-id")
        after = _whole(resume, "Last-Event-ID") if resume is not None else _number(request, "after", None)
        ends = await self._parts.reads.ends(tenant_id)
        check_position(after or 0, ends)
        if "text/event-stream" not in request.headers.get("accept", ""):
            events = await self._parts.followers.page(tenant_id, after or 0, self._limit(request))
            end = events[-1].position if events else after or 0
            body = b'{"events":[%s],"next":%d}' % (b",".join(event.json for event in events), end)
            return Response(body, media_type="application/json")
        # Both before the answer begins: what is refused has a status, and "from now on" is from before it.
        self._parts.followers.check_room()
        events = self._parts.followers.follow(tenant_id, ends.last if after is None else after)
        place = self._parts.streams.open(caller.counted_as)
        return EventStream(frames(events), visit_of(request).ended, place.close)

    async def reconcile(self, request: Request) -> Response:
        """Ask every source that can be asked what fires."""
        caller = known_caller(request).as_platform()
        await _arguments(request, NoArguments)
        found = await self._parts.reconciler.reconcile()
        audit.note(caller, "reconcile")
        return Json(ReconciledSources(found))

    async def rejected_alerts(self, request: Request) -> Response:
        tenant_id, limit = reader_of(request).tenant_id, self._limit(request)
        found = await self._parts.reads.rejected_before(tenant_id, _number(request, "after", END), limit + 1)
        return Json(RejectedPage(found[:limit], found[limit - 1].id if len(found) > limit else None))

    async def sources(self, request: Request) -> Response:
        now = self._parts.clock.now()
        return Json(SourceList(await self._parts.reads.sources.all(reader_of(request).tenant_id, now)))

    async def forget_heartbeat(self, request: Request) -> Response:
        """Watch a heartbeat no more, because its source is gone for good."""
        source, fingerprint = request.path_params["source"], request.path_params["fingerprint"]
        await acting.forget_heartbeat(self._parts, operator_of(request), source, fingerprint)
        return Response(status_code=204)


def _time(text: str, name: str) -> datetime:
    try:
        return msgspec.convert(text, Annotated[datetime, msgspec.Meta(tz=True)]).astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError):
        problem = f"{name} is {text[:40]!r}: a time like 2026-01-31T12:00:00Z is expected"
        raise Refused(problem, name, "RFC 3339") from None


def _first(request: Request, default: int, most: int) -> int:
    first = _number(request, "first", default)
    if not 1 <= first <= most:
        raise Refused(f"first is {first}: a page has 1 to {most}", "first", f"1 to {most}")
    return first


def _number(request: Request, name: str, default: Any) -> Any:
    text = request.query_params.get(name)
    return default if text is None else _whole(text, name)


def _whole(text: str, name: str) -> int:
    if text.isascii() and text.isdigit() and int(text[:20]) < END and len(text) < 20:
        return int(text)
    raise Refused(f"{name} is {text[:40]!r}: a whole number from 0 on is expected", name, "integer")


def _filter(request: Request) -> IncidentFilter:
    statuses: tuple[Status, ...] = ()
    for word in request.query_params.getlist("status"):
        if word == "open":
            statuses += (Status.FIRING, Status.ACKNOWLEDGED)
        else:
            statuses += (_member(Status, word, "status", ["open", *Status]),)
    severities = tuple(
        _member(Severity, word, "severity", list(Severity)) for word in request.query_params.getlist("severity")
    )
    return IncidentFilter(statuses, severities)


def _member(kind: Any, word: str, name: str, known: list[str]) -> Any:
    if word not in known:
        raise Refused(f"{name} is {word[:40]!r}: one of {', '.join(known)} is expected", name, "enum")
    return kind(word)


def _cursor_of(incident: Incident) -> str:
    return base64.urlsafe_b64encode(b"incident:%d" % incident.opened_position).decode()


def _position_of_cursor(cursor: str | None) -> int:
    if cursor is None:
        return END
    try:
        kind, _, position = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().partition(":")
        if kind == "incident":
            return _whole(position, "after")
    except ValueError:
        pass
    raise Refused("after is not a cursor of this list", "after", "cursor")


async def _arguments(request: Request, kind: type[Any]) -> Any:
    """An action's body. Only JSON is read: a form of a foreign page cannot send it without asking first."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused("send application/json", "Content-Type", "application/json")
    taken = bytearray()
    async for chunk in request.stream():
        taken += chunk
        if len(taken) > ACTION_LIMIT:
            raise Refused(f"the body is larger than {ACTION_LIMIT // 1024} KiB", "body", f"maxLength {ACTION_LIMIT}")
    try:
        return msgspec.json.decode(bytes(taken) or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"the body cannot be read: {error}", "body", kind.__name__) from None
