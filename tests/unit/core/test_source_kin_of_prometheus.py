"""What sends as Prometheus does, each in its own way of writing, as alerts."""

import pytest
from tests.unit.payloads import KIN, captured, told_alerts

from lookout.alerts.alert import Alert, AlertStatus, parse_time
from lookout.sources import prometheus


def _alerts(name: str, now: str = "2026-11-23T03:58:00Z") -> list[Alert]:
    moment = parse_time(now)
    assert moment is not None
    parsed = prometheus.parse(captured(name), moment)
    assert parsed.rejected == []
    return parsed.alerts


def test_there_is_a_payload_of_each() -> None:
    assert {name.partition("-")[0] for name in KIN} == {"vmalert", "loki", "mimir", "thanos", "grafana"}


@pytest.mark.parametrize("name", KIN)
def test_each_is_understood_in_full(name: str) -> None:
    told = told_alerts(name)
    alerts = _alerts(name)
    assert [alert.labels for alert in alerts] == [one["labels"] for one in told]
    assert [alert.annotations for alert in alerts] == [one["annotations"] for one in told]
    assert [alert.generator_url for alert in alerts] == [one["generatorURL"] for one in told]
    assert all(alert.source == "prometheus" and alert.leased for alert in alerts)


def test_vmalert_writes_the_name_twice_and_nanoseconds() -> None:
    """Its own labels stand before the rule's, the name among both (app/vmalert/notifier/alertmanager_request.qtpl)."""
    name = "vmalert-1.79-post-alerts-firing.json"
    assert captured(name).count(b'"alertname"') == 2 * len(told_alerts(name))
    first = _alerts(name, "2026-11-25T16:43:10Z")[0]
    assert (first.name, first.labels["alertgroup"]) == ("QueueFull", "infra")
    assert first.starts_at == parse_time("2026-11-25T16:43:09.008422Z")
    assert first.status is AlertStatus.FIRING


def test_vmalert_tells_firing_and_resolved_alerts_of_a_rule_in_one_body() -> None:
    alerts = _alerts("vmalert-1.79-post-alerts-resolved.json", "2026-11-25T16:43:11.5Z")
    assert [alert.status for alert in alerts] == [AlertStatus.FIRING, AlertStatus.RESOLVED]


def test_lokis_link_without_an_external_url_is_a_path() -> None:
    [alert] = _alerts("loki-ruler-post-alerts-constructed.json")
    assert alert.generator_url.startswith("/explore?left=%7B")
