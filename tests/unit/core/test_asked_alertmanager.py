"""What an Alertmanager lists, as the alerts that its webhook would have told."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.payloads import captured
from tests.unit.times import NOW, at

from lookout.alerts.alert import AlertStatus
from lookout.alerts.answer import Answer
from lookout.alerts.source import USUAL, Source
from lookout.sources import QUESTIONS
from lookout.sources.asking import Asked
from lookout.sources.parsed import MalformedBody

QUESTION = QUESTIONS["alertmanager"]
CAPTURED = [captured(f"asked-alertmanager-0.25-{name}.json") for name in ("status", "alerts")]
STATUS = json.dumps({"uptime": "2026-11-23T03:00:00Z"}).encode()


def _read(bodies: Sequence[bytes] = CAPTURED, source: Source = USUAL) -> Answer:
    return QUESTION.read(Asked("http://alertmanager.example:9093", NOW, NOW, bodies), source)


def _made(*alerts: dict[str, Any]) -> tuple[bytes, bytes]:
    return STATUS, json.dumps(alerts).encode()


def _alert(state: str = "active", **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": "Down", **labels},
        "annotations": {},
        "startsAt": "2026-11-23T03:00:00Z",
        "status": {"state": state},
    }


def test_the_real_one_tells_what_fires_and_what_is_silenced() -> None:
    answer = _read()
    (fires,) = answer.alerts
    assert fires.labels == {"alertname": "TargetDown", "instance": "web-1"}
    assert fires.label_set.replica == "a"
    assert fires.annotations == {"summary": "web-1 is down"}
    assert fires.generator_url == "http://prometheus.example/graph"
    assert (fires.source, fires.status, fires.leased) == ("alertmanager", AlertStatus.FIRING, False)
    assert fires.starts_at is not None
    assert fires.starts_at.microsecond == 123_000
    assert [alert.labels["instance"] for alert in answer.muted] == ["web-2"]
    assert not answer.unsettled


def test_it_speaks_of_every_alert() -> None:
    answer = _read()
    assert (answer.replica, answer.rules) == (None, None)


def test_its_start_is_told() -> None:
    assert _read(_made()).running_since == at(-60)


def test_it_is_asked_for_what_its_receiver_gets_if_that_is_named() -> None:
    assert QUESTION.paths(USUAL) == ("/api/v2/status", "/api/v2/alerts")
    named = QUESTION.paths(Source(alertmanager_receiver="team/look.out"))
    assert named == ("/api/v2/status", r"/api/v2/alerts?receiver=team/look%5C.out")


def test_what_it_has_not_looked_at_is_not_settled() -> None:
    answer = _read(_made(_alert("unprocessed")))
    assert (answer.alerts, answer.muted, len(answer.unsettled)) == ([], [], 1)


def test_an_alert_that_would_be_refused_is_not_taken() -> None:
    answer = _read(_made({**_alert(), "labels": {"": "x"}}, _alert()))
    assert (len(answer.alerts), len(answer.unsettled)) == (1, 1)


@pytest.mark.parametrize(
    "bodies",
    [
        pytest.param((STATUS, b"{"), id="not JSON"),
        pytest.param((STATUS, b"{}"), id="another shape"),
        pytest.param((STATUS, b'[{"labels": {}}]'), id="half an alert"),
        pytest.param((b"{}", b"[]"), id="no start"),
        pytest.param(_made({**_alert(), "startsAt": "noon"}), id="a bad time"),
        pytest.param(_made(*[_alert()] * 150_001), id="too many alerts"),
    ],
)
def test_what_is_not_such_an_answer_is_refused(bodies: Sequence[bytes]) -> None:
    with pytest.raises(MalformedBody):
        _read(bodies)
