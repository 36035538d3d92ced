"""The Alertmanager API, read: what amtool, karma and Grafana's Alertmanager data source ask for.

Statuses, JSON and the two shapes of errors are those of Alertmanager 0.33 (its api/v2). Lookout shows what fires. It
has one receiver, silences nothing and inhibits nothing, so every alert is `active`. Alerts are taken in `ingest`.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from prometheus_client import Info
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lookout.alerts.matcher import Matcher, MatcherError, Operator, check_length, parse_matcher
from lookout.alerts.text import escaped
from lookout.api.answers import headers_of, status_of
from lookout.api.edge import reader_of
from lookout.api.gettable import RECEIVER, as_stale, gettable_alert, gettable_groups, moment
from lookout.api.parts import Parts
from lookout.errors import LookoutError, Overloaded
from lookout.limits import Limits
from lookout.store.database import PASSING_ERRORS
from lookout.store.reads import FiringAlert

VERSION = "0.33.1"
"""The Alertmanager that this is like: its matchers, its errors, its fields. Clients choose their ways by it."""
READS_LIMIT = 8
"""Lists of alerts that are made at once: each holds all firing alerts of its tenant, some 700 bytes apiece."""
READS_OF_TENANT = READS_LIMIT // 2
"""How many of them are of one tenant where there are several: lists are made whatever another one asks for."""
MATCHERS_LIMIT = 50
"""Matchers of one name in a query. Alertmanager sets no bound but that of the headers, and each is tried on every
firing alert; nobody needs more than one for each label of an alert."""
READY_SECONDS = 2.0

CONFIG = f"route:\n  receiver: {RECEIVER}\nreceivers:\n- name: {RECEIVER}\n"
"""The least that `amtool config routes` can read: there is one place where alerts go."""
NO_SILENCES = ": Lookout keeps no silences; make them in the Alertmanager that notifies"

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
NO_STORE = {"Cache-Control": "no-store"}
_RETRY = {"Retry-After": "1"}
_TRUE = frozenset(("true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"))
_UUID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)

# karma reads the version here before it asks for anything.
BUILD_INFO = Info("alertmanager_build", "The Alertmanager whose API Lookout serves to be read.")
BUILD_INFO.info({"version": VERSION})

_RECEIVER_LABELS = {"name": RECEIVER}
_ENCODER = msgspec.json.Encoder(order="deterministic")

Endpoint = Callable[[Request], Awaitable[Response]]


class AlertmanagerReads:
    """The read side. Every list is of the caller's tenant, of which so many may be made at once."""

    def __init__(self, parts: Parts, of_tenant: int) -> None:
        self._parts = parts
        self._of_tenant = of_tenant
        self._started_at = parts.clock.now()
        self._under_way: Counter[str] = Counter()

    def routes(self) -> list[Route]:
        """All of them, and the answers to what there is not. `POST /api/v2/alerts` has to stand before."""
        return [
            _get("/api/v2/status", self.status),
            _get("/api/v2/receivers", self.receivers),
            _get("/api/v2/alerts", self.alerts, allowed="GET,POST"),
            _get("/api/v2/alerts/groups", self.groups),
            _get("/api/v2/silences", self.silences, instead=NO_SILENCES),
            _get("/api/v2/silence/{id}", _no_silence, instead=NO_SILENCES),
            Route("/api/v2/{path:path}", _not_served, methods=_METHODS),
            Route("/api/v1/{path:path}", _deprecated, methods=_METHODS),
            Route("/-/healthy", _ok, methods=["GET"]),
            Route("/-/ready", self.ready, methods=["GET"]),
        ]

    async def status(self, request: Request) -> Response:
        reader_of(request)
        unknown = dict.fromkeys(("branch", "buildDate", "buildUser", "goVersion", "revision"), "")
        return _answer(
            {
                "cluster": {"peers": [], "status": "disabled"},
                "config": {"original": CONFIG},
                "uptime": moment(self._started_at),
                "versionInfo": {**unknown, "version": VERSION},
            }
        )

    async def receivers(self, request: Request) -> Response:
        reader_of(request)
        fits = _fits(_receiver_matchers(request.query_params, self._parts.limits), _RECEIVER_LABELS)
        return _answer([{"labels": _RECEIVER_LABELS, "name": RECEIVER}] if fits else [])

    async def alerts(self, request: Request) -> Response:
        """The firing alerts, by fingerprint."""
        return await self._list(request, lambda alerts: [gettable_alert(alert) for alert in alerts])

    async def groups(self, request: Request) -> Response:
        """The firing alerts by incident, under its group labels."""
        return await self._list(request, gettable_groups)

    async def _list(self, request: Request, shape: Callable[[list[FiringAlert]], Any]) -> Response:
        tenant_id = reader_of(request).tenant_id
        matchers = _alert_matchers(request.query_params, self._parts.limits)
        if matchers is None:
            return _answer([])

        now = self._parts.clock.now()

        def made(firing: list[FiringAlert], stale: frozenset[str]) -> Response:
            found = [alert for alert in firing if _fits(matchers, alert.labels)]
            return _answer(shape([as_stale(alert, now) if alert.fingerprint in stale else alert for alert in found]))

        with self._place(tenant_id):
            firing = await self._parts.reads.firing_alerts(tenant_id)
            stale = await self._parts.reads.sources.stale_alerts(tenant_id)
            # In a thread: to match and write 20,000 alerts would keep every other request waiting.
            return await asyncio.to_thread(made, firing, stale)

    async def silences(self, request: Request) -> Response:
        reader_of(request)
        _matchers(request.query_params, "filter", self._parts.limits)
        return _answer([])

    async def ready(self, _: Request) -> Response:
        try:
            await asyncio.wait_for(self._parts.reads.is_reachable(), READY_SECONDS)
        except PASSING_ERRORS:
            return PlainTextResponse("the database does not answer", 503)
        return PlainTextResponse("OK")

    @contextmanager
    def _place(self, tenant_id: str) -> Generator[None]:
        if self._under_way[tenant_id] >= self._of_tenant:
            raise Overloaded(f"{self._of_tenant} lists of this tenant's alerts are being made; try again")
        if self._under_way.total() >= READS_LIMIT:
            raise Overloaded(f"{READS_LIMIT} lists of alerts are being made; try again")
        self._under_way[tenant_id] += 1
        try:
            yield
        finally:
            self._under_way[tenant_id] -= 1
            if not self._under_way[tenant_id]:
                del self._under_way[tenant_id]


