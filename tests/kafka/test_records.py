"""The records are what asyncapi.yaml says, for each type of event, and hold nothing that a topic should not.

On both brokers, so that it is known of each that these tests run on it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from jsonschema.validators import Draft202012Validator
from tests.kafka.conftest import on_both
from tests.kafka.reading import Read, Reader
from tests.kafka.story import SECRETS, everything_happens, it_flaps
from tests.scenario.conftest import Start

from lookout.incidents.events import EventType, event_id
from lookout.kafka import KafkaSettings

pytestmark = on_both

DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "asyncapi.yaml").read_text())


def _holds(name: str, record: Read) -> None:
    """Payload, headers and key are what the document says of the message, and the payload has nothing beside it."""
    message: dict[str, Any] = DOCUMENT["components"]["messages"][name]
    parts = (
        (message["payload"], record.value),
        (message["headers"], record.headers),
        (message["bindings"]["kafka"]["key"], record.key),
    )
    for schema, part in parts:
        whole: dict[str, Any] = {**schema, "components": DOCUMENT["components"]}
        validator: Any = Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
        validator.validate(part)
    kind = message["payload"]["$ref"].rpartition("/")[2]
    assert record.value.keys() == DOCUMENT["components"]["schemas"][kind]["properties"].keys()
    assert record.headers.keys() == message["headers"]["properties"].keys()


async def test_every_record_of_a_story_is_what_the_document_says(
    start: Start, kafka: KafkaSettings, reader_of: Callable[..., Reader]
) -> None:
    async with start(kafka=kafka) as lookout:
        incident_id = await everything_happens(lookout)
        await it_flaps(lookout, incident_id)
        log = await lookout.feed()
        assert {event.event_type for event in log} == set(EventType)
        events = await reader_of(kafka.service_events_topic).read(len(log))
        (trigger,) = await reader_of(kafka.incidents_topic).read(1)
    _holds("trigger", trigger)
    for record in events:
        _holds("serviceEvent", record)
    # All of one incident are in one partition, so their order is that of the log.
    assert [record.value["data"]["event"]["position"] for record in events] == [event.position for event in log]
    assert {record.key for record in (trigger, *events)} == {incident_id}
    assert [record.headers["event_id"] for record in events] == [event_id("default", e.position) for e in log]
    assert [record.value["data"]["change"] for record in events] == [
        event.event_type.removeprefix("incident_") for event in log
    ]


async def test_no_annotation_no_note_and_nothing_raw_is_in_a_service_event(
    start: Start, kafka: KafkaSettings, reader_of: Callable[..., Reader]
) -> None:
    async with start(kafka=kafka) as lookout:
        await everything_happens(lookout)
        log = await lookout.feed()
        events = await reader_of(kafka.service_events_topic).read(len(log))
    told = b"".join(record.raw for record in events).decode()
    assert [secret for secret in SECRETS if secret in told] == []


async def test_a_strict_reader_and_one_that_knows_a_few_fields_both_read_a_service_event(
    start: Start, kafka: KafkaSettings, reader_of: Callable[..., Reader]
) -> None:
    def no_constants(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    async with start(kafka=kafka) as lookout:
        await lookout.fires(job="\x00\U0001f600 \"'\\", severity="page")
        (record,) = await reader_of(kafka.service_events_topic).read(1)
    text = record.raw.decode("utf-8", errors="strict")
    strict = json.loads(text, parse_constant=no_constants, object_pairs_hook=no_duplicates)
    few = {"event_id", "event_type", "timestamp", "source", "tenant_id", "resource_id", "data"}
    assert few <= strict.keys()
    assert strict["data"]["severity"] == "critical"
    assert strict["timestamp"].endswith("Z")


async def test_the_envelope_is_the_platforms(
    start: Start, kafka: KafkaSettings, reader_of: Callable[..., Reader]
) -> None:
    async with start(kafka=kafka) as lookout:
        await lookout.fires(job="a", cluster="eu-1")
        incident = await lookout.only_incident()
        (record,) = await reader_of(kafka.service_events_topic).read(1)
    envelope = record.value
    data = envelope.pop("data")
    assert envelope == {
        "event_id": event_id("default", 1),
        "event_type": "incident_updated",
        "timestamp": "2026-01-01T12:00:00Z",
        "source": "lookout",
        "tenant_id": "default",
        "user_id": "",
        "resource_type": "incident",
        "resource_id": incident.id,
        "schema_version": 1,
        "source_region": "",
        "source_cluster_id": "",
        "correlation_id": incident.id,
        "causation_id": "",
    }
    event = data.pop("event")
    assert data == {
        "incident_id": incident.id,
        "tenant_id": "default",
        "cluster_id": "eu-1",
        "status": "firing",
        "severity": "warning",
        "title": "Down (cluster=eu-1, job=a)",
        "change": "opened",
        "updated_at": "2026-01-01T12:00:00Z",
    }
    assert (event["position"], event["event_type"]) == (1, "incident_opened")
