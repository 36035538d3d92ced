"""The server as the commands see it: typed answers, and one kind of error whose text says what to do."""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote

import httpx
import msgspec
from httpx_sse import EventSource, ServerSentEvent, SSEError

from lookout.alerts.alert import AlertStatus
from lookout.alerts.severity import Severity
from lookout.alerts.text import one_line
from lookout.cli.reading import Heard, read_event
from lookout.errors import LookoutError
from lookout.incidents.actions import NAME_LIMIT
from lookout.incidents.incident import IncidentView
from lookout.incidents.related import Related

T = TypeVar("T")

ERROR_LIMIT = 500
ANSWER_SECONDS = 30.0
RECONCILE_SECONDS = 180.0
PAGE = 500
SILENCE_SECONDS = 45.0
"""The feed sends a heartbeat every 15 s: after three without one the connection is dead."""

_LONE = re.compile("[\ud800-\udfff]")
"""Lone surrogates: bytes of an argument that are no text (PEP 383). JSON has no place for them."""


class ServerError(LookoutError):
    """The server refused, or did not answer. `may_pass` says that trying again later makes sense."""

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class NotKept(ServerError):
    """What is asked for is not kept any more. The log begins at `first_position`."""

    def __init__(self, message: str, first_position: int) -> None:
        super().__init__(message)
        self.first_position = first_position


class IncidentPage(msgspec.Struct, frozen=True):
    """Incidents, newest first. `position` is the last event's at the time of reading; `next` None ends the list."""

    incidents: list[IncidentView]
    position: int
    next: str | None = None


class AlertView(msgspec.Struct, frozen=True):
    """An alert of an incident, as `/v1/incidents/{id}/alerts` shows it."""

    fingerprint: str
    status: AlertStatus
    severity: Severity
    starts_at: datetime
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    ends_at: datetime | None = None
    generator_url: str = ""
    sources: Sequence[str] = ()
    last_received_at: datetime | None = None
    links: Mapping[str, str] = {}
    values: Mapping[str, float] = {}
    stale: bool = False


class RelatedList(msgspec.Struct, frozen=True):
    """What may have to do with an incident, the best first."""

    related: list[Related]


class AlertPage(msgspec.Struct, frozen=True):
    alerts: list[AlertView]
    next: str | None = None


class PresentGrouping(msgspec.Struct, frozen=True):
    """What the present policy does with the alerts that opened an incident."""

    policy_version: str
    rule: str
    dedup_key: str
    same_group: bool


class GroupedAlert(msgspec.Struct, frozen=True):
    """An alert of an incident with the last decision about it; `rule` and `same_group` are by the present policy."""

    fingerprint: str
    labels: Mapping[str, str]
    reason: str
    decided_at: datetime
    rule: str
    same_group: bool


class Grouping(msgspec.Struct, frozen=True):
    """Why the alerts of an incident are together, as `/v1/incidents/{id}/grouping` tells it."""

    incident_id: str
    rule: str
    policy_version: str
    dedup_key: str
    labels: Mapping[str, str]
    alerts: list[GroupedAlert]
    present: PresentGrouping | None = None
    next: str | None = None


class InvestigationView(msgspec.Struct, frozen=True):
    """An investigation of an incident, as `/v1/incidents/{id}/investigations` shows it."""

    report_id: str
    investigator: str
    summary: str
    attached_at: datetime
    attached_by: str
    position: int
    root_cause: str = ""
    recommendations: Sequence[str] = ()
    confidence: float | None = None
    link: str = ""


class InvestigationPage(msgspec.Struct, frozen=True):
    """Investigations, the oldest first. `next` is the position to go on after, None at the end."""

    investigations: list[InvestigationView]
    next: int | None = None


class EventPage(msgspec.Struct, frozen=True):
    """Events of one incident, oldest first. `next` is the position to go on after, None at the end."""

    events: list[Heard]
    next: int | None = None


