"""The AsyncAPI document of everything that Lookout sends by itself: two topics of Kafka, and the feed over HTTP.

It is assembled from the types that the records are made of. `make documents` writes `asyncapi.yaml`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from lookout import __version__
from lookout.feeds.kafka.records import SERVICE_EVENT_TYPE, SOURCE, ServiceEvent, Trigger
from lookout.incidents.events import FeedEvent
from lookout.kafka import INCIDENTS_TOPIC, SERVICE_EVENTS_TOPIC, TRIGGERS

_ID = {"type": "string", "format": "uuid"}
_TENANT = {"type": "string", "description": "Whose incident it is."}
_SOURCE = {"type": "string", "const": SOURCE}
_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "trigger": {
        "tenant_id": _TENANT,
        "event_type": {"type": "string", "enum": [kind.value for kind in TRIGGERS.values()]},
        "source": _SOURCE,
        "event_id": _ID,
        "position": {"type": "string", "pattern": "^[1-9][0-9]*$"},
    },
    "serviceEvent": {
        "source": _SOURCE,
        "event_type": {"type": "string", "const": SERVICE_EVENT_TYPE},
        "tenant_id": _TENANT,
        "event_id": _ID,
    },
}
_SENT_TWICE = (
    "At least once: a record may come twice, with the same event_id. Each tenant's are in the order of its log."
)


def document() -> dict[str, Any]:
    """The document, as plain values."""
    kinds = (Trigger, ServiceEvent, FeedEvent)
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    messages = {
        "trigger": _record("trigger", Trigger, "An incident that an investigator should look into."),
        "serviceEvent": _record("serviceEvent", ServiceEvent, "A change of an incident."),
        "event": {
            "title": "An event of the feed.",
            "contentType": "application/json",
            "payload": _reference(FeedEvent),
        },
    }
    content = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Lookout",
            "version": __version__,
            "description": "What Lookout sends: triggers and service events on Kafka, the feed as Server-Sent Events.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "incidents": _channel(
                INCIDENTS_TOPIC,
                "trigger",
                "A record for each incident that opens; reopened and escalated ones if that is set. No repeat, no "
                f"acknowledgement, no resolution. {_SENT_TWICE}",
            ),
            "serviceEvents": _channel(
                SERVICE_EVENTS_TOPIC, "serviceEvent", f"A record for every change of an incident. {_SENT_TWICE}"
            ),
            "feed": _channel(
                "/v1/feed",
                "event",
                "Server-Sent Events. The id of each is its position: 1, 2, 3, ... without gaps; the query `after` or "
                "the header Last-Event-ID resumes behind one. The data is one line of JSON.",
            ),
        },
        "operations": {
            "sendTrigger": _operation("incidents", "trigger"),
            "sendServiceEvent": _operation("serviceEvents", "serviceEvent"),
            "sendEvent": {**_operation("feed", "event"), "bindings": {"http": {"method": "GET"}}},
        },
        "components": {"messages": messages, "schemas": schemas},
    }
    # As a reader has it: msgspec's schemas hold tuples.
    return msgspec.json.decode(msgspec.json.encode(content))


def text_of(content: Mapping[str, Any]) -> str:
    """The document as it is checked in."""
    return yaml.dump(content, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    """Without anchors: each reference is spelled out."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _record(name: str, kind: type, title: str) -> dict[str, Any]:
    headers = _HEADERS[name]
    return {
        "title": title,
        "contentType": "application/json",
        "headers": {"type": "object", "properties": headers, "required": list(headers)},
        "payload": _reference(kind),
        "bindings": {"kafka": {"key": {**_ID, "description": "The incident's id."}}},
    }


def _reference(kind: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _channel(address: str, message: str, description: str) -> dict[str, Any]:
    return {
        "address": address,
        "description": description,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
    }


def _operation(channel: str, message: str) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
    }
