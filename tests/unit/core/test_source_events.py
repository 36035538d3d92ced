"""PagerDuty's events, as alerts."""

import json
from typing import Any

import pytest
from tests.unit.payloads import captured
from tests.unit.times import NOW

from lookout.alerts.alert import Alert, AlertStatus, label_set
from lookout.alerts.severity import Severity, severity_of
from lookout.alerts.shown import shown
from lookout.sources import events
from lookout.sources.parsed import MalformedBody, Parsed

PAYLOAD: dict[str, Any] = {"summary": "disk full", "source": "db1", "severity": "critical"}
TRIGGER: dict[str, Any] = {
    "routing_key": "0123456789abcdef0123456789abcdef",
    "event_action": "trigger",
    "dedup_key": "srv01/mysql",
    "payload": PAYLOAD,
}
IDENTITY = label_set({"dedup_key": "srv01/mysql"})


def _parse(event: Any) -> Parsed:
    return events.parse(json.dumps(event).encode(), NOW, "made")


def _alert(**fields: Any) -> Alert:
    [alert] = _parse(TRIGGER | fields).alerts
    return alert


def _told(**payload: Any) -> dict[str, str]:
    return dict(_alert(payload=PAYLOAD | payload).annotations)


def _faults(event: Any) -> list[str]:
    with pytest.raises(MalformedBody) as raised:
        _parse(event)
    assert raised.value.status == 400
    assert raised.value.message == "; ".join(raised.value.faults)
    return list(raised.value.faults)


def test_a_trigger_fires_without_a_start_or_a_promise() -> None:
    alert = _alert()
    assert (alert.source, alert.status, alert.starts_at, alert.ends_at) == ("events", AlertStatus.FIRING, None, None)
    assert not alert.leased
    assert alert.annotations == PAYLOAD
    assert alert.name == "disk full"


def test_the_key_alone_is_the_identity() -> None:
    other = _alert(payload={"summary": "x", "source": "y", "severity": "info"}, client="c")
    assert _alert().label_set == other.label_set == IDENTITY


def test_a_resolve_ends_all_with_the_key_alone() -> None:
    [alert] = _parse({"routing_key": "k", "event_action": "resolve", "dedup_key": "srv01/mysql"}).alerts
    assert (alert.label_set, alert.status) == (IDENTITY, AlertStatus.RESOLVED)
    assert (alert.starts_at, alert.ends_at, alert.annotations) == (None, None, {})


def test_an_acknowledge_is_about_the_alert_and_none_itself() -> None:
    parsed = events.parse(captured("pagerduty-v2-ack-minimal-constructed.json"), NOW, "made")
    assert parsed == Parsed([], [], [IDENTITY])
    assert events.key_of(parsed) == "srv01/mysql"


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
def test_the_payload_of_what_follows_is_not_read(action: str) -> None:
    assert events.key_of(_parse(TRIGGER | {"event_action": action, "payload": 5, "links": 5})) == "srv01/mysql"


@pytest.mark.parametrize("key", [None, "", "  "])
def test_a_trigger_without_a_key_gets_the_made_one(key: str | None) -> None:
    assert events.key_of(_parse(TRIGGER | {"dedup_key": key})) == "made"


def test_pagerdutys_example_is_understood_in_full() -> None:
    [alert] = events.parse(captured("pagerduty-v2-trigger-from-openapi.json"), NOW, "made").alerts
    told = shown(alert.annotations)
    assert told.annotations == {
        "summary": "DISK at 99% on machine prod-datapipe03.example.com",
        "source": "prod-datapipe03.example.com",
        "severity": "critical",
        "timestamp": "2015-07-17T08:42:58.315000Z",
        "component": "mysql",
        "group": "prod-datapipe",
        "class": "disk",
        "client": "Sample Monitoring Service",
        "custom_details.free space": "1%",
        "custom_details.ping time": "1500ms",
        "custom_details.load avg": "0.75",
    }
    assert told.links == {
        "Sample Monitoring Service": "https://monitoring.service.com",
        "An example link.": "http://pagerduty.example.com",
        "An example link with an image": "https://example.org/x.png",
    }
    assert alert.generator_url == "https://monitoring.service.com"


def test_what_alertmanager_sends_is_understood() -> None:
    [trigger] = events.parse(captured("pagerduty-from-alertmanager-0.25-trigger.json"), NOW, "made").alerts
    [resolve] = events.parse(captured("pagerduty-from-alertmanager-0.25-resolve.json"), NOW, "made").alerts
    assert trigger.label_set == resolve.label_set
    assert trigger.name == "[FIRING:1] DiskFull (db1:9100 page)"
    assert severity_of(trigger.labels, annotations=trigger.annotations) is Severity.CRITICAL
    assert "summary = disk is full" in trigger.annotations["custom_details.firing"]
    assert "custom_details.resolved" not in trigger.annotations  # it is empty


def test_details_as_newer_alertmanagers_write_them_are_json() -> None:
    details = {"firing": [{"labels": {"a": "b"}, "generatorURL": None}], "num_firing": 2, "ok": True, "none": None}
    told = _told(custom_details=details)
    assert told["custom_details.firing"] == '[{"labels": {"a": "b"}, "generatorURL": null}]'
    assert told["custom_details.num_firing"] == "2"
    assert (told["custom_details.ok"], told["custom_details.none"]) == ("true", "null")


