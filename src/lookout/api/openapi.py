"""The OpenAPI document: a table of operations over the types that the handlers use, assembled by msgspec."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lookout import __version__
from lookout.alerts.severity import Severity
from lookout.api.answers import GoneView
from lookout.api.events import EventAccepted, EventRefused
from lookout.api.grouping import Grouping
from lookout.api.health import Health
from lookout.api.ingest import INGEST_PATHS, DeliveryView
from lookout.api.periods import BucketSize
from lookout.api.rest import (
    PAGE_DEFAULT,
    AlertPage,
    AssignArguments,
    EventPage,
    IncidentPage,
    InvestigationArguments,
    InvestigationPage,
    NoArguments,
    NoteArguments,
    ReconciledSources,
    RejectedPage,
    RelatedList,
    ResolveArguments,
    SourceList,
    StatsView,
)
from lookout.incidents.events import FeedEvent
from lookout.incidents.incident import IncidentView, Status
from lookout.limits import USUAL

JSON_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class PostableAlert(msgspec.Struct):
    """An alert as Prometheus sends it: a lease until `endsAt`; one whose `endsAt` has passed is resolved."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: str = ""  # noqa: N815
    endsAt: str = ""  # noqa: N815
    generatorURL: str = ""  # noqa: N815


class WebhookAlert(PostableAlert, kw_only=True):
    """An alert of a webhook message. `endsAt` of a firing one is the year 1."""

    status: str
    fingerprint: str = ""


class WebhookMessage(msgspec.Struct):
    """Alertmanager's webhook payload, as far as it is read."""

    version: str
    alerts: list[WebhookAlert]


class GrafanaAlert(WebhookAlert, kw_only=True):
    """An alert of a message of Grafana. `values` are numbers by the reference of their query, or null."""

    values: dict[str, float] | None = None
    valueString: str = ""  # noqa: N815
    ruleUID: str = ""  # noqa: N815
    dashboardURL: str = ""  # noqa: N815
    panelURL: str = ""  # noqa: N815
    silenceURL: str = ""  # noqa: N815
    imageURL: str = ""  # noqa: N815


class GrafanaMessage(msgspec.Struct):
    """The payload of Grafana's webhook contact point, as far as it is read."""

    version: str
    alerts: list[GrafanaAlert]


class EventLink(msgspec.Struct):
    href: str
    text: str = ""


class EventImage(msgspec.Struct):
    src: str
    alt: str = ""


class EventPayload(msgspec.Struct):
    """What happened. Any word is a severity; what is none of critical, error, warning and info is mapped."""

    summary: str
    source: str
    severity: str
    timestamp: str = ""
    component: str = ""
    group: str = ""
    class_: str = msgspec.field(default="", name="class")
    custom_details: dict[str, Any] = {}


class EventToTake(msgspec.Struct):
    """An event as PagerDuty's Events API v2 has it: a trigger needs a payload, all else a `dedup_key`."""

    routing_key: str
    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: Annotated[str, msgspec.Meta(max_length=255)] = ""
    payload: EventPayload | None = None
    client: str = ""
    client_url: str = ""
    links: list[EventLink] = []
    images: list[EventImage] = []


class Error(msgspec.Struct):
    """What went wrong, for a person to read."""

    error: str


class FrameworkError(msgspec.Struct):
    """An error of the Alertmanager API: the body is refused whole."""

    code: int
    message: str


class Operation(msgspec.Struct, frozen=True):
    """One row of the table: what can be asked, what is sent, what comes back. `answers` are types by status."""

    method: str
    path: str
    name: str
    summary: str
    answers: Mapping[int, Any]
    sends: Any = None
    query: Sequence[tuple[str, Mapping[str, Any], str]] = ()


_FIRST = (
    "first",
    {"type": "integer", "minimum": 1, "maximum": USUAL.page, "default": PAGE_DEFAULT},
    "How many at most; the server may be set to allow more.",
)
_POSITION = {"type": "integer", "minimum": 0, "maximum": 2**62 - 1}
_REFUSED: Mapping[int, Any] = {400: Error}
_OF_ONE: Mapping[int, Any] = {400: Error, 404: Error}
_EVENT: Mapping[int, Any] = {202: EventAccepted, 400: EventRefused, 415: EventRefused, 503: Error}
_ACTION: Mapping[int, Any] = {200: IncidentView, 400: Error, 404: Error, 503: Error}