def framework_error(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """An error as Alertmanager's API framework writes it: an object with `code` and `message`."""
    return _json(_ENCODER.encode({"code": code, "message": escaped(message)}), status, headers)


def own_error(error: LookoutError) -> Response:
    """One of Lookout's own errors, as that framework would write it."""
    status = status_of(error)
    return framework_error(status, status, str(error), headers_of(error))


def handler_error(message: str) -> Response:
    """An error as Alertmanager's handlers write it: a bare JSON string and a line break."""
    return _answer(message, 400)


def _answer(content: Any, status: int = 200) -> Response:
    return _json(_ENCODER.encode(content) + b"\n", status)


def _json(body: bytes, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, {**NO_STORE, **(headers or {})}, media_type="application/json")


def _get(path: str, endpoint: Endpoint, *, allowed: str = "GET", instead: str = "") -> Route:
    """A path that is read. All other methods, HEAD too, are answered as Alertmanager's framework does."""

    async def answer(request: Request) -> Response:
        if request.method != "GET":
            message = f"method {request.method} is not allowed, but [{allowed}] are{instead}"
            return framework_error(405, 405, message, {"Allow": allowed})
        try:
            return await endpoint(request)
        except MatcherError as error:
            return handler_error(escaped(str(error)))
        except LookoutError as error:
            return own_error(error)
        except PASSING_ERRORS:
            return framework_error(503, 503, "the database does not answer; try again", _RETRY)

    return Route(path, answer, methods=_METHODS)


async def _not_served(request: Request) -> Response:
    """What of the Alertmanager API there is not, in its own words."""
    return framework_error(404, 404, f"path {request.url.path} was not found")


async def _deprecated(_: Request) -> Response:
    """Version 1 of the Alertmanager API, which nothing current uses."""
    message = "The Alertmanager v1 API is not served - please use the equivalent route in the v2 API"
    return _answer({"status": "deprecated", "error": message}, 410)


async def _no_silence(request: Request) -> Response:
    silence_id = request.path_params["id"]
    if _UUID.fullmatch(silence_id) is None:
        message = f"silenceID in path must be of type uuid: {msgspec.json.encode(silence_id[:100]).decode()}"
        return framework_error(422, 601, message)
    return Response(status_code=404, headers=NO_STORE)


async def _ok(_: Request) -> Response:
    return PlainTextResponse("OK")


# What is asked for.


def _alert_matchers(query: QueryParams, limits: Limits) -> Sequence[Matcher] | None:
    """What the labels have to be, None if no alert can be meant. Raises `MatcherError`, in Alertmanager's order."""
    matchers = _matchers(query, "filter", limits)
    receiver = _receiver_filter(query, limits)
    receiver_matchers = _receiver_matchers(query, limits)
    if not _flag(query, "active") or not _fits([*receiver, *receiver_matchers], _RECEIVER_LABELS):
        return None
    return matchers


def _matchers(query: QueryParams, name: str, limits: Limits) -> list[Matcher]:
    texts = query.getlist(name)
    if len(texts) > MATCHERS_LIMIT:
        raise MatcherError(f"there are {len(texts)} of {name}: at most {MATCHERS_LIMIT} are taken")
    return [parse_matcher(text, limits) for text in texts]


def _receiver_filter(query: QueryParams, limits: Limits) -> list[Matcher]:
    if not (pattern := query.get("receiver")):
        return []
    try:
        matcher = Matcher("name", Operator.MATCHES, pattern)
        check_length(matcher, limits)
        return [matcher]
    except MatcherError as error:
        raise MatcherError(f"failed to parse receiver param: {error}") from None


def _receiver_matchers(query: QueryParams, limits: Limits) -> list[Matcher]:
    try:
        return _matchers(query, "receiver_matchers", limits)
    except MatcherError as error:
        raise MatcherError(f"failed to parse receiver_matchers param: {error}") from None


def _flag(query: QueryParams, name: str) -> bool:
    """A flag that is true unless something else is said; what is no word for true is false, as in Alertmanager."""
    return (query.get(name) or "true").lower() in _TRUE


def _fits(matchers: Sequence[Matcher], labels: dict[str, str]) -> bool:
    return all(matcher.matches(labels) for matcher in matchers)
