"""A Lookout without sockets or database: the real core behind the HTTP paths that the commands use.

It answers httpx through a transport, its clock goes only where a test moves it, and its streams break where told.
"""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from tests.unit.cli.samples import NOW

from lookout.alerts.severity import severity_of
from lookout.cli import main
from lookout.cli.client import AlertView, GroupedAlert, Grouping, InvestigationView, PresentGrouping
from lookout.cli.outside import Outside
from lookout.incidents.actions import Acknowledge, Action, AddNote, Assign, AttachInvestigation, Resolve
from lookout.incidents.events import SCHEMA_VERSION, FeedEvent, Record
from lookout.incidents.grouping import group_of
from lookout.incidents.incident import Incident
from lookout.incidents.investigation import Investigation
from lookout.incidents.ledger import AlertState, Ledger
from lookout.incidents.policy import Policy
from lookout.incidents.related import Compared, Related, related
from lookout.sources import alertmanager, prometheus

STREAM = {"Content-Type": "text/event-stream"}

Answer = Callable[[httpx.Request], httpx.Response]


class Lookout(httpx.BaseTransport):
    """One server. `streams` are the feed's next connections: how each ends; without any left it is Ctrl-C's turn."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.now = NOW
        self.today = self.policy = policy or Policy()
        """What grouped, and what would now."""
        numbers = itertools.count(1)
        self.ledger = Ledger("default", 0, self.policy, lambda: f"01977e4e-0000-7000-8000-0000{next(numbers):08x}")
        self.requests: list[httpx.Request] = []
        self.waits: list[timedelta] = []
        self.streams: list[Exception | None] = []
        self.answers: list[Answer | None] = []
        self.page = 2
        self.page_of_alerts = 500

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else None
        return (answer or self._answer)(request)

    def wait(self, delay: timedelta) -> None:
        self.waits.append(delay)
        self.now += delay
        self.ledger.tell(self.now)

    def fires(self, *instances: str, name: str = "TargetDown", severity: str = "critical", **labels: str) -> None:
        """Prometheus sends alerts, one for each instance."""
        told = {"alertname": name, "severity": severity, "job": "ingest"} | labels
        ends_at = (self.now + timedelta(minutes=4)).isoformat()
        alerts = [{"labels": told | {"instance": instance}, "endsAt": ends_at} for instance in instances]
        self.ledger.take(prometheus.parse(msgspec.json.encode(alerts), self.now).alerts, self.now)

    def investigates(self, incident_id: str, report_id: str = "r1", **found: Any) -> None:
        """Skipper attaches a report."""
        told = {"report_id": report_id, "investigator": "skipper", "summary": "the disk is full", **found}
        action = AttachInvestigation("skipper", msgspec.convert(told, Investigation))
        self.ledger.act(incident_id, action, self.now)

    def events(self) -> list[FeedEvent]:
        return [_feed_event(record) for record in self.ledger.records]

    def incidents(self) -> list[Incident]:
        """The newest first."""
        return sorted(self.ledger.by_id.values(), key=lambda incident: -incident.opened_position)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.strip("/").split("/")
        return self._read(path, request) if request.method == "GET" else self._write(path, request)

    def _read(self, path: list[str], request: httpx.Request) -> httpx.Response:
        match path:
            case ["v1", "incidents"]:
                return self._list(request.url.params)
            case ["v1", "incidents", incident_id, *of]:
                return self._one(incident_id, of, request.url.params)
            case ["v1", "feed"]:
                stream = self._stream(int(request.headers["Last-Event-ID"]))
                return httpx.Response(200, headers=STREAM, stream=stream)
            case _:
                return _json({"error": "no such path"}, 404)

    def _write(self, path: list[str], request: httpx.Request) -> httpx.Response:
        match path:
            case ["v1", "incidents", incident_id, verb]:
                return self._act(incident_id, verb, request)
            case ["api", "v2", "alerts"]:
                self.ledger.take(prometheus.parse(request.content, self.now).alerts, self.now)
                return httpx.Response(200)
            case ["v1", "alertmanager"]:
                self.ledger.take(alertmanager.parse(request.content, self.now).alerts, self.now)
                return _json({"receipts": [], "rejected": []})
            case _:
                return _json({"error": "no such path"}, 404)

    def _list(self, params: httpx.QueryParams) -> httpx.Response:
        status, severity = params.get("status"), params.get("severity")
        found = [
            incident
            for incident in self.incidents()
            if status in (None, incident.status) or (status == "open" and incident.is_open)
            if severity in (None, incident.severity)
        ]
        start, page = int(params.get("after", 0)), min(int(params["first"]), self.page)
        following = str(start + page) if len(found) > start + page else None
        listed = found[start : start + page]
        return _json({"incidents": listed, "next": following, "position": self.ledger.last_position})

    def _one(self, incident_id: str, of: list[str], params: httpx.QueryParams) -> httpx.Response:
        incident = self.ledger.by_id.get(incident_id)
        if incident is None:
            return _json({"error": f"there is no incident '{incident_id}'"}, 404)
        match of:
            case ["alerts"]:
                return _json(
                    {"alerts": [_view(it) for it in self.ledger.alerts.values() if it.incident_id == incident_id]}
                )
            case ["grouping"]:
                return _json(self._grouping(incident, params))
            case ["investigations"]:
                after = int(params["after"])
                found = [view for view in self._investigations(incident_id) if view.position > after]
                return _json({"investigations": found[:2], "next": found[1].position if len(found) > 2 else None})
            case ["events"]:
                after = int(params["after"])
                told = [event for event in self.events() if event.incident.id == incident_id and event.position > after]
                return _json({"events": told[:2], "next": told[1].position if len(told) > 2 else None})
            case ["related"]:
                answer: object = {"related": self._related(incident, int(params["first"]))}
            case _:
                answer = incident
        return _json(answer)

    def _related(self, incident: Incident, first: int) -> list[Related]:
        others = [Compared(other, other.labels) for other in self.incidents() if other is not incident]
        return related(Compared(incident, incident.labels), others, first)

    def _grouping(self, incident: Incident, params: httpx.QueryParams) -> Grouping:
        states = [it for it in self.ledger.alerts.values() if it.incident_id == incident.id]
        states.sort(key=lambda state: state.fingerprint)
        alerts = [self._grouped(state, incident) for state in states]
        start, page = int(params.get("after", 0)), min(int(params["first"]), self.page_of_alerts)
        following = str(start + page) if len(alerts) > start + page else None
        first = group_of(states[0].alert.label_set, self.today) if states else None
        present = first and PresentGrouping(
            self.today.version, first.rule_name, first.dedup_key, first.dedup_key == incident.dedup_key
        )
        listed = alerts[start : start + page]
        return Grouping(
            incident.id,
            incident.rule,
            incident.policy_version,
            incident.dedup_key,
            incident.labels,
            listed,
            present,
            following,
        )

    def _grouped(self, state: AlertState, incident: Incident) -> GroupedAlert:
        group = group_of(state.alert.label_set, self.today)
        is_same = group.dedup_key == incident.dedup_key
        return GroupedAlert(state.fingerprint, state.alert.labels, "opened", self.now, group.rule_name, is_same)

    def _investigations(self, incident_id: str) -> list[InvestigationView]:
        return [
            InvestigationView(
                **msgspec.structs.asdict(record.investigation),
                attached_at=record.event.recorded_at,
                attached_by="skipper",
                position=record.event.position,
            )
            for record in self.ledger.records
            if record.investigation is not None and record.incident.id == incident_id
        ]

    def _act(self, incident_id: str, verb: str, request: httpx.Request) -> httpx.Response:
        body: dict[str, Any] = msgspec.json.decode(request.content)
        by = request.headers["X-User-ID"]
        actions: dict[str, Callable[[], Action]] = {
            "acknowledge": lambda: Acknowledge(by),
            "assign": lambda: Assign(by, body["assignee"]),
            "resolve": lambda: Resolve(by, body["reason"]),
            "notes": lambda: AddNote(by, body["text"]),
            "investigations": lambda: AttachInvestigation(
                by, msgspec.convert({"investigator": by, **body}, Investigation)
            ),
        }
        if incident_id not in self.ledger.by_id:
            return _json({"error": f"there is no incident '{incident_id}'"}, 404)
        return _json(self.ledger.act(incident_id, actions[verb](), self.now)[0])

    def _stream(self, after: int) -> "Stream":
        ending = self.streams.pop(0) if self.streams else KeyboardInterrupt()
        told = [frame(event) for event in self.events() if event.position > after]
        return Stream([": still here\n\n", *told], ending)


class Stream(httpx.SyncByteStream):
    """Server-sent events, and how it ends: None politely."""

    def __init__(self, parts: list[str], ending: BaseException | None = None) -> None:
        self._parts = parts
        self._ending = ending

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            yield part.encode()
        if self._ending is not None:
            raise self._ending


def frame(event: FeedEvent) -> str:
    """An event as it stands in the stream."""
    return f"id: {event.position}\nevent: {event.event_type}\ndata: {msgspec.json.encode(event).decode()}\n\n"


def broken() -> httpx.ReadError:
    """A connection that breaks."""
    return httpx.ReadError("reset by peer")


def busy(_: httpx.Request) -> httpx.Response:
    """There is too much to do."""
    return httpx.Response(503, json={"error": "busy"}, headers={"Retry-After": "1"})


def refused(_: httpx.Request) -> httpx.Response:
    """Nobody listens."""
    raise httpx.ConnectError("connection refused")


def run(lookout: Lookout, *arguments: str, environ: dict[str, str] | None = None) -> int:
    """Run `lookout ARGUMENTS` as jo, at the server's time, in UTC. Returns the exit code."""
    outside = Outside(lookout, lookout.wait, lambda: lookout.now, UTC, environ or {}, lambda: "jo")
    with pytest.raises(SystemExit) as stopped:
        main(arguments, outside)
    return stopped.value.code if isinstance(stopped.value.code, int) else 0


def _json(value: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=msgspec.json.encode(value), headers={"Content-Type": "application/json"})


def _feed_event(record: Record) -> FeedEvent:
    event = record.event
    return FeedEvent(
        SCHEMA_VERSION,
        event.event_id,
        event.event_type,
        event.tenant_id,
        event.position,
        event.occurred_at,
        event.recorded_at,
        record.incident,
        event.change,
    )


def _view(state: AlertState) -> AlertView:
    return AlertView(
        state.fingerprint,
        state.status,
        severity_of(state.alert.labels),
        state.starts_at,
        state.alert.labels,
        state.alert.annotations,
        state.ends_at,
    )
