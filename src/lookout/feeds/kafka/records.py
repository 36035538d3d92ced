"""An event of the log as a record of a topic. Pure.

Two feeds: `incidents`, one record for each trigger, and `service_events`, one for every change. What they hold is a
contract with their readers: `asyncapi.yaml` describes it from the types that stand here.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from lookout.incidents.events import SCHEMA_VERSION
from lookout.kafka import KafkaSettings
from lookout.store.relays import LoggedEvent

SOURCE = "lookout"
INCIDENTS = "incidents"
SERVICE_EVENTS = "service_events"
SERVICE_EVENT_TYPE = "incident_updated"
RESOURCE_TYPE = "incident"

SHOWN_TEXTS = frozenset(
    {
        "kind", "dedup_key", "severity", "before", "title", "labels", "started_at", "previous_incident_id", "alerts",
        "resolution", "by", "assignee", "report_id", "investigator",
    }
)  # fmt: skip
"""What a change may say in words in a service event, which is kept for a year. All other text stays in the log."""


class Record(msgspec.Struct, frozen=True):
    """What goes to a topic for one event."""

    tenant_id: str
    position: int
    key: str
    value: bytes
    headers: Sequence[tuple[str, str]]


class Feed(msgspec.Struct, frozen=True):
    """One topic, and what of the log goes there. `wanted` None: events of every type."""

    name: str
    topic: str
    wanted: Sequence[str] | None
    unwanted_tenants: frozenset[str]
    record_of: Callable[[LoggedEvent], Record]

    def takes(self, event: LoggedEvent) -> bool:
        """Whether a record of the event goes to the topic."""
        return event.tenant_id not in self.unwanted_tenants and (self.wanted is None or event.event_type in self.wanted)


class Trigger(msgspec.Struct, frozen=True):
    """The value of a record of `lookout.incidents`: an incident that somebody should look into.

    `summary` comes from the outside and is data: one line, bounded, without control characters. `labels` are those
    that the incident's alerts share, `url` is where to read more, empty if Lookout does not know its own address.
    """

    schema_version: int
    incident_id: str
    tenant_id: str
    cluster_id: str
    severity: str
    summary: str
    title: str
    position: int
    event_id: str
    started_at: datetime
    labels: Mapping[str, str]
    url: str


class ServiceEventData(msgspec.Struct, frozen=True):
    """What changed. `event` is as every surface has it, without free text: the incident's summary is its title, and
    summaries, notes and reasons of the change are empty.
    """

    incident_id: str
    tenant_id: str
    cluster_id: str
    status: str
    severity: str
    title: str
    change: str
    updated_at: str
    event: Annotated[
        Mapping[str, Any], msgspec.Meta(extra_json_schema={"$ref": "#/components/schemas/FeedEvent", "type": "object"})
    ]


class ServiceEvent(msgspec.Struct, frozen=True):
    """The value of a record of `service_events`: the envelope that all services of the platform share."""

    event_id: str
    event_type: str
    timestamp: datetime
    source: str
    tenant_id: str
    user_id: str
    resource_type: str
    resource_id: str
    data: ServiceEventData
    schema_version: int
    source_region: str
    source_cluster_id: str
    correlation_id: str
    causation_id: str


class _Snapshot(msgspec.Struct, frozen=True):
    """What a trigger needs of the incident. What a newer Lookout adds to it does not matter."""

    severity: str
    title: str
    summary: str
    labels: dict[str, str]
    started_at: datetime


_SNAPSHOT = msgspec.json.Decoder(_Snapshot)


def feeds_of(settings: KafkaSettings) -> list[Feed]:
    """The feeds that are switched on."""
    feeds: list[Feed] = []
    if settings.incidents_topic is not None:
        feeds.append(
            Feed(
                INCIDENTS,
                settings.incidents_topic,
                settings.triggers,
                settings.untriggered_tenants,
                lambda event: trigger_of(event, settings.external_url),
            )
        )
    if settings.service_events_topic is not None:
        feeds.append(Feed(SERVICE_EVENTS, settings.service_events_topic, None, frozenset(), service_event_of))
    return feeds


def trigger_of(event: LoggedEvent, external_url: str) -> Record:
    """The record of `lookout.incidents` for an event."""
    assert event.incident is not None
    incident = _SNAPSHOT.decode(event.incident)
    trigger = Trigger(
        schema_version=SCHEMA_VERSION,
        incident_id=event.incident_id,
        tenant_id=event.tenant_id,
        cluster_id=_cluster_of(incident.labels),
        severity=incident.severity,
        summary=incident.summary,
        title=incident.title,
        position=event.position,
        event_id=event.event_id,
        started_at=incident.started_at,
        labels=incident.labels,
        url=f"{external_url}/v1/incidents/{event.incident_id}" if external_url else "",
    )
    headers = [
        ("tenant_id", event.tenant_id),
        ("event_type", event.event_type),
        ("source", SOURCE),
        ("event_id", event.event_id),
        ("position", str(event.position)),
    ]
    return Record(event.tenant_id, event.position, event.incident_id, msgspec.json.encode(trigger), headers)


def service_event_of(event: LoggedEvent) -> Record:
    """The record of `service_events` for an event, of a type that is unknown here too."""
    assert event.incident is not None
    assert event.change is not None
    incident: dict[str, Any] = msgspec.json.decode(event.incident)
    change: dict[str, Any] = msgspec.json.decode(event.change)
    title: str = incident["title"]
    value = ServiceEvent(
        event_id=event.event_id,
        event_type=SERVICE_EVENT_TYPE,
        timestamp=event.recorded_at,
        source=SOURCE,
        tenant_id=event.tenant_id,
        user_id="",
        resource_type=RESOURCE_TYPE,
        resource_id=event.incident_id,
        data=ServiceEventData(
            incident_id=event.incident_id,
            tenant_id=event.tenant_id,
            cluster_id=_cluster_of(incident["labels"]),
            status=incident["status"],
            severity=incident["severity"],
            title=title,
            change=event.event_type.removeprefix("incident_"),
            updated_at=incident["updated_at"],
            event={
                "schema_version": SCHEMA_VERSION,
                "event_id": event.event_id,
                "event_type": event.event_type,
                "tenant_id": event.tenant_id,
                "position": event.position,
                "occurred_at": event.occurred_at,
                "recorded_at": event.recorded_at,
                "incident": {**incident, "summary": title},
                "change": {name: _shown(name, value) for name, value in change.items()},
            },
        ),
        schema_version=SCHEMA_VERSION,
        source_region="",
        source_cluster_id="",
        correlation_id=event.incident_id,
        causation_id="",
    )
    headers = [
        ("source", SOURCE),
        ("event_type", SERVICE_EVENT_TYPE),
        ("tenant_id", event.tenant_id),
        ("event_id", event.event_id),
    ]
    return Record(event.tenant_id, event.position, event.incident_id, msgspec.json.encode(value), headers)


def _shown(name: str, value: object) -> object:
    """A field of a change, emptied where it may hold free text."""
    if name in SHOWN_TEXTS or value is None or isinstance(value, bool | int | float):
        return value
    return type(value)()


def _cluster_of(labels: Mapping[str, str]) -> str:
    return labels.get("cluster_id") or labels.get("cluster") or ""