OPERATIONS: Sequence[Operation] = (
    Operation(
        "post", "/api/v2/alerts", "postAlerts", "Take alerts, as Alertmanager does.",
        {200: None, 400: str | FrameworkError, 413: FrameworkError, 415: FrameworkError, 422: FrameworkError,
         503: FrameworkError},
        list[PostableAlert] | None,
    ),
    Operation(
        "post", "/v1/alertmanager", "postAlertmanager", "Take a webhook message of Alertmanager, version 4.",
        {200: DeliveryView, 400: Error, 413: Error, 415: Error, 503: Error}, WebhookMessage,
    ),
    Operation(
        "post", "/v1/grafana", "postGrafana", "Take a message of Grafana's webhook contact point.",
        {200: DeliveryView, 400: Error, 401: Error, 413: Error, 415: Error, 503: Error}, GrafanaMessage,
    ),
    Operation(
        "post", "/v1/events", "postEvent", "Take one event, as PagerDuty's Events API v2 does.", _EVENT, EventToTake
    ),
    Operation("post", "/v2/enqueue", "enqueueEvent", "The same under PagerDuty's own path.", _EVENT, EventToTake),
    Operation(
        "get", "/v1/incidents", "listIncidents", "Incidents, the newest first.",
        {200: IncidentPage, **_REFUSED, 410: GoneView},
        query=(
            ("status", {"type": "array", "items": {"type": "string", "enum": ["open", *Status]}}, "Any of these."),
            ("severity", {"type": "array", "items": {"type": "string", "enum": list(Severity)}}, "Any of these."),
            ("as_of", {"type": "string", "format": "date-time"}, "The list as it was at this time."),
            _FIRST,
            ("after", {"type": "string"}, "The `next` of the page before."),
        ),
    ),
    Operation("get", "/v1/incidents/{id}", "getIncident", "One incident.", {200: IncidentView, 404: Error}),
    Operation(
        "get", "/v1/incidents/{id}/alerts", "listAlerts", "The alerts of an incident, by fingerprint.",
        {200: AlertPage, **_OF_ONE}, query=(_FIRST, ("after", {"type": "string"}, "The `next` of the page before.")),
    ),
    Operation(
        "get", "/v1/incidents/{id}/events", "listEvents", "The events of an incident, in order.",
        {200: EventPage, **_OF_ONE}, query=(_FIRST, ("after", _POSITION, "Events after this position.")),
    ),
    Operation(
        "get", "/v1/incidents/{id}/related", "listRelated",
        "Incidents that started within 10 minutes of it and share label values, the best first.",
        {200: RelatedList, **_OF_ONE},
        query=(("first", {"type": "integer", "minimum": 1, "maximum": 50, "default": 10}, "How many at most."),),
    ),
    Operation(
        "get", "/v1/incidents/{id}/grouping", "getGrouping",
        "Why its alerts are one incident, and what was last decided about each.", {200: Grouping, **_OF_ONE},
        query=(_FIRST, ("after", {"type": "string"}, "The `next` of the page before.")),
    ),
    Operation(
        "post", "/v1/incidents/{id}/acknowledge", "acknowledgeIncident", "Somebody works on it.",
        {**_ACTION, 409: Error}, NoArguments,
    ),
    Operation(
        "post", "/v1/incidents/{id}/assign", "assignIncident", "Give it to somebody, or with null to nobody.", _ACTION,
        AssignArguments,
    ),
    Operation(
        "post", "/v1/incidents/{id}/resolve", "resolveIncident",
        "Resolve it, for good as far as its present alerts go.", _ACTION, ResolveArguments,
    ),
    Operation(
        "post", "/v1/incidents/{id}/notes", "addIncidentNote", "Add a note to the timeline.", _ACTION, NoteArguments
    ),
    Operation(
        "get", "/v1/stats", "readStats", "Figures of a time, by default of the last 24 hours.",
        {200: StatsView, **_REFUSED},
        query=(
            ("start", {"type": "string", "format": "date-time"}, "Its first moment."),
            ("end", {"type": "string", "format": "date-time"}, "The first moment after it; at most 750 days later."),
            ("bucket", {"type": "string", "enum": list(BucketSize)}, "By the hour or by the day, in UTC."),
        ),
    ),
    Operation(
        "get", "/v1/incidents/{id}/investigations", "listInvestigations", "What was found out, the oldest first.",
        {200: InvestigationPage, **_OF_ONE},
        query=(_FIRST, ("after", _POSITION, "Those attached after this position.")),
    ),
    Operation(
        "post", "/v1/incidents/{id}/investigations", "attachInvestigation",
        "Attach what was found out. The first of a report id stands; again is the same.", {**_ACTION, 409: Error},
        InvestigationArguments,
    ),
    Operation(
        "get", "/v1/feed", "readFeed",
        "The feed after a position: Server-Sent Events where `text/event-stream` is accepted, else a page of JSON.",
        {200: EventPage, 400: Error, 409: Error, 410: GoneView, 503: Error},
        query=(("after", _POSITION, "Events after this position; a stream without one begins now."), _FIRST),
    ),
    Operation(
        "post", "/v1/reconcile", "reconcile", "Ask every source that can be asked what fires, and reconcile with that.",
        {200: ReconciledSources, 400: Error, 409: Error, 503: Error}, NoArguments,
    ),
    Operation(
        "get", "/v1/rejected-alerts", "listRejectedAlerts", "What was refused, the newest first.",
        {200: RejectedPage, **_REFUSED}, query=(_FIRST, ("after", _POSITION, "The `next` of the page before.")),
    ),
    Operation(
        "get", "/v1/sources", "listSources", "What has sent something, when, and whether it is still heard.",
        {200: SourceList},
    ),
    Operation(
        "delete", "/v1/sources/{source}/heartbeats/{fingerprint}", "forgetHeartbeat",
        "Watch a heartbeat no more, because its source is gone for good.", {204: None, 404: Error, 503: Error},
    ),
    Operation("get", "/health", "health", "How Lookout is.", {200: Health, 503: Health}),
    Operation("get", "/ready", "ready", "Whether it can take alerts.", {200: dict[str, Any], 503: dict[str, Any]}),
)  # fmt: skip


