"""Alertmanager's webhook message, as alerts."""

import json
from typing import Any

import pytest
from tests.unit.payloads import ALERTMANAGER, captured, told_alerts
from tests.unit.times import NOW, at

from lookout.alerts.alert import Alert, AlertStatus
from lookout.alerts.source import Source
from lookout.limits import USUAL
from lookout.sources import WEBHOOKS, alertmanager
from lookout.sources.parsed import MalformedBody, Parsed

FIRING: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "Down"},
    "annotations": {"summary": "it is down"},
    "startsAt": "2026-11-23T03:55:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus/graph",
    "fingerprint": "0000000000000000",
}
RESOLVED = FIRING | {"status": "resolved", "endsAt": "2026-11-23T03:59:00Z"}


def _tell(*alerts: Any, **fields: Any) -> Parsed:
    return alertmanager.parse(json.dumps({"version": "4", "alerts": alerts} | fields).encode(), NOW)


def _one(told: dict[str, Any]) -> Alert:
    [alert] = _tell(told).alerts
    return alert


def test_it_stands_in_the_table_of_webhooks() -> None:
    assert WEBHOOKS["alertmanager"] is alertmanager.parse


@pytest.mark.parametrize("name", ALERTMANAGER)
def test_captured_messages_are_understood_in_full(name: str) -> None:
    parsed = alertmanager.parse(captured(name), NOW)
    assert parsed.rejected == []
    told = told_alerts(name)
    assert [alert.labels for alert in parsed.alerts] == [one["labels"] for one in told]
    assert [alert.annotations for alert in parsed.alerts] == [one["annotations"] for one in told]
    assert [alert.status for alert in parsed.alerts] == [one["status"] for one in told]
    assert all(alert.source == "alertmanager" and not alert.leased for alert in parsed.alerts)


def test_a_firing_alert_promises_nothing() -> None:
    alert = _one(FIRING)
    assert (alert.status, alert.starts_at, alert.ends_at) == (AlertStatus.FIRING, at(-5), None)


def test_a_firing_alert_with_an_end_still_promises_nothing() -> None:
    assert _one(FIRING | {"endsAt": "2026-11-23T03:00:00Z"}).ends_at is None


def test_a_resolved_alert_tells_when_it_ended() -> None:
    alert = _one(RESOLVED)
    assert (alert.status, alert.starts_at, alert.ends_at) == (AlertStatus.RESOLVED, at(-5), at(-1))


@pytest.mark.parametrize("never", ["0001-01-01T00:00:00Z", "", None])
def test_a_resolved_alert_without_an_end_ended_when_it_was_heard_of(never: str | None) -> None:
    assert _one(RESOLVED | {"endsAt": never}).ends_at == NOW


def test_a_resolved_alert_ends_no_earlier_than_it_starts() -> None:
    alert = _one(RESOLVED | {"startsAt": "2026-11-23T03:59:30Z"})
    assert alert.ends_at == alert.starts_at == at(-0.5)


def test_a_resolved_alert_without_a_start_is_about_all_of_it() -> None:
    alert = _one(RESOLVED | {"startsAt": "0001-01-01T00:00:00Z"})
    assert (alert.starts_at, alert.ends_at) == (None, at(-1))


def test_one_message_holds_firing_and_resolved_alerts() -> None:
    parsed = _tell(FIRING, RESOLVED, status="firing")
    assert [alert.status for alert in parsed.alerts] == [AlertStatus.FIRING, AlertStatus.RESOLVED]


@pytest.mark.parametrize("alerts", [[], None])
def test_a_message_without_alerts_is_fine(alerts: list[Any] | None) -> None:
    assert _tell(alerts=alerts) == Parsed([], [])


def test_missing_annotations_and_times_are_fine() -> None:
    alert = _one({"status": "firing", "labels": {"alertname": "Down"}})
    assert (alert.annotations, alert.starts_at, alert.generator_url) == ({}, None, "")


@pytest.mark.parametrize("surprise", [{}, {"endsAt": None}], ids=["usual form", "careful way"])
def test_which_labels_tell_twins_apart_can_be_said(surprise: dict[str, Any]) -> None:
    told = FIRING | {"labels": {"alertname": "Down", "replica": "b"}} | surprise
    body = json.dumps({"version": "4", "alerts": [told]}).encode()
    [alert] = alertmanager.parse(body, NOW, Source(drop_labels=("replica",))).alerts
    assert (alert.labels, alert.label_set.replica) == ({"alertname": "Down"}, "b")


