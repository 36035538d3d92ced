"""An event as a record: of a type unknown here, of a snapshot that has more than is known, and what is shown of it."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from lookout.feeds.kafka.records import INCIDENTS, SERVICE_EVENTS, Record, feeds_of
from lookout.feeds.kafka.relay import records_of
from lookout.incidents.events import EventType
from lookout.kafka import KafkaSettings
from lookout.store.relays import LoggedEvent

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
INCIDENT: dict[str, Any] = {
    "id": "0198f3c2-3b1e-7cc2-a8f5-0b8a4a1c2d3e",
    "tenant_id": "t",
    "status": "firing",
    "severity": "critical",
    "title": "Down",
    "summary": "secret words",
    "labels": {"alertname": "Down", "cluster": "eu", "cluster_id": "c-1"},
    "started_at": "2026-01-01T12:00:00Z",
    "updated_at": "2026-01-01T12:00:00Z",
    "added_by_a_newer_lookout": {"x": 1},
}


def event(event_type: str = "incident_opened", **change: Any) -> LoggedEvent:
    return LoggedEvent(
        "t", 7, "e-7", INCIDENT["id"], event_type, NOON, NOON,
        msgspec.json.encode(INCIDENT), msgspec.json.encode(change),
    )  # fmt: skip


FEEDS = {feed.name: feed for feed in feeds_of(KafkaSettings("k:9092", external_url="http://lookout.example"))}


def value_of(record: Record) -> Any:
    return msgspec.json.decode(record.value)


def test_an_event_of_an_unknown_type_goes_out_and_is_no_trigger() -> None:
    unknown = event("incident_levitated", kind="levitated", how="with secret words", height=3, where=["secret words"])
    value = value_of(FEEDS[SERVICE_EVENTS].record_of(unknown))
    assert value["data"]["change"] == "levitated"
    assert value["data"]["event"]["event_type"] == "incident_levitated"
    assert value["data"]["event"]["change"] == {"kind": "levitated", "how": "", "height": 3, "where": []}
    assert not FEEDS[INCIDENTS].takes(unknown)


def test_what_a_newer_snapshot_has_besides_does_not_matter_to_a_trigger() -> None:
    value = value_of(FEEDS[INCIDENTS].record_of(event()))
    assert (value["severity"], value["cluster_id"]) == ("critical", "c-1")
    assert "added_by_a_newer_lookout" not in value


def test_no_words_of_a_sender_or_a_person_but_those_that_identify() -> None:
    told = event(
        "incident_note_added", kind="note_added", text="secret words", by="jo", reason="secret words",
        first=["secret words"], more={"x": "secret words"}, severity="critical", labels={"job": "a"}, confidence=0.5,
    )  # fmt: skip
    record = FEEDS[SERVICE_EVENTS].record_of(told)
    assert b"secret words" not in record.value
    data = value_of(record)["data"]
    assert data["event"]["incident"]["summary"] == data["title"] == "Down"
    assert data["event"]["change"] == {
        "kind": "note_added", "text": "", "by": "jo", "reason": "", "first": [], "more": {}, "severity": "critical",
        "labels": {"job": "a"}, "confidence": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize(("labels", "cluster"), [({"cluster": "eu"}, "eu"), ({"job": "a"}, "")])
def test_the_cluster_is_a_label_or_nothing(labels: dict[str, str], cluster: str) -> None:
    incident = msgspec.json.encode({**INCIDENT, "labels": labels})
    told = msgspec.structs.replace(event(), incident=incident)
    assert value_of(FEEDS[INCIDENTS].record_of(told))["cluster_id"] == cluster


def test_a_lookout_that_does_not_know_its_address_gives_none() -> None:
    feed, _ = feeds_of(KafkaSettings("k:9092"))
    assert value_of(feed.record_of(event()))["url"] == ""


def test_a_topic_that_is_off_is_no_feed() -> None:
    assert [feed.name for feed in feeds_of(KafkaSettings("k:9092", incidents_topic=None))] == [SERVICE_EVENTS]
    assert [feed.name for feed in feeds_of(KafkaSettings("k:9092", service_events_topic=None))] == [INCIDENTS]


def test_the_platforms_tenant_and_other_types_are_no_triggers() -> None:
    settings = KafkaSettings("k:9092", untriggered_tenants=frozenset(["t"]), service_events_topic=None)
    (excluding,) = feeds_of(settings)
    assert not excluding.takes(event())
    assert FEEDS[INCIDENTS].takes(event())
    assert [kind for kind in EventType if FEEDS[INCIDENTS].takes(event(kind))] == [EventType.OPENED]


@pytest.mark.parametrize("incident", [b"{", b"[]", b'{"title": 1}'])
@pytest.mark.parametrize("name", [INCIDENTS, SERVICE_EVENTS])
def test_what_cannot_be_read_is_told_and_what_is_behind_it_waits(name: str, incident: bytes) -> None:
    events = [event(), msgspec.structs.replace(event(), position=8, incident=incident)]
    behind = msgspec.structs.replace(event(), position=9)
    other = msgspec.structs.replace(event(), tenant_id="u", position=1)
    records, unreadable = records_of(FEEDS[name], [*events, behind, other])
    assert [(record.tenant_id, record.position) for record in records] == [("t", 7), ("u", 1)]
    assert "cannot read" in unreadable["t"].text
