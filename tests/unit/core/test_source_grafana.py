"""The message of Grafana's webhook contact point, as alerts."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.payloads import GRAFANA, captured, told_alerts
from tests.unit.times import NOW, at

from lookout.alerts.alert import Alert, AlertStatus, label_set
from lookout.alerts.shown import shown
from lookout.incidents.grouping import group_of, summary_of, title_of
from lookout.incidents.policy import Policy
from lookout.limits import USUAL
from lookout.sources import WEBHOOKS, grafana
from lookout.sources.parsed import MalformedBody, Parsed

FIRING: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "High CPU", "grafana_folder": "Infra", "instance": "db1"},
    "annotations": {"summary": "cpu high"},
    "startsAt": "2026-11-23T03:55:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "https://grafana.example.org/alerting/grafana/ceab1x/view",
    "fingerprint": "acda8163ee863603",
    "silenceURL": "https://grafana.example.org/alerting/silence/new",
    "dashboardURL": "https://grafana.example.org/d/abcd",
    "panelURL": "https://grafana.example.org/d/abcd?viewPanel=4",
    "ruleUID": "ceab1x",
    "values": {"A": 92, "C": 1},
    "valueString": "[ var='A' value=92 ], [ var='C' value=1 ]",
}
RESOLVED = FIRING | {"status": "resolved", "endsAt": "2026-11-23T03:59:00Z"}
NO_DATA: dict[str, Any] = FIRING | {
    "labels": {"alertname": "DatasourceNoData", "rulename": "High CPU", "datasource_uid": "p", "ref_id": "A"},
    "annotations": {"summary": "cpu high", "grafana_state_reason": "NoData"},
    "fingerprint": "b0b0b0b0b0b0b0b0",
    "values": None,
    "valueString": "",
}


def _tell(*alerts: Any, **fields: Any) -> Parsed:
    return grafana.parse(json.dumps({"version": "1", "alerts": alerts} | fields).encode(), NOW)


def _one(told: dict[str, Any]) -> Alert:
    [alert] = _tell(told).alerts
    return alert


def test_it_stands_in_the_table_of_webhooks() -> None:
    assert WEBHOOKS["grafana"] is grafana.parse


@pytest.mark.parametrize("name", GRAFANA)
def test_known_messages_are_understood_in_full(name: str) -> None:
    parsed = grafana.parse(captured(name), NOW)
    assert parsed.rejected == []
    told = told_alerts(name)
    assert [alert.labels for alert in parsed.alerts] == [one["labels"] for one in told]
    assert [alert.status for alert in parsed.alerts] == [one["status"] for one in told]
    assert [alert.fingerprint for alert in parsed.alerts] == [one["fingerprint"] for one in told]
    assert [dict(shown(alert.annotations).annotations) for alert in parsed.alerts] == [
        one["annotations"] for one in told
    ]
    assert all(alert.source == "grafana" and not alert.leased for alert in parsed.alerts)


def test_times_with_an_offset_are_read() -> None:
    first = grafana.parse(captured("grafana-webhook-firing-from-docs.json"), NOW).alerts[0]
    assert first.starts_at == datetime(2021, 10, 12, 7, 51, 3, 157076, tzinfo=UTC)


def test_a_firing_alert_promises_nothing() -> None:
    alert = _one(FIRING)
    assert (alert.status, alert.starts_at, alert.ends_at) == (AlertStatus.FIRING, at(-5), None)


def test_a_resolved_alert_tells_when_it_ended() -> None:
    alert = _one(RESOLVED)
    assert (alert.status, alert.starts_at, alert.ends_at) == (AlertStatus.RESOLVED, at(-5), at(-1))
    assert _one(RESOLVED | {"endsAt": "0001-01-01T00:00:00Z"}).ends_at == NOW
    assert _one(RESOLVED | {"endsAt": "2026-11-23T03:50:00Z"}).ends_at == at(-5)
    assert _one(RESOLVED | {"startsAt": ""}).starts_at is None


def test_links_and_values_are_kept_with_the_annotations() -> None:
    told = shown(_one(FIRING).annotations)
    assert told.links == {
        "dashboard": FIRING["dashboardURL"],
        "panel": FIRING["panelURL"],
        "silence": FIRING["silenceURL"],
    }
    assert told.values == {"A": 92, "C": 1}
    assert told.annotations == {"summary": "cpu high"}
    assert _one(FIRING).annotations["__ruleUID__"] == "ceab1x"
    assert _one(FIRING).annotations["__value_string__"] == FIRING["valueString"]


@pytest.mark.parametrize("values", [None, {}, [], "x", {"A": None, "B": "1", "C": True}])
def test_without_values_their_text_is_an_annotation(values: Any) -> None:
    annotations = _one(FIRING | {"values": values, "valueString": "[ value=NaN ]"}).annotations
    assert "__values__" not in annotations
    assert annotations["valueString"] == "[ value=NaN ]"


def test_empty_links_are_absent() -> None:
    annotations = _one(FIRING | {"dashboardURL": "", "panelURL": None, "silenceURL": ""}).annotations
    assert set(annotations) == {"summary", "__ruleUID__", "__values__", "__value_string__"}


def test_the_given_fingerprint_is_kept_for_it_covers_hidden_labels() -> None:
    assert _one(FIRING).fingerprint == "acda8163ee863603" != label_set(FIRING["labels"]).fingerprint


@pytest.mark.parametrize("given", ["", None, "x" * 65, "../..", "a b", "é", "a_b"])
def test_a_fingerprint_that_is_none_is_computed(given: str | None) -> None:
    assert _one(FIRING | {"fingerprint": given}).fingerprint == label_set(FIRING["labels"]).fingerprint


def test_no_label_is_taken_for_a_replicas() -> None:
    labels = {"alertname": "a", "prometheus_replica": "x", "empty": ""}
    alert = _one(FIRING | {"labels": labels})
    assert alert.labels == {"alertname": "a", "prometheus_replica": "x"}
    assert alert.label_set.replica == ""


@pytest.mark.parametrize(
    ("name", "summary"),
    [("DatasourceNoData", "No data: cpu high"), ("DatasourceError", "Cannot be evaluated: cpu high")],
)
def test_missing_data_and_failures_are_alerts_of_their_own_in_the_incident_of_their_rule(
    name: str, summary: str
) -> None:
    real, stand_in = _one(FIRING), _one(NO_DATA | {"labels": NO_DATA["labels"] | {"alertname": name}})
    group = group_of(stand_in.label_set, Policy())
    assert stand_in.fingerprint != real.fingerprint
    assert stand_in.labels["alertname"] == name
    assert group == group_of(real.label_set, Policy())
    assert title_of(stand_in, group) == title_of(real, group) == "High CPU"
    assert summary_of([stand_in], "High CPU") == summary


@pytest.mark.parametrize(
    ("annotations", "summary"),
    [
        ({"description": "cpu of db1"}, "No data: cpu of db1"),
        ({}, "No data: High CPU"),
    ],
)
def test_the_summary_of_missing_data_says_of_what(annotations: dict[str, str], summary: str) -> None:
    assert _one(NO_DATA | {"annotations": annotations}).annotations["summary"] == summary


def test_missing_data_of_no_named_rule_is_grouped_by_its_own_name() -> None:
    alert = _one(NO_DATA | {"labels": {"alertname": "DatasourceNoData"}, "annotations": {}})
    assert alert.annotations["summary"] == "No data"
    assert group_of(alert.label_set, Policy()).labels == {"alertname": "DatasourceNoData"}


def test_a_rulename_of_another_alert_is_a_label_like_any_other() -> None:
    alert = _one(FIRING | {"labels": {"alertname": "Down", "rulename": "High CPU"}})
    assert group_of(alert.label_set, Policy()).labels == {"alertname": "Down"}


@pytest.mark.parametrize("alerts", [[], None])
def test_a_message_without_alerts_is_fine(alerts: list[Any] | None) -> None:
    assert _tell(alerts=alerts) == Parsed([], [])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": "pending"}, 'status \'pending\' is neither "firing" nor "resolved"'),
        ({"labels": {}}, "at least one label pair required"),
        ({"labels": {"a": 1}}, "alerts.1.labels.a: cannot read a number as a string"),
        ({"startsAt": "soon"}, "alerts.1.startsAt: cannot read 'soon' as an RFC 3339 time"),
        ({"panelURL": 1}, "alerts.1.panelURL: cannot read a number as a string"),
        ({"fingerprint": 1}, "alerts.1.fingerprint: cannot read a number as a string"),
        ({"valueString": []}, "alerts.1.valueString: cannot read an array as a string"),
    ],
)
def test_a_bad_alert_is_rejected_alone(fault: dict[str, Any], reason: str) -> None:
    parsed = _tell(FIRING, FIRING | fault, RESOLVED)
    assert len(parsed.alerts) == 2
    assert [(rejected.index, rejected.reason) for rejected in parsed.rejected] == [(1, reason)]


def test_what_is_no_alert_is_rejected_alone() -> None:
    parsed = _tell(FIRING, None)
    assert [rejected.reason for rejected in parsed.rejected] == ["alerts.1: cannot read null as an alert"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty: a message of Grafana's webhook contact point is expected"),
        (b"[]", "cannot read an array as a message of Grafana's webhook contact point"),
        (b"{", "not JSON: Expecting property name enclosed in double quotes at character 1"),
        (b'{"version":"1","alerts":{"a":1}}', "alerts: cannot read an object as an array"),
        (b'{"version":1,"alerts":[]}', "version: cannot read a number as a string"),
    ],
)
def test_what_is_no_message_is_refused_whole(body: bytes, message: str) -> None:
    with pytest.raises(MalformedBody) as raised:
        grafana.parse(body, NOW)
    assert (raised.value.status, raised.value.message) == (400, message)


@pytest.mark.parametrize("body", [b'{"version":"2","alerts":[]}', b'{"text":"my own template"}'])
def test_an_unknown_message_names_the_custom_payload(body: bytes) -> None:
    with pytest.raises(MalformedBody, match="custom payload, remove it"):
        grafana.parse(body, NOW)


def test_a_message_of_alertmanager_is_told_where_it_belongs() -> None:
    with pytest.raises(MalformedBody, match="belongs to /v1/alertmanager"):
        grafana.parse(captured("alertmanager-0.33-webhook-firing.json"), NOW)


@pytest.mark.parametrize("body", [captured("grafana-legacy-webhook-from-docs.json"), b'{"rule_url":"x","title":"t"}'])
def test_a_legacy_message_is_told_which_setting_to_change(body: bytes) -> None:
    with pytest.raises(MalformedBody, match=r"enabled = true under \[unified_alerting\]"):
        grafana.parse(body, NOW)


@pytest.mark.parametrize("alert", [b'{"status":"firing","labels":{"a":"b"}}', b"null"], ids=["an alert", "null"])
def test_too_many_alerts_are_refused_whole(alert: bytes) -> None:
    alerts = b",".join([alert] * (USUAL.alerts + 1))
    with pytest.raises(MalformedBody, match=r"the body has 150,001 alerts; at most 150,000 .* nothing") as raised:
        grafana.parse(b'{"version":"1","alerts":[' + alerts + b"]}", NOW)
    assert raised.value.status == 413


def test_an_alert_of_megabytes_is_rejected_alone() -> None:
    parsed = _tell(FIRING, FIRING | {"annotations": {"a": "x" * USUAL.labels_bytes}}, RESOLVED)
    assert len(parsed.alerts) == 2
    assert [(rejected.index, rejected.reason) for rejected in parsed.rejected] == [
        (1, "the annotations are larger than 2 MiB of JSON")
    ]


def test_more_objects_than_any_sender_writes_are_refused_before_they_are_decoded() -> None:
    with pytest.raises(MalformedBody, match="more than 1,500,000 objects"):
        grafana.parse(b"[" * (USUAL.objects + 1), NOW)