def test_new_fields_are_ignored() -> None:
    assert len(_tell(FIRING | {"colour": 1}, notification_reason="new", routeLabels={}).alerts) == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": "pending"}, 'status \'pending\' is neither "firing" nor "resolved"'),
        ({"status": 1}, "alerts.1.status: cannot read a number as a string"),
        ({"status": None}, 'status \'\' is neither "firing" nor "resolved"'),
        ({"labels": {}}, "at least one label pair required"),
        ({"labels": None}, "at least one label pair required"),
        ({"labels": {"": "x"}}, 'invalid label set: invalid name ""'),
        ({"labels": {"a": 1}}, "alerts.1.labels.a: cannot read a number as a string"),
        ({"annotations": {"": "x"}}, 'invalid annotations: invalid name ""'),
        ({"annotations": []}, "alerts.1.annotations: cannot read an array as an object"),
        ({"startsAt": "soon"}, "alerts.1.startsAt: cannot read 'soon' as an RFC 3339 time"),
        ({"endsAt": 5}, "alerts.1.endsAt: cannot read a number as a string"),
        ({"generatorURL": {}}, "alerts.1.generatorURL: cannot read an object as a string"),
    ],
)
def test_a_bad_alert_is_rejected_alone_for_a_refused_message_comes_back_for_ever(
    fault: dict[str, Any], reason: str
) -> None:
    parsed = _tell(FIRING, FIRING | fault, RESOLVED)
    assert len(parsed.alerts) == 2
    assert [(rejected.index, rejected.reason) for rejected in parsed.rejected] == [(1, reason)]
    assert parsed.rejected[0].excerpt


@pytest.mark.parametrize(("element", "kind"), [(None, "null"), (1, "a number"), ([], "an array")])
def test_what_is_no_alert_is_rejected_alone(element: Any, kind: str) -> None:
    parsed = _tell(FIRING, element)
    assert len(parsed.alerts) == 1
    assert [rejected.reason for rejected in parsed.rejected] == [f"alerts.1: cannot read {kind} as an alert"]


def test_a_lone_surrogate_in_a_rejected_alert_can_be_shown() -> None:
    body = b'{"version":"4","alerts":[{"status":"x\\ud800","labels":{"a":"b"}}]}'
    [rejected] = alertmanager.parse(body, NOW).rejected
    assert rejected.excerpt == '{"status": "x\\ud800", "labels": {"a": "b"}}'


UNKNOWN = (
    'is not known: expected "4", as Alertmanager writes it. If the receiver has a payload of its own (webhook_configs, '
    "payload), remove it"
)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty: a webhook message of Alertmanager is expected"),
        (b"[]", "cannot read an array as a webhook message of Alertmanager"),
        (b"null", "cannot read null as a webhook message of Alertmanager"),
        (b"{", "not JSON: Expecting property name enclosed in double quotes at character 1"),
        (b'{"version":"4","alerts":{"a":1}}', "alerts: cannot read an object as an array"),
        (b'{"version":4,"alerts":[]}', "version: cannot read a number as a string"),
        (b'{"version":"3","alerts":[]}', f"version '3' {UNKNOWN}"),
        (b'{"text":"a payload of one\'s own"}', f"version '' {UNKNOWN}"),
    ],
)
def test_what_is_no_message_is_refused_whole(body: bytes, message: str) -> None:
    with pytest.raises(MalformedBody) as raised:
        alertmanager.parse(body, NOW)
    assert (raised.value.status, raised.value.message) == (400, message)


def test_a_message_of_grafana_is_told_that_it_came_to_the_wrong_place() -> None:
    with pytest.raises(MalformedBody, match=r"this is a message of Grafana .* it belongs to /v1/grafana"):
        alertmanager.parse(captured("grafana-webhook-firing-constructed.json"), NOW)


def test_broken_text_goes_the_careful_way() -> None:
    body = b'{"version":"4","alerts":[{"status":"firing","labels":{"a":"x\xff"}}]}'
    [alert] = alertmanager.parse(body, NOW).alerts
    assert alert.labels == {"a": "x\ufffd"}


@pytest.mark.parametrize("alert", [b'{"status":"firing","labels":{"a":"b"}}', b"null"], ids=["an alert", "null"])
def test_too_many_alerts_are_refused_whole(alert: bytes) -> None:
    alerts = b",".join([alert] * (USUAL.alerts + 1))
    with pytest.raises(MalformedBody, match=r"the body has 150,001 alerts; at most 150,000 .* nothing") as raised:
        alertmanager.parse(b'{"version":"4","alerts":[' + alerts + b"]}", NOW)
    assert raised.value.status == 413


def test_an_alert_of_megabytes_is_rejected_alone() -> None:
    parsed = _tell(FIRING, FIRING | {"annotations": {"a": "x" * USUAL.labels_bytes}}, RESOLVED)
    assert len(parsed.alerts) == 2
    assert [(rejected.index, rejected.reason) for rejected in parsed.rejected] == [
        (1, "the annotations are larger than 2 MiB of JSON")
    ]


def test_more_objects_than_any_sender_writes_are_refused_before_they_are_decoded() -> None:
    with pytest.raises(MalformedBody, match="more than 1,500,000 objects"):
        alertmanager.parse(b"[" * (USUAL.objects + 1), NOW)
