"""The fingerprint is Alertmanager's own number, to the last digit."""

import json

import pytest
from tests.unit.payloads import ALERTMANAGER, captured, told_alerts
from tests.unit.times import NOW

from lookout.alerts.alert import label_set
from lookout.alerts.fingerprint import fingerprint
from lookout.sources import alertmanager, prometheus


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, "cbf29ce484222325"),
        ({"alertname": "HighCPU"}, "b5160f6bd9249a48"),
        ({"alertname": "HighCPU", "instance": "web-1:9100", "severity": "critical"}, "cc6e49118c0ea32b"),
        ({"alertname": "Disk", "instance": "db:9100", "mountpoint": "/café 🔥", "empty": ""}, "e4e89041c04b614e"),
    ],
    ids=["the empty set", "one label", "three labels", "unicode, emoji and an empty value"],
)
def test_worked_examples(labels: dict[str, str], expected: str) -> None:
    assert fingerprint(labels) == expected


@pytest.mark.parametrize("name", ALERTMANAGER)
def test_captured_webhooks_carry_the_number_that_the_parser_computes(name: str) -> None:
    parsed = alertmanager.parse(captured(name), NOW)
    assert [alert.fingerprint for alert in parsed.alerts] == [told["fingerprint"] for told in told_alerts(name)]


def test_prometheus_and_alertmanager_tell_of_the_same_alert() -> None:
    posted = prometheus.parse(captured("prometheus-2.42-post-alerts-firing.json"), NOW)
    told = alertmanager.parse(captured("alertmanager-0.25-webhook-firing.json"), NOW)
    assert [alert.fingerprint for alert in posted.alerts] == [alert.fingerprint for alert in told.alerts]


def test_the_order_of_labels_does_not_matter() -> None:
    assert fingerprint({"b": "2", "a": "1"}) == fingerprint({"a": "1", "b": "2"})


def test_names_sort_by_their_bytes() -> None:
    """U+FFFF sorts after an emoji in UTF-16, before it in UTF-8."""
    labels = {"\uffff": "1", "\U0001f525": "2"}
    hashed = b"\xef\xbf\xbf\xff1\xff" + b"\xf0\x9f\x94\xa5\xff2\xff"
    assert fingerprint(labels) == f"{_fnv1a(hashed):016x}"


def test_separators_keep_name_and_value_apart() -> None:
    assert fingerprint({"ab": "c"}) != fingerprint({"a": "bc"})


def test_an_empty_value_does_not_count() -> None:
    assert fingerprint({"a": ""}) == fingerprint({})


def test_nul_is_a_character_like_any_other() -> None:
    assert (
        fingerprint({"a": "x\x00y"}) == f"{_fnv1a(b'a' + bytes([255]) + b'x' + bytes([0]) + b'y' + bytes([255])):016x}"
    )
    assert fingerprint({"a": "x\x00y"}) != fingerprint({"a": "xy"})


def test_text_is_not_normalised() -> None:
    assert fingerprint({"a": "caf\u00e9"}) != fingerprint({"a": "cafe\u0301"})


@pytest.mark.parametrize(
    ("value", "as_go_reads_it"),
    [
        (rb"x\ud800y", "x\ufffdy"),
        (b"x\xffy", "x\ufffdy"),
        (b"x\xe2\x82y", "x\ufffd\ufffdy"),
        (rb"\ud83d\udd25", "\U0001f525"),
        (rb"x\u0000y", "x\x00y"),
    ],
    ids=["lone surrogate", "broken byte", "cut character: one mark a byte", "surrogate pair", "NUL"],
)
def test_broken_text_has_the_fingerprint_of_what_go_makes_of_it(value: bytes, as_go_reads_it: str) -> None:
    parsed = prometheus.parse(b'[{"labels":{"a":"%s"}}]' % value, NOW)
    assert parsed.alerts[0].labels == {"a": as_go_reads_it}
    assert parsed.alerts[0].fingerprint == fingerprint({"a": as_go_reads_it})


def test_escaped_and_raw_writing_of_a_label_are_the_same_alert() -> None:
    raw = json.dumps([{"labels": {"a": "<é🔥>"}}], ensure_ascii=False).encode()
    escaped = json.dumps([{"labels": {"a": "<é🔥>"}}]).replace("<", "\\u003c").encode()
    first, second = (prometheus.parse(body, NOW).alerts[0].fingerprint for body in (raw, escaped))
    assert first == second


def test_replica_labels_are_no_part_of_the_identity() -> None:
    twin = label_set({"alertname": "Down", "prometheus_replica": "b"})
    assert twin.fingerprint == label_set({"alertname": "Down"}).fingerprint
    assert twin.labels == {"alertname": "Down"}
    assert twin.replica == "b"


def test_several_replica_labels_are_told_together() -> None:
    assert label_set({"a": "1", "prometheus_replica": "x", "__replica__": "y"}).replica == "x/y"


def test_replica_labels_are_configurable() -> None:
    assert label_set({"a": "1", "replica": "x"}).labels == {"a": "1", "replica": "x"}
    assert label_set({"a": "1", "replica": "x"}, ("replica",)).labels == {"a": "1"}


def _fnv1a(hashed: bytes) -> int:
    number = 14695981039346656037
    for byte in hashed:
        number = ((number ^ byte) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return number