class HeartbeatView(msgspec.Struct, frozen=True):
    """A source's sign of life. `silent_since` is None while it is heard."""

    fingerprint: str
    labels: Mapping[str, str]
    last_received_at: datetime
    due_at: datetime
    silent_since: datetime | None = None


class SourceView(msgspec.Struct, frozen=True):
    """A source that has sent something; the numbers are of the last 24 hours."""

    source: str
    last_received_at: datetime | None
    alerts: int
    rejected: int
    heartbeats: Sequence[HeartbeatView] = ()


class SourceList(msgspec.Struct, frozen=True):
    sources: list[SourceView]


class Receipt(msgspec.Struct, frozen=True):
    """What became of one alert of a webhook: `outcome` is "recorded" or "silent"."""

    fingerprint: str
    outcome: str
    reason: str
    incident_id: str | None = None


class Refusal(msgspec.Struct, frozen=True):
    index: int
    reason: str


class Receipts(msgspec.Struct, frozen=True):
    receipts: list[Receipt]
    rejected: list[Refusal] = []


class AskedAddress(msgspec.Struct, frozen=True):
    """One address at which a source was asked: how many alerts fire there, or why its answer does not count."""

    url: str
    firing: int | None = None
    problem: str | None = None


class Finding(msgspec.Struct, frozen=True):
    """An alert that differed from what its source says, and what became of it."""

    fingerprint: str
    name: str
    is_firing: bool
    reason: str
    incident_id: str | None = None


class Reconciled(msgspec.Struct, frozen=True):
    """What came of asking one source: how many alerts began and ended by it, and the first of them."""

    source: str
    addresses: list[AskedAddress]
    began: int
    ended: int
    alerts: list[Finding]


class _ReconciledSources(msgspec.Struct, frozen=True):
    sources: list[Reconciled]


class _RawEventPage(msgspec.Struct, frozen=True):
    events: list[msgspec.Raw]
    next: int | None = None


class _Problem(msgspec.Struct, frozen=True):
    error: str
    first_position: int | None = None


