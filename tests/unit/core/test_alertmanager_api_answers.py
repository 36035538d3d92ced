"""`POST /api/v2/alerts` answers as Alertmanager 0.33 does: every row of the captured table that is about the body.

`tests/wire/bad-input-alertmanager-0.33.txt` holds what the real program answered. The rows about HTTP itself (methods,
content types, paths) are listed here too, so that no row of the table can be forgotten; they are tested over HTTP.
"""

import json
import re
from typing import Any

import pytest
from tests.unit.payloads import WIRE
from tests.unit.times import NOW

from lookout.sources import prometheus
from lookout.sources.parsed import MalformedBody

GOOD: dict[str, Any] = {"labels": {"alertname": "Good"}}


def _labels(**labels: Any) -> bytes:
    return json.dumps([{"labels": labels}]).encode()


def _named(name: str) -> bytes:
    return json.dumps([{"labels": {"alertname": "A", name: "x"}}]).encode()


def _with(**fields: Any) -> bytes:
    return json.dumps([GOOD | fields]).encode()


BODIES: dict[str, bytes] = {
    "ok minimal": json.dumps([GOOD]).encode(),
    "empty array": b"[]",
    "null body": b"null",
    "no body": b"",
    "object not array": json.dumps(GOOD).encode(),
    "invalid json": b"{",
    "trailing garbage": json.dumps([GOOD]).encode() + b" trailing }",
    "labels missing": b'[{"annotations":{"a":"b"}}]',
    "labels null": b'[{"labels":null}]',
    "labels empty": b'[{"labels":{}}]',
    "labels all empty values": _labels(a="", b=""),
    "no alertname": _labels(job="x"),
    "label value number": _labels(alertname="A", n=1),
    "label value null": _labels(alertname="A", n=None),
    "label name dash": _named("a-b"),
    "label name utf8": _named("café"),
    "label name empty": _named(""),
    "label name leading digit": _named("1a"),
    "annotation name dash": _with(annotations={"a-b": "x"}),
    "annotation name empty": _with(annotations={"": "x"}),
    "label value NUL": b'[{"labels":{"alertname":"A","n":"x\\u0000y"}}]',
    "label value lone surrogate": b'[{"labels":{"alertname":"A","n":"x\\ud800y"}}]',
    "label value raw invalid utf8": b'[{"labels":{"alertname":"A","n":"x\xff\xfey"}}]',
    "label value 1MiB": _labels(alertname="A", n="x" * 2**20),
    "startsAt garbage": _with(startsAt="yesterday"),
    "startsAt number": _with(startsAt=1764000000),
    "startsAt empty string": _with(startsAt=""),
    "startsAt null": _with(startsAt=None),
    "startsAt no tz": _with(startsAt="2026-11-23T03:00:00"),
    "startsAt date only": _with(startsAt="2026-11-23"),
    "startsAt offset": _with(startsAt="2026-11-23T04:00:00+01:00"),
    "startsAt lower t/z": _with(startsAt="2026-11-23t03:00:00z"),
    "endsAt before startsAt": _with(startsAt="2026-11-23T03:00:00Z", endsAt="2026-11-23T02:00:00Z"),
    "endsAt zero": _with(startsAt="2026-11-23T03:00:00Z", endsAt="0001-01-01T00:00:00Z"),
    "endsAt only, past": _with(endsAt="2026-11-23T03:00:00Z"),
    "year 9999": _with(startsAt="9999-12-31T23:59:59Z"),
    "year 10000": _with(startsAt="10000-01-01T00:00:00Z"),
    "future startsAt no endsAt": _with(startsAt="2026-11-23T06:00:00Z"),
    "generatorURL not uri": _with(generatorURL="not a uri"),
    "generatorURL empty": _with(generatorURL=""),
    "unknown field": _with(surprise={"a": [1, 2]}),
    "case-insens keys": b'[{"LABELS":{"alertname":"A"},"StartsAt":"2026-11-23T03:00:00Z"}]',
    "dup keys": b'[{"labels":{"alertname":"A"},"labels":{"alertname":"B"}}]',
    "NaN": b'[{"labels":{"alertname":"A"},"x":NaN}]',
    "partial: 1 good 1 bad": json.dumps([GOOD, {"labels": {"alertname": "A", "": "x"}}, {"labels": {}}]).encode(),
    "partial: 1 good 1 bad date": json.dumps([GOOD, GOOD | {"startsAt": "zz"}]).encode(),
    "deep nesting 20000": b'[{"labels":{"alertname":"A"},"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}]",
    "huge int": b'[{"labels":{"alertname":"A"},"x":' + b"1" * 5000 + b"}]",
    "gzip body": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "BOM": b"\xef\xbb\xbf[]",
}

