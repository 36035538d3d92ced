"""What Prometheus and its kin post, as alerts."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.unit.payloads import PROMETHEUS, captured, told_alerts
from tests.unit.times import NOW, at

from lookout.alerts.alert import Alert, AlertStatus
from lookout.alerts.source import Source
from lookout.limits import USUAL, Limits
from lookout.sources import prometheus
from lookout.sources.parsed import EXCERPT_LENGTH, REJECTED_LIMIT, MalformedBody, Parsed
from lookout.sources.reading import LINK_LIMIT

LABELS = {"alertname": "Down", "job": "api"}


def _post(*alerts: Any, now: datetime = NOW) -> Parsed:
    return prometheus.parse(json.dumps(alerts).encode(), now)


def _one(**fields: Any) -> Alert:
    [alert] = _post({"labels": LABELS} | fields).alerts
    return alert


def _time(moment: datetime) -> str:
    return moment.isoformat()


@pytest.mark.parametrize("name", PROMETHEUS)
def test_captured_requests_are_understood_in_full(name: str) -> None:
    parsed = prometheus.parse(captured(name), NOW)
    assert parsed.rejected == []
    told = told_alerts(name)
    assert [alert.labels for alert in parsed.alerts] == [one["labels"] for one in told]
    assert [alert.annotations for alert in parsed.alerts] == [one.get("annotations", {}) for one in told]
    assert [alert.generator_url for alert in parsed.alerts] == [one["generatorURL"] for one in told]
    assert all(alert.source == "prometheus" and alert.leased for alert in parsed.alerts)


def test_a_full_batch_of_prometheus_2_42_is_64_alerts() -> None:
    assert len(prometheus.parse(captured("prometheus-2.42-post-alerts-full-batch-64.json"), NOW).alerts) == 64


def test_a_promise_that_reaches_beyond_now_is_a_firing_alert() -> None:
    alert = _one(startsAt=_time(at(-1)), endsAt=_time(at(3)))
    assert (alert.status, alert.starts_at, alert.ends_at) == (AlertStatus.FIRING, at(-1), at(3))


@pytest.mark.parametrize("ends_at", [at(-1), NOW], ids=["past", "this moment"])
def test_an_end_that_is_reached_is_a_resolved_alert(ends_at: datetime) -> None:
    alert = _one(startsAt=_time(at(-2)), endsAt=_time(ends_at))
    assert (alert.status, alert.ends_at) == (AlertStatus.RESOLVED, ends_at)


@pytest.mark.parametrize("ends_at", [{}, {"endsAt": "0001-01-01T00:00:00Z"}, {"endsAt": ""}, {"endsAt": None}])
def test_without_an_end_it_fires_for_the_resolve_timeout(ends_at: dict[str, Any]) -> None:
    alert = _one(startsAt=_time(at(-60)), **ends_at)
    assert (alert.status, alert.ends_at) == (AlertStatus.FIRING, at(5))


def test_without_a_start_none_is_made_up() -> None:
    assert _one(endsAt=_time(at(4))).starts_at is None


def test_annotations_may_be_absent() -> None:
    assert _one().annotations == {}


def test_an_empty_label_value_is_no_label() -> None:
    [alert] = _post({"labels": LABELS | {"empty": ""}}).alerts
    assert alert.labels == LABELS


def test_the_replica_is_kept_as_provenance() -> None:
    [alert] = _post({"labels": LABELS | {"prometheus_replica": "b"}}).alerts
    assert alert.labels == LABELS
    assert alert.label_set.replica == "b"


@pytest.mark.parametrize("surprise", [{}, {"unknown": 1}], ids=["usual form", "careful way"])
def test_which_labels_tell_twins_apart_can_be_said(surprise: dict[str, Any]) -> None:
    body = json.dumps([{"labels": LABELS | {"replica": "b", "prometheus_replica": "c"}} | surprise]).encode()
    [alert] = prometheus.parse(body, NOW, Source(drop_labels=("replica",))).alerts
    assert alert.labels == LABELS | {"prometheus_replica": "c"}
    assert alert.label_set.replica == "b"
    # The same bytes are read anew where other labels are dropped.
    [usual] = prometheus.parse(body, NOW).alerts
    assert (usual.labels, usual.label_set.replica) == (LABELS | {"replica": "b"}, "c")


@pytest.mark.parametrize("surprise", [{}, {"unknown": 1}], ids=["usual form", "careful way"])
def test_how_long_an_alert_without_an_end_fires_can_be_said(surprise: dict[str, Any]) -> None:
    source = Source(expiry=timedelta(minutes=10))
    alerts = [{"labels": LABELS, "startsAt": _time(at(minutes))} | surprise for minutes in (9, 11)]
    parsed = prometheus.parse(json.dumps(alerts).encode(), NOW, source)
    assert [alert.ends_at for alert in parsed.alerts] == [at(10)]
    assert [rejected.index for rejected in parsed.rejected] == [1]


def test_a_replica_label_alone_is_a_label_pair_too() -> None:
    """Alertmanager takes it, and so the sender must not hear that it was refused."""
    parsed = _post({"labels": {"prometheus_replica": "b"}})
    assert len(parsed.alerts) == 1


def test_an_alert_without_a_name_is_called_by_its_fingerprint() -> None:
    [alert] = _post({"labels": {"job": "x"}}).alerts
    assert alert.name == alert.fingerprint
    assert _one().name == "Down"


@pytest.mark.parametrize(
    "fault",
    [
        {"labels": {"": "x"}},
        {"labels": {}},
        {"labels": LABELS, "annotations": {"": "x"}},
        {"labels": LABELS, "startsAt": _time(at(1)), "endsAt": _time(at(0))},
        {"labels": LABELS, "startsAt": _time(at(6))},
    ],
)
@pytest.mark.parametrize("surprise", [{}, {"unknown": 1}], ids=["usual form", "careful way"])
def test_a_bad_alert_is_rejected_alone(fault: dict[str, Any], surprise: dict[str, Any]) -> None:
    parsed = _post({"labels": LABELS}, fault | surprise, {"labels": LABELS})
    assert len(parsed.alerts) == 2
    assert [rejected.index for rejected in parsed.rejected] == [1]


@pytest.mark.parametrize("surprise", [{}, {"unknown": 1}], ids=["usual form", "careful way"])
def test_a_rejected_alert_keeps_a_bounded_excerpt_of_what_was_sent(surprise: dict[str, Any]) -> None:
    [rejected] = _post({"labels": {}, "annotations": {"summary": "é" * 10_000}} | surprise).rejected
    assert "summary" in rejected.excerpt
    assert len(rejected.excerpt) <= EXCERPT_LENGTH


@pytest.mark.parametrize("surprise", [{}, {"unknown": 1}], ids=["usual form", "careful way"])
def test_i8_a_link_without_an_end_is_left_out_and_the_alert_is_taken(surprise: dict[str, Any]) -> None:
    start = "http://prometheus.example/graph?g0.expr="
    longest = start + "x" * (LINK_LIMIT - len(start))
    assert _one(generatorURL=longest, **surprise).generator_url == longest
    assert _one(generatorURL=longest + "x", **surprise).generator_url == ""


def test_a_start_within_the_resolve_timeout_may_be_ahead_of_the_clock() -> None:
    assert _one(startsAt=_time(at(5))).status is AlertStatus.FIRING


@pytest.mark.parametrize(
    "url", ["", "http://x/graph?g0.expr=up", "/graph", "https://[::1]:9090/", "urn:a:b", "mailto:x@example.org"]
)
def test_a_generator_url_is_a_uri_or_a_path(url: str) -> None:
    assert _one(generatorURL=url).generator_url == url


@pytest.mark.parametrize("url", ["not a uri", "graph", "urn:a b", "ftp://[broken"])
@pytest.mark.parametrize("surprise", [{}, {"unknown": 1}], ids=["usual form", "careful way"])
def test_another_generator_url_costs_the_batch_as_the_schema_says(url: str, surprise: dict[str, Any]) -> None:
    with pytest.raises(MalformedBody) as raised:
        _post({"labels": LABELS, "generatorURL": url} | surprise)
    assert (raised.value.status, raised.value.code) == (422, 601)
    assert raised.value.message == f'0.generatorURL in body must be of type uri: "{url}"'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "cannot read an object as an array of alerts"),
        (b'"x"', "cannot read a string as an array of alerts"),
        (b"[1]", "0: cannot read a number as an alert"),
        (b'[{"labels":[]}]', "0.labels: cannot read an array as an object"),
        (b'[{"labels":{"a":true}}]', "0.labels.a: cannot read a boolean as a string"),
        (b'[{"labels":{"a":"b"},"annotations":"x"}]', "0.annotations: cannot read a string as an object"),
        (b'[{"labels":{"a":"b"},"endsAt":{}}]', "0.endsAt: cannot read an object as a string"),
        (b'[{"labels":{"a":"b"},"generatorURL":1}]', "0.generatorURL: cannot read a number as a string"),
        (b'[{"labels":{"a":"b"},"endsAt":"soon"}]', "0.endsAt: cannot read 'soon' as an RFC 3339 time"),
    ],
)
def test_another_shape_costs_the_batch_and_is_named_with_its_place(body: bytes, message: str) -> None:
    with pytest.raises(MalformedBody) as raised:
        prometheus.parse(body, NOW)
    assert (raised.value.status, raised.value.message) == (400, message)


def test_a_type_error_comes_before_a_missing_field_as_decoding_comes_before_validation() -> None:
    with pytest.raises(MalformedBody) as raised:
        _post({"annotations": {}}, {"labels": 1})
    assert raised.value.status == 400


def test_a_lone_surrogate_in_a_rejected_alert_can_be_shown() -> None:
    body = b'[{"labels":{"":"x\\ud800"}}]'
    [rejected] = prometheus.parse(body, NOW).rejected
    assert "x" in rejected.excerpt


def test_a_large_label_set_and_large_annotations_are_read_like_small_ones() -> None:
    large = {f"label_{number}": "x" * 50 for number in range(200)}
    [alert] = _post({"labels": large, "annotations": large}).alerts
    assert alert.labels == large
    assert alert.annotations == large


SURPRISES = pytest.mark.parametrize("surprise", [{}, {"unknown": 1}], ids=["usual form", "careful way"])
MEBIBYTE = 1024 * 1024


@SURPRISES
@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_an_alert_of_too_many_labels_is_rejected_alone(field: str, surprise: dict[str, Any]) -> None:
    texts = {f"a{number}": "x" for number in range(USUAL.labels)}
    many = {"labels": LABELS} | {field: texts} | surprise
    too_many = {"labels": LABELS} | {field: {**texts, "one": "more"}} | surprise
    parsed = _post(many, too_many, {"labels": LABELS})
    assert len(parsed.alerts) == 2
    [rejected] = parsed.rejected
    assert (rejected.index, rejected.reason) == (1, "more than 10,000 labels, or annotations")


@SURPRISES
@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_an_alert_of_megabytes_is_rejected_alone(field: str, surprise: dict[str, Any]) -> None:
    huge = {"labels": LABELS} | {field: {"a": "x" * (2 * MEBIBYTE)}} | surprise
    parsed = _post({"labels": LABELS}, huge, {"labels": LABELS})
    assert len(parsed.alerts) == 2
    [rejected] = parsed.rejected
    assert (rejected.index, rejected.reason) == (1, f"the {field} are larger than 2 MiB of JSON")
    assert len(rejected.excerpt) <= EXCERPT_LENGTH


@SURPRISES
def test_a_value_of_a_mebibyte_is_taken_as_alertmanager_takes_it(surprise: dict[str, Any]) -> None:
    value = "x" * MEBIBYTE
    [alert] = _post({"labels": {"a": value}, "annotations": {"b": value}} | surprise).alerts
    assert (alert.labels, alert.annotations) == ({"a": value}, {"b": value})


@SURPRISES
def test_what_counts_is_the_text_and_not_how_it_was_written(surprise: dict[str, Any]) -> None:
    """Written in ASCII, as `json.dumps` does, a character of two bytes is six."""
    [alert] = _post({"labels": LABELS, "annotations": {"a": "é" * (MEBIBYTE - 100)}} | surprise).alerts
    assert len(alert.annotations["a"]) == MEBIBYTE - 100


@pytest.mark.parametrize("alert", [b'{"labels":{"a":"b"}}', b"null"], ids=["usual form", "careful way"])
def test_too_many_alerts_are_refused_whole(alert: bytes) -> None:
    body = b"[" + b",".join([alert] * (USUAL.alerts + 1)) + b"]"
    with pytest.raises(MalformedBody) as raised:
        prometheus.parse(body, NOW)
    assert (raised.value.status, raised.value.code) == (413, 413)
    assert raised.value.message == (
        "the body has 150,001 alerts; at most 150,000 are taken at once; nothing of it was taken"
    )


def test_a_hundred_thousand_alerts_are_taken() -> None:
    body = b"[" + b",".join([b'{"labels":{"a":"b"}}'] * 100_000) + b"]"
    assert len(prometheus.parse(body, NOW).alerts) == 100_000


def test_more_objects_than_any_sender_writes_are_refused_before_they_are_decoded() -> None:
    body = b"[" + b",".join([b"{}"] * USUAL.objects) + b"]"
    with pytest.raises(MalformedBody, match="more than 1,500,000 objects") as raised:
        prometheus.parse(body, NOW)
    assert raised.value.status == 413


def test_braces_in_a_text_are_no_objects() -> None:
    templates = {str(number): "{" * MEBIBYTE for number in range(2)}
    assert len(_post(*({"labels": LABELS, "annotations": {"a": text}} for text in templates.values())).alerts) == 2


def test_of_many_rejected_alerts_the_first_are_told_and_the_rest_counted() -> None:
    parsed = _post({"labels": LABELS}, *({"labels": {}} for _ in range(REJECTED_LIMIT + 1)))
    assert parsed.rejected_count == REJECTED_LIMIT + 1
    assert (parsed.rejected[-1].index, parsed.rejected[-1].reason) == (REJECTED_LIMIT + 1, "and 1 more")
    parsed = _post(*({"labels": {}} for _ in range(2000)))
    assert parsed.rejected_count == 2000
    assert len(parsed.rejected) == REJECTED_LIMIT + 1
    assert {rejected.reason for rejected in parsed.rejected[:-1]} == {"at least one label pair required"}
    assert (parsed.rejected[-1].index, parsed.rejected[-1].reason) == (REJECTED_LIMIT, "and 1,900 more")


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(name_length=4), "the name of one of the labels is longer than 4 characters"),
        (Limits(value_length=3), "the value of one of the labels is longer than 3 characters"),
    ],
)
def test_i9_an_alert_with_a_longer_name_or_value_than_is_set_is_rejected_alone(limits: Limits, reason: str) -> None:
    body = json.dumps([{"labels": {"job": "api"}}, {"labels": {"jobs!": "apis"}}]).encode()
    parsed = prometheus.parse(body, NOW, limits=limits)
    assert ([dict(alert.labels) for alert in parsed.alerts], [one.reason for one in parsed.rejected]) == (
        [{"job": "api"}],
        [reason],
    )