def test_details_as_a_text_are_kept() -> None:
    assert _told(custom_details="free text")["custom_details"] == "free text"


def test_details_are_bounded_and_what_is_left_out_is_said() -> None:
    many = _told(custom_details={str(number): "x" for number in range(events.DETAILS_LIMIT + 3)})
    assert many["custom_details"] == "3 more were left out"
    large = _told(custom_details={str(number): "x" * 10_000 for number in range(12)})
    assert large["custom_details"] == "4 more were left out"
    assert sum(map(len, large.values())) < events.ALL_DETAILS_LIMIT + 200


def test_details_cannot_pass_for_anything_else() -> None:
    told = _told(custom_details={"summary": "forged", "__link_1__": "x", "": "y", "a\ud800\n": "\ud800"})
    assert told["summary"] == "disk full"
    assert told["custom_details."] == "y"
    assert told["custom_details.a"] == "\ufffd"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2015-07-17T08:42:58.315+0000", "2015-07-17T08:42:58.315000Z"),
        ("2026-11-23T04:00:00+01:00", "2026-11-23T03:00:00Z"),
        ("last tuesday", "last tuesday"),
    ],
)
def test_a_timestamp_is_for_people_and_in_utc_if_it_can_be_read(sent: str, kept: str) -> None:
    assert _told(timestamp=sent)["timestamp"] == kept


def test_a_timestamp_of_the_year_one_is_absent() -> None:
    assert "timestamp" not in _told(timestamp="0001-01-01T00:00:00Z")


def test_long_texts_are_cut_and_not_refused() -> None:
    told = _told(summary="s" * 2000, component="c" * 2000)
    assert len(told["summary"]) == len(told["component"]) == 1024
    assert told["summary"].endswith("s\N{HORIZONTAL ELLIPSIS}")


def test_links_without_an_address_or_with_a_dangerous_one_are_left_out() -> None:
    alert = _alert(
        client_url="javascript:alert(1)",
        links=[{"href": ""}, {"href": "javascript:x"}, {"href": "http://x/", "text": "run"}],
        images=[{"src": "http://x/i", "href": ""}, {}],
    )
    assert shown(alert.annotations).links == {"run": "http://x/", "image 1": "http://x/i"}
    assert alert.generator_url == ""


def test_links_are_bounded() -> None:
    alert = _alert(links=[{"href": f"http://x/{number}"} for number in range(100)])
    assert len(shown(alert.annotations).links) == events.LINKS_LIMIT


FAULTS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["'routing_key' is missing or blank", "'event_action' is missing or blank"]),
    (TRIGGER | {"routing_key": " "}, ["'routing_key' is missing or blank"]),
    (TRIGGER | {"routing_key": 5}, ["'routing_key' must be a string"]),
    (
        TRIGGER | {"event_action": "open"},
        ["'event_action' is 'open', must be one of trigger, acknowledge, resolve"],
    ),
    (TRIGGER | {"dedup_key": "x" * 256}, ["'dedup_key' is longer than 255 characters"]),
    (TRIGGER | {"dedup_key": 5}, ["'dedup_key' must be a string"]),
    (TRIGGER | {"event_action": "resolve", "dedup_key": ""}, ["'dedup_key' is missing or blank"]),
    (TRIGGER | {"event_action": "acknowledge", "dedup_key": None}, ["'dedup_key' is missing or blank"]),
    (TRIGGER | {"payload": None}, ["'payload' is missing or blank"]),
    (TRIGGER | {"payload": "x"}, ["'payload' must be an object"]),
    (
        TRIGGER | {"payload": {}},
        [f"'payload.{name}' is missing or blank" for name in ("summary", "source", "severity")],
    ),
    (TRIGGER | {"payload": PAYLOAD | {"severity": 1}}, ["'payload.severity' must be a string"]),
    (TRIGGER | {"payload": PAYLOAD | {"timestamp": 1}}, ["'payload.timestamp' must be a string"]),
    (TRIGGER | {"payload": PAYLOAD | {"custom_details": [1]}}, ["'payload.custom_details' must be an object"]),
    (TRIGGER | {"links": {"href": "x"}}, ["'links' must be an array of objects"]),
    (TRIGGER | {"images": ["x"]}, ["'images' must be an array of objects"]),
    (TRIGGER | {"links": [{"href": 1}]}, ["'links[0].href' must be a string"]),
]


@pytest.mark.parametrize(("event", "faults"), FAULTS)
def test_every_fault_is_named(event: Any, faults: list[str]) -> None:
    assert _faults(event) == faults


def test_faults_are_bounded() -> None:
    assert len(_faults(TRIGGER | {"links": [{"href": 1}] * 1000})) == events.FAULTS_LIMIT


@pytest.mark.parametrize("word", ["page", "CRITICAL", "p1", "very bad"])
def test_any_word_is_a_severity(word: str) -> None:
    assert _told(severity=word)["severity"] == word


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "unexpected end of JSON input"),
        (b"[]", "cannot read an array as an event"),
        (b"{", "not JSON: Expecting property name enclosed in double quotes at character 1"),
    ],
)
def test_what_is_no_event_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(MalformedBody) as raised:
        events.parse(body, NOW, "made")
    assert (raised.value.message, raised.value.faults) == (message, ())
