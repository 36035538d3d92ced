"""A parser gives out alerts or raises its one error, whatever the bytes; and its two readers agree."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.unit.payloads import ALERTMANAGER, EVENTS, GRAFANA, PROMETHEUS, captured
from tests.unit.times import NOW

from lookout.alerts.source import USUAL
from lookout.limits import USUAL as USUAL_LIMITS
from lookout.sources import alertmanager, events, grafana, prometheus
from lookout.sources.parsed import MalformedBody, Parsed

pytestmark = pytest.mark.no_cover  # measuring this many examples would take longer than running them

Parser = Callable[[bytes, datetime], Parsed]


def _parse_event(body: bytes, now: datetime) -> Parsed:
    return events.parse(body, now, "made")


PARSERS = pytest.mark.parametrize(
    "parse",
    [prometheus.parse, alertmanager.parse, grafana.parse, _parse_event],
    ids=["prometheus", "alertmanager", "grafana", "events"],
)
REAL = [captured(name) for name in (*ALERTMANAGER, *EVENTS, *GRAFANA, *PROMETHEUS) if "full-batch" not in name]

TEXTS = st.text(max_size=8) | st.sampled_from(["firing", "resolved", "4", "1", "2026-11-23T03:00:00Z", "/x", "\x00"])
KEYS = st.sampled_from(
    ["version", "alerts", "status", "labels", "LABELS", "annotations", "startsAt", "endsAt", "generatorURL", "a", ""]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def _outcome(parse: Parser, body: bytes) -> tuple[Parsed, MalformedBody | None]:
    try:
        return parse(body, NOW), None
    except MalformedBody as refusal:
        return Parsed([], []), refusal


def _check(parse: Parser, body: bytes) -> None:
    parsed, refusal = _outcome(parse, body)
    if refusal is not None:
        assert refusal.message
        assert refusal.status in (400, 422)
        refusal.message.encode()
    for alert in parsed.alerts:
        "".join((*alert.labels, *alert.labels.values(), *alert.annotations, *alert.annotations.values())).encode()
        assert alert.ends_at is not None or not alert.leased
        assert all(moment is None or moment.tzinfo is not None for moment in (alert.starts_at, alert.ends_at))
    for rejected in parsed.rejected:
        assert rejected.reason
        (rejected.reason + rejected.excerpt).encode()


@PARSERS
@examples(150)
@given(body=st.binary(max_size=60))
def test_any_bytes(parse: Parser, body: bytes) -> None:
    _check(parse, body)


@PARSERS
@examples(200)
@given(value=VALUES, ascii_only=st.booleans())
def test_any_json(parse: Parser, value: Any, ascii_only: bool) -> None:
    _check(parse, json.dumps(value, ensure_ascii=ascii_only).encode(errors="surrogatepass"))


@PARSERS
@examples(200)
@given(
    alerts=st.lists(st.dictionaries(KEYS, VALUES | st.dictionaries(TEXTS, TEXTS, max_size=3), max_size=6), max_size=3)
)
def test_any_alerts_in_their_frame(parse: Parser, alerts: list[dict[str, Any]]) -> None:
    value = (
        alerts if parse is prometheus.parse else {"version": "1" if parse is grafana.parse else "4", "alerts": alerts}
    )
    _check(parse, json.dumps(value).encode())


OF_GRAFANA = st.sampled_from(["fingerprint", "values", "valueString", "dashboardURL", "imageURL", "ruleUID", "status"])


@examples(200)
@given(
    labels=st.dictionaries(st.sampled_from(["alertname", "rulename", "a"]), TEXTS | st.just("DatasourceNoData")),
    fields=st.dictionaries(OF_GRAFANA, VALUES),
)
def test_any_fields_of_an_alert_of_grafana(labels: dict[str, str], fields: dict[str, Any]) -> None:
    alert = {"status": "firing", "labels": labels, **fields}
    _check(grafana.parse, json.dumps({"version": "1", "alerts": [alert]}).encode())


OF_EVENTS = st.sampled_from(["routing_key", "dedup_key", "payload", "links", "images", "client", "client_url", "x"])
OF_PAYLOADS = st.sampled_from(["summary", "source", "severity", "timestamp", "group", "custom_details"])
SENT = {"routing_key": "k", "dedup_key": "d"}
TOLD_OF = {"summary": "s", "source": "h", "severity": "page"}


@examples(300)
@given(
    action=st.sampled_from(["trigger", "acknowledge", "resolve"]) | VALUES,
    event=st.dictionaries(OF_EVENTS, VALUES),
    payload=st.dictionaries(OF_PAYLOADS, VALUES),
    ascii_only=st.booleans(),
)
def test_any_fields_of_an_event(action: Any, event: dict[str, Any], payload: dict[str, Any], ascii_only: bool) -> None:
    value = {**SENT, "event_action": action, "payload": {**TOLD_OF, **payload}, **event}
    _check(_parse_event, json.dumps(value, ensure_ascii=ascii_only).encode(errors="surrogatepass"))


@PARSERS
@examples(300)
@given(
    payload=st.sampled_from(REAL),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.binary(max_size=6)), min_size=1, max_size=4),
)
def test_a_real_payload_with_bytes_changed(
    parse: Parser, payload: bytes, edits: list[tuple[float, int, bytes]]
) -> None:
    for place, removed, inserted in edits:
        start = int(place * len(payload))
        payload = payload[:start] + inserted + payload[start + removed :]
    _check(parse, payload)


@PARSERS
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b'[{"labels":{"a":"' + b"\\" * 1_000_001,
        b'[{"labels":{"a":"' + b"\xff" * 1_000_000 + b'"}}]',
        b'{"version":"4","alerts":[{"startsAt":"' + b"9" * 1_000_000 + b'"}]}',
        b"[" + b"1" * 1_000_000 + b"]",
        b'"' * 300_000 + b"[" * 300,
        b'[{"generatorURL":"' + b":" * 1_000_000 + b'","labels":{"a":"b"}}]',
        b'[{"labels":{' + b'"":"",' * 100_000 + b'"":""}}]',
    ],
    ids=[
        "brackets", "objects", "backslashes", "broken bytes", "a long time", "a long number", "quotes", "colons",
        "labels without a name",
    ],
)  # fmt: skip
def test_a_megabyte_of_malice_is_answered(parse: Parser, body: bytes) -> None:
    _check(parse, body)


NAMES = st.text(min_size=1, max_size=6)
LABELS = st.dictionaries(NAMES, st.text(max_size=6), max_size=4)
TIMES = st.sampled_from(
    ["", "0001-01-01T00:00:00Z", "2026-11-23T03:00:00Z", "2026-11-23T04:00:00+01:00", "2026-11-23T05:00:00.123456789Z"]
)
URLS = st.sampled_from(["", "http://x/y", "/y", "urn:x"])
POSTED = st.fixed_dictionaries(
    {"labels": LABELS}, optional={"annotations": LABELS, "startsAt": TIMES, "endsAt": TIMES, "generatorURL": URLS}
)
TOLD = st.fixed_dictionaries(
    {"labels": LABELS, "status": st.sampled_from(["firing", "resolved", "pending"])},
    optional={"annotations": LABELS, "startsAt": TIMES, "endsAt": TIMES, "generatorURL": URLS},
)


def _essence(parsed: Parsed) -> tuple[object, ...]:
    """All but the excerpts, which show a part in the form in which it was read."""
    return parsed.alerts, [(rejected.index, rejected.reason) for rejected in parsed.rejected]


@examples(200)
@given(st.lists(POSTED, max_size=4))
def test_prometheus_readers_agree_on_well_formed_requests(posted: list[dict[str, Any]]) -> None:
    body = json.dumps(posted).encode()
    usual = prometheus._parse_usual(body, NOW, USUAL, USUAL_LIMITS)  # pyright: ignore[reportPrivateUsage]
    as_go = prometheus._parse_as_go(body, NOW, USUAL, USUAL_LIMITS)  # pyright: ignore[reportPrivateUsage]
    assert _essence(usual) == _essence(as_go)


@examples(200)
@given(st.lists(TOLD, max_size=4))
def test_alertmanager_readers_agree_on_well_formed_messages(told: list[dict[str, Any]]) -> None:
    body = json.dumps({"version": "4", "alerts": told}).encode()
    usual = alertmanager._parse_usual(body, NOW, USUAL, USUAL_LIMITS)  # pyright: ignore[reportPrivateUsage]
    as_go = alertmanager._parse_as_go(body, NOW, USUAL, USUAL_LIMITS)  # pyright: ignore[reportPrivateUsage]
    assert _essence(usual) == _essence(as_go)
