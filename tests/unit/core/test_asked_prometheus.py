"""What a Prometheus lists, as the alerts that it would have sent."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.unit.payloads import captured

from lookout.alerts.alert import AlertStatus, parse_time
from lookout.alerts.answer import Answer, Rule
from lookout.alerts.source import USUAL, Source
from lookout.sources import QUESTIONS, prometheus
from lookout.sources.asking import Asked
from lookout.sources.parsed import MalformedBody

QUESTION = QUESTIONS["prometheus"]
CAPTURED = [captured(f"asked-prometheus-2.42-{name}.json") for name in ("config", "runtime", "rules")]
URL = "http://prometheus.example:9090"


def _time(text: str) -> datetime:
    time = parse_time(text)
    assert time is not None
    return time


ASKED_AT = _time("2026-11-25T16:27:08Z")


def _read(bodies: Sequence[bytes] = CAPTURED, source: Source = USUAL, date: datetime = ASKED_AT) -> Answer:
    return QUESTION.read(Asked(URL, ASKED_AT, date, bodies), source)


def _made(
    *rules: dict[str, Any], config: str = "", started: str = "2026-11-25T16:00:00Z", **data: Any
) -> tuple[bytes, ...]:
    return (
        json.dumps({"status": "success", "data": {"yaml": config}}).encode(),
        json.dumps({"status": "success", "data": {"startTime": started}}).encode(),
        json.dumps({"status": "success", "data": {"groups": [{"rules": rules}], **data}}).encode(),
    )


def _rule(name: str = "Down", *alerts: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"type": "alerting", "name": name, "health": "ok", "query": "up == 0", "alerts": alerts, **others}


def _alert(state: str = "firing", **labels: str) -> dict[str, Any]:
    return {
        "state": state,
        "labels": {"alertname": "Down", **labels},
        "annotations": {"summary": "It is down"},
        "activeAt": "2026-11-25T16:20:00.5Z",
    }


class TestTheRealOne:
    def test_it_is_asked_for_its_configuration_its_start_and_its_rules(self) -> None:
        paths = ["/api/v1/status/config", "/api/v1/status/runtimeinfo", "/api/v1/rules?type=alert"]
        assert list(QUESTION.paths(USUAL)) == paths

    def test_what_fires_has_the_labels_that_it_would_be_sent_with(self) -> None:
        """With the external labels, after `alert_relabel_configs`, without those that tell twins apart."""
        full, down = _read().alerts
        assert full.labels == {
            "alertname": "QueueFull",
            "cluster": "1",
            "service": "ingest",
            "severity": "critical",
            "team": "core",
        }
        assert down.labels == {"alertname": "TargetDown", "cluster": "1", "severity": "warning"}
        assert {full.label_set.replica, down.label_set.replica} == {"a"}
        assert full.annotations == {"summary": "The queue is full: 101"}
        assert full.generator_url == f"{URL}/graph?g0.expr=vector%28101%29+%3E+100&g0.tab=1"
        assert (full.source, full.status, full.leased) == (prometheus.NAME, AlertStatus.FIRING, True)

    def test_it_fires_since_the_rule_had_held_for_long_enough(self) -> None:
        full, down = _read().alerts
        assert full.starts_at == _time("2026-11-25T16:27:01.320217Z")
        assert down.starts_at == _time("2026-11-25T16:27:03.320217Z")

    def test_what_is_pending_is_not_settled(self) -> None:
        assert [labels.labels["alertname"] for labels in _read().unsettled] == ["DiskFills"]

    def test_its_rules_tell_which_alerts_are_its_own_and_which_are_evaluated(self) -> None:
        own = {"alertname": "QueueFull", "cluster": "1"}
        rules = _read().rules
        assert rules is not None
        assert rules["QueueFull"] == Rule(own, is_evaluated=True)
        assert rules["Unanswered"] == Rule({**own, "alertname": "Unanswered"}, is_evaluated=False)
        assert rules["Quiet"] == Rule({"alertname": "Quiet"}, is_evaluated=True), "a template may make any cluster"
        assert "one" not in rules, "a recording rule has no alerts"

    def test_it_is_one_of_twins(self) -> None:
        assert _read().replica == "a"
        other = _read(source=Source(drop_labels=("cluster",)))
        assert other.replica == "1"
        assert other.alerts[1].labels == {"alertname": "TargetDown", "prometheus_replica": "a", "severity": "warning"}

    def test_its_start_is_told_by_our_clock(self) -> None:
        ahead = timedelta(minutes=3)
        assert _read().running_since - _read(date=ASKED_AT + ahead).running_since == ahead
        assert ASKED_AT - timedelta(seconds=10) < _read().running_since < ASKED_AT


class TestOddAnswers:
    def test_one_without_external_labels_or_alerts(self) -> None:
        answer = _read(_made(_rule()))
        assert (answer.alerts, answer.unsettled, answer.replica) == ([], [], "")
        assert answer.rules == {"Down": Rule({"alertname": "Down"}, is_evaluated=True)}

    def test_an_alert_of_a_rule_that_fails_is_not_settled(self) -> None:
        """Prometheus lists it as before, and does not send it."""
        answer = _read(_made(_rule("Down", _alert(), health="err")))
        assert not answer.alerts
        assert len(answer.unsettled) == 1

    def test_what_relabelling_drops_is_not_there(self) -> None:
        config = (
            "alerting:\n  alert_relabel_configs:\n  - source_labels: [alertname]\n    regex: Down\n    action: drop\n"
        )
        answer = _read(_made(_rule("Down", _alert()), _rule("Up"), config=config))
        assert (answer.alerts, answer.unsettled) == ([], [])
        assert answer.rules is not None
        assert list(answer.rules) == ["Up"]

    def test_a_relabelling_that_drops_all_leaves_it_its_name(self) -> None:
        config = (
            "global:\n  external_labels:\n    prometheus_replica: b\n"
            "alerting:\n  alert_relabel_configs:\n  - action: drop\n"
        )
        assert _read(_made(config=config)).replica == "b"

    def test_two_rules_of_one_name_both_have_to_work(self) -> None:
        config = "global:\n  external_labels:\n    cluster: eu\n    dc: one\n"
        rules = [_rule(labels={"cluster": "us"}), _rule(health="unknown")]
        answer = _read(_made(*rules, config=config))
        assert answer.rules == {"Down": Rule({"alertname": "Down", "dc": "one"}, is_evaluated=False)}

    def test_an_alert_that_would_be_refused_is_not_taken(self) -> None:
        answer = _read(_made(_rule("Down", _alert(instance="a" * 3_000_000), _alert(instance="b"))))
        assert [alert.labels["instance"] for alert in answer.alerts] == ["b"]
        assert len(answer.unsettled) == 1

    @pytest.mark.parametrize(("duration", "minutes"), [(60, 1), (1e300, 7.1250), (-60, 0)])
    def test_no_firing_begins_after_the_question(self, duration: float, minutes: float) -> None:
        (alert,) = _read(_made(_rule("Down", _alert(), duration=duration))).alerts
        assert alert.starts_at == min(_time("2026-11-25T16:20:00.5Z") + timedelta(minutes=minutes), ASKED_AT)

    def test_an_empty_label_gives_way_to_the_external_one(self) -> None:
        config = "global:\n  external_labels:\n    cluster: eu\n"
        (alert,) = _read(_made(_rule("Down", _alert(cluster="")), config=config)).alerts
        assert alert.labels["cluster"] == "eu"

    @pytest.mark.parametrize(
        "config",
        [
            "scrape_configs:\n- job_name: x\nglobal:\n\n  external_labels:\n    cluster: eu\nrule_files: []\n",
            "global:\n  external_labels: {cluster: eu}\n  text: |\n    a\n\n    b\nalerting:\n  alertmanagers: []\n",
        ],
    )
    def test_only_two_parts_of_the_configuration_are_read(self, config: str) -> None:
        (alert,) = _read(_made(_rule("Down", _alert()), config=config)).alerts
        assert alert.labels["cluster"] == "eu"


REFUSED = {
    "not JSON": (*CAPTURED[:2], b"<html>"),
    "another shape": (*CAPTURED[:2], b'{"status": "success", "data": {"alerts": []}}'),
    "an error": (*CAPTURED[:2], b'{"status": "error", "errorType": "internal", "error": "no"}'),
    "half of the rules": _made(_rule(), groupNextToken="abc"),
    "a rule without health": _made({"type": "alerting", "name": "Down", "alerts": []}),
    "a bad time": _made(_rule("Down", {**_alert(), "activeAt": "noon"})),
    "no time": _made(_rule("Down", {**_alert(), "activeAt": "0001-01-01T00:00:00Z"})),
    "no start": _made(started=""),
    "a configuration that is no YAML": _made(config="global: {"),
    "a configuration of another shape": _made(config="global:\n  external_labels: [a]\n"),
    "too many alerts": _made(_rule("Down", *[_alert()] * 150_001)),
    "relabelling that is not followed": _made(config="alerting:\n  alert_relabel_configs:\n  - action: hashmod\n"),
    "relabelling for one target": _made(
        config="alerting:\n  alertmanagers:\n  - alert_relabel_configs:\n    - action: labeldrop\n"
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_such_an_answer_is_refused(name: str) -> None:
    with pytest.raises(MalformedBody):
        _read(REFUSED[name])