class Client:
    """Talks to one server. Every method raises `ServerError` if it does not do what was asked."""

    def __init__(self, url: str, user: str = "", transport: httpx.BaseTransport | None = None, token: str = "") -> None:
        self.url = url if "://" in url else f"http://{url}"
        headers = {b"X-User-ID": one_line(user, NAME_LIMIT).encode()} if user else {}
        if token:
            headers[b"Authorization"] = b"Bearer " + token.encode()
        try:
            base = httpx.URL(self.url)
            self._http = httpx.Client(
                base_url=base,
                headers=headers,
                timeout=ANSWER_SECONDS,
                transport=transport,
                trust_env=base.host not in ("127.0.0.1", "::1", "localhost"),  # no proxy leads back to this machine
            )
        except httpx.InvalidURL as error:
            raise ServerError(f"{one_line(url, 80)!r} is not a URL: {error}") from None

    def incidents(
        self, status: str = "", severity: str = "", first: int = 50, after: str = "", as_of: str = ""
    ) -> IncidentPage:
        """A page of incidents. `status` is "open" or one of the three; empty arguments do not narrow."""
        query = {"status": status, "severity": severity, "first": str(first), "after": after, "as_of": as_of}
        return self._get("/v1/incidents", query, IncidentPage)

    def every_incident(
        self, status: str = "", severity: str = "", first: int = PAGE, as_of: str = ""
    ) -> Iterator[IncidentView]:
        """All incidents, page by page; the first page has at most `first`. `as_of`: as they were at a time."""
        page = self.incidents(status, severity, first, as_of=as_of)
        yield from page.incidents
        while page.next:
            page = self.incidents(status, severity, first, page.next, as_of)
            yield from page.incidents

    def position(self) -> int:
        """The position of the last event."""
        return self.incidents(first=1).position

    def incident(self, incident_id: str) -> IncidentView:
        return self._get(f"/v1/incidents/{incident_id}", {}, IncidentView)

    def stats(self, query: Mapping[str, str], answer: type[T]) -> tuple[T, str]:
        """Figures of a time, and the same as the server's own JSON."""
        raw = self._get("/v1/stats", query, msgspec.Raw)
        try:
            return msgspec.json.decode(raw, type=answer), bytes(raw).decode()
        except msgspec.MsgspecError as error:
            raise ServerError(f"{self.url} does not answer as Lookout does: {error}") from None

    def related(self, incident_id: str, first: int) -> list[Related]:
        return self._get(f"/v1/incidents/{incident_id}/related", {"first": str(first)}, RelatedList).related

    def alerts(self, incident_id: str, first: int = 100, after: str = "") -> AlertPage:
        query = {"first": str(first), "after": after}
        return self._get(f"/v1/incidents/{incident_id}/alerts", query, AlertPage)

    def every_alert(self, incident_id: str) -> Iterator[AlertView]:
        """All alerts of an incident, page by page."""
        page = self.alerts(incident_id, first=PAGE)
        yield from page.alerts
        while page.next:
            page = self.alerts(incident_id, first=PAGE, after=page.next)
            yield from page.alerts

    def investigations(self, incident_id: str, first: int = PAGE, after: int = 0) -> InvestigationPage:
        query = {"first": str(first), "after": str(after)}
        return self._get(f"/v1/incidents/{incident_id}/investigations", query, InvestigationPage)

    def every_investigation(self, incident_id: str) -> Iterator[InvestigationView]:
        """All investigations of an incident, page by page."""
        page = self.investigations(incident_id)
        yield from page.investigations
        while page.next is not None:
            page = self.investigations(incident_id, after=page.next)
            yield from page.investigations

    def events(self, incident_id: str, first: int = PAGE, after: int = 0) -> EventPage:
        query = {"first": str(first), "after": str(after)}
        page = self._get(f"/v1/incidents/{incident_id}/events", query, _RawEventPage)
        return EventPage([read_event(bytes(raw)) for raw in page.events], page.next)

    def every_event(self, incident_id: str) -> Iterator[Heard]:
        """All events of an incident, page by page."""
        page = self.events(incident_id)
        yield from page.events
        while page.next is not None:
            page = self.events(incident_id, after=page.next)
            yield from page.events

    def sources(self) -> list[SourceView]:
        """What has sent something, by name."""
        return self._get("/v1/sources", {}, SourceList).sources

    def forget_heartbeat(self, source: str, fingerprint: str) -> None:
        """Watch a heartbeat no more, because its source is gone for good."""
        path = f"/v1/sources/{quote(source, safe='')}/heartbeats/{quote(fingerprint, safe='')}"
        with self._telling():
            response = self._http.delete(path)
        if not response.is_success:
            raise self._refusal(response)

    def grouping(self, incident_id: str, first: int = PAGE, after: str = "") -> Grouping:
        query = {"first": str(first), "after": after}
        return self._get(f"/v1/incidents/{incident_id}/grouping", query, Grouping)

    def whole_grouping(self, incident_id: str) -> Grouping:
        """The grouping with all alerts, page by page."""
        whole = page = self.grouping(incident_id)
        while page.next:
            page = self.grouping(incident_id, after=page.next)
            whole.alerts.extend(page.alerts)
        return msgspec.structs.replace(whole, next=None)

    def acknowledge(self, incident_id: str) -> IncidentView:
        return self._act(incident_id, "acknowledge", {})

    def assign(self, incident_id: str, assignee: str | None) -> IncidentView:
        """Give it to `assignee`; None takes it from whoever had it."""
        return self._act(incident_id, "assign", {"assignee": assignee})

    def resolve(self, incident_id: str, reason: str) -> IncidentView:
        return self._act(incident_id, "resolve", {"reason": reason})

    def note(self, incident_id: str, text: str) -> IncidentView:
        return self._act(incident_id, "notes", {"text": text})

    def attach(self, incident_id: str, report: Mapping[str, str | float]) -> IncidentView:
        """Attach an investigation; the first of its `report_id` stands."""
        return self._act(incident_id, "investigations", report)

    def reconcile(self) -> list[Reconciled]:
        """Have every source asked what fires, which takes as long as the slowest of them."""
        answer = self._post("/v1/reconcile", {}, RECONCILE_SECONDS)
        return self._decode(answer, _ReconciledSources).sources

    def post_alerts(self, alerts: object) -> None:
        """Send an array of alerts as Prometheus does."""
        self._post("/api/v2/alerts", alerts)

    def post_webhook(self, message: object) -> Receipts:
        """Send a message as Alertmanager's webhook does."""
        return self._decode(self._post("/v1/alertmanager", message), Receipts)

    @contextmanager
    def feed(self, after: int) -> Generator[Iterator[ServerSentEvent]]:
        """The events after `after`, as they come. The connection's failures are `ServerError`s that may pass."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store", "Last-Event-ID": str(after)}
        timeout = httpx.Timeout(ANSWER_SECONDS, read=SILENCE_SECONDS)
        with (
            self._telling(),
            self._http.stream("GET", "/v1/feed", headers=headers, timeout=timeout) as response,
        ):
            if not response.is_success:
                response.read()
                raise self._refusal(response)
            yield EventSource(response).iter_sse()

    def _act(self, incident_id: str, action: str, body: Mapping[str, str | float | None]) -> IncidentView:
        sent = {
            name: _LONE.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value
            for name, value in body.items()
        }
        return self._decode(self._post(f"/v1/incidents/{incident_id}/{action}", sent), IncidentView)

    def _get(self, path: str, query: Mapping[str, str], answer: type[T]) -> T:
        params = {name: value for name, value in query.items() if value}
        with self._telling():
            response = self._http.get(path, params=params)
        return self._decode(response, answer)

    def _post(self, path: str, body: object, seconds: float = ANSWER_SECONDS) -> httpx.Response:
        content = msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"}
        with self._telling():
            response = self._http.post(path, content=content, headers=headers, timeout=seconds)
        if not response.is_success:
            raise self._refusal(response)
        return response

    def _decode(self, response: httpx.Response, answer: type[T]) -> T:
        if not response.is_success:
            raise self._refusal(response)
        try:
            return msgspec.json.decode(response.content, type=answer)
        except msgspec.MsgspecError as error:
            raise ServerError(f"{self.url} does not answer as Lookout does: {error}") from None

    def _refusal(self, response: httpx.Response) -> ServerError:
        """The server's own words where it has some."""
        try:
            problem = msgspec.json.decode(response.content, type=_Problem)
        except msgspec.MsgspecError:
            problem = _Problem(
                f"{self.url} answered {response.status_code} to {response.request.url.path}: is it Lookout?"
            )
        message = one_line(problem.error, ERROR_LIMIT)
        if problem.first_position is not None:
            return NotKept(message, problem.first_position)
        return ServerError(message, may_pass=response.is_server_error)

    @contextmanager
    def _telling(self) -> Generator[None]:
        """Failures of the connection as sentences."""
        try:
            yield
        except httpx.UnsupportedProtocol:
            raise ServerError(f"{self.url} is not a URL of a web server: it begins with http:// or https://") from None
        except SSEError as error:
            raise ServerError(f"{self.url} does not answer as Lookout does: {error}") from None
        except httpx.ConnectError:
            message = f"no Lookout answers at {self.url}: start one with `lookout serve`, or say where it is with --url"
            raise ServerError(message, may_pass=True) from None
        except httpx.TimeoutException:
            raise ServerError(f"{self.url} did not answer in time", may_pass=True) from None
        except (httpx.RequestError, httpx.StreamError) as error:
            raise ServerError(f"the connection to {self.url} broke: {error}", may_pass=True) from None