_UNCOUNTED = ("/health", "/ready")
"""Whoever asks for these."""
SCHEMES: Mapping[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API token, a person's JWT, the service token."},
    "password": {"type": "http", "scheme": "basic", "description": "The same, as the password."},
}


def document() -> dict[str, Any]:
    """The OpenAPI document, as plain values."""
    types = [kind for operation in OPERATIONS for kind in (operation.sends, *_answers_of(operation).values()) if kind]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    known = iter(schemas)
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, known)
    return _plain(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Lookout",
                "version": __version__,
                "description": "One list of what is wrong, fed by every alert source.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "jsonSchemaDialect": JSON_DIALECT,
            "paths": paths,
            "components": {"schemas": components, "securitySchemes": SCHEMES},
            # One of them, or none in local mode.
            "security": [{name: []} for name in SCHEMES] + [{}],
        }
    )


def event_schema() -> dict[str, Any]:
    """The JSON Schema of an event of the feed."""
    return _plain(
        {
            "$schema": JSON_DIALECT,
            "title": "An event of Lookout's feed",
            **msgspec.json.schema(FeedEvent),
        }
    )


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    """As JSON reads it back: msgspec's schemas hold tuples, which a validator does not take for arrays."""
    return msgspec.json.decode(msgspec.json.encode(content))


def text_of(content: dict[str, Any]) -> str:
    """A document as it is checked in."""
    return json.dumps(content, indent=2) + "\n"


@cache
def _body() -> bytes:
    """The document as it is served: the same for every Lookout of this process."""
    return msgspec.json.encode(document())


def openapi_route() -> Route:
    """`GET /openapi.json`."""
    body = _body()

    async def answer(_: Request) -> Response:
        return Response(body, media_type="application/json")

    return Route("/openapi.json", answer, methods=["GET"])


def _operation(operation: Operation, schemas: Any) -> dict[str, Any]:
    described: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary}
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "query", "schema": schema, "description": text} for name, schema, text in operation.query
    ]
    for place, name in enumerate(re.findall(r"\{(\w+)\}", operation.path)):
        schema = {"type": "string", "format": "uuid"} if name == "id" else {"type": "string"}
        parameters.insert(place, {"name": name, "in": "path", "required": True, "schema": schema})
    if parameters:
        described["parameters"] = parameters
    if operation.sends:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": next(schemas)}}}
    described["responses"] = {
        str(status): _answer(status, kind, schemas) for status, kind in _answers_of(operation).items()
    }
    return described


def _answers_of(operation: Operation) -> Mapping[int, Any]:
    """With what is answered to a tenant that asks too much: a sender is told of overload."""
    if operation.path in INGEST_PATHS or operation.path in _UNCOUNTED:
        return operation.answers
    return dict(sorted({**operation.answers, 429: Error}.items()))


def _answer(status: int, kind: Any, schemas: Any) -> dict[str, Any]:
    described: dict[str, Any] = {"description": "As asked." if status < 300 else "Refused, and why."}
    if kind:
        described["content"] = {"application/json": {"schema": next(schemas)}}
    return described