ABOUT_HTTP = {
    "no content-type", "ct text/plain", "ct json charset", "ct json utf-16", "ct form", "PUT", "DELETE",
    "trailing slash", "v1", "accept xml", "HEAD status", "OPTIONS alerts",
}  # fmt: skip

LOOKOUT_DIFFERS = {"array with null"}


def _captured_answers() -> dict[str, tuple[int, str]]:
    """What the real Alertmanager answered: name of the row to status and body."""
    rows: dict[str, tuple[int, str]] = {}
    for line in (WIRE / "bad-input-alertmanager-0.33.txt").read_text().splitlines():
        if line.startswith("GET "):
            continue
        if match := re.fullmatch(r"(.+?) +(\d{3}) (?:application/json|None) b'(.*)'", line):
            rows[match[1]] = (int(match[2]), match[3].encode().decode("unicode_escape"))
        else:
            rows[line.split(" EXC ")[0]] = (0, "")
    return rows


ANSWERS = _captured_answers()


def _answer(body: bytes) -> tuple[int, str]:
    """The status that the parser's result stands for, and the texts of it."""
    try:
        parsed = prometheus.parse(body, NOW)
    except MalformedBody as error:
        return error.status, error.message
    return (400 if parsed.rejected else 200), "\n".join(rejected.reason for rejected in parsed.rejected)


def test_every_row_of_the_table_is_taken_care_of() -> None:
    assert BODIES.keys() | ABOUT_HTTP | LOOKOUT_DIFFERS == ANSWERS.keys()


@pytest.mark.parametrize("name", BODIES)
def test_same_status_as_alertmanager(name: str) -> None:
    status, _ = _answer(BODIES[name])
    assert status == ANSWERS[name][0]


@pytest.mark.parametrize("name", [name for name in BODIES if ANSWERS[name][0] == 422])
def test_same_code_and_message_where_the_schema_refuses(name: str) -> None:
    with pytest.raises(MalformedBody) as raised:
        prometheus.parse(BODIES[name], NOW)
    assert {"code": raised.value.code, "message": raised.value.message} == json.loads(ANSWERS[name][1])


@pytest.mark.parametrize("name", [name for name in BODIES if ANSWERS[name][1].startswith('"')])
def test_same_text_where_the_handler_refuses_single_alerts(name: str) -> None:
    """Alertmanager joins the reasons of a batch with newlines."""
    _, text = _answer(BODIES[name])
    assert sorted(text.split("\n")) == sorted(json.loads(ANSWERS[name][1]).split("\n"))


def test_the_good_alerts_of_a_partial_batch_are_parsed_and_the_bad_named() -> None:
    parsed = prometheus.parse(BODIES["partial: 1 good 1 bad"], NOW)
    assert [alert.labels for alert in parsed.alerts] == [{"alertname": "Good"}]
    assert [(rejected.index, rejected.reason) for rejected in parsed.rejected] == [
        (1, 'invalid label set: invalid name ""'),
        (2, "at least one label pair required"),
    ]


def test_a_bad_time_costs_the_whole_batch_as_in_alertmanager() -> None:
    with pytest.raises(MalformedBody, match=r"^1\.startsAt: cannot read 'zz' as an RFC 3339 time$"):
        prometheus.parse(BODIES["partial: 1 good 1 bad date"], NOW)


def test_differs_null_element_is_rejected_alone_where_alertmanager_panics_and_loses_the_batch() -> None:
    parsed = prometheus.parse(json.dumps([GOOD, None, GOOD]).encode(), NOW)
    assert len(parsed.alerts) == 2
    assert [(rejected.index, rejected.reason) for rejected in parsed.rejected] == [(1, "null is not an alert")]


def test_differs_empty_start_means_absent_where_alertmanager_reads_1970() -> None:
    """It answers the same. An alert that began in 1970 helps nobody."""
    [alert] = prometheus.parse(BODIES["startsAt empty string"], NOW).alerts
    assert alert.starts_at is None


@pytest.mark.parametrize(("depth", "status"), [(198, 200), (199, 400), (10_001, 400)])
def test_differs_depth_ends_at_200_where_go_ends_at_10000(depth: int, status: int) -> None:
    """The array and the alert are two of them. Python's scanner recurses; no sender nests at all."""
    body = b'[{"labels":{"a":"b"},"X":' + b"[" * depth + b"]" * depth + b"}]"
    assert _answer(body)[0] == status
