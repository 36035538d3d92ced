"""`lookout incidents show` names the values of an alert and where to look."""

from datetime import UTC
from io import StringIO

import pytest
from rich.console import Console
from tests.unit.times import NOW

from lookout.alerts.alert import AlertStatus
from lookout.alerts.severity import Severity
from lookout.cli.client import AlertView
from lookout.cli.pages import When, incident_page
from lookout.incidents.incident import IncidentView, Status

INCIDENT = IncidentView(
    id="01a208d5-611c-7384-9a5a-a789778a768a",
    tenant_id="default",
    dedup_key="k",
    status=Status.FIRING,
    severity=Severity.WARNING,
    title="High CPU",
    summary="cpu high",
    labels={"alertname": "High CPU"},
    started_at=NOW,
    opened_position=1,
    position=1,
    updated_at=NOW,
    firing_alerts=1,
    total_alerts=1,
)


def _lines(alert: AlertView) -> list[str]:
    screen = StringIO()
    Console(file=screen, width=100, color_system=None).print(
        incident_page(INCIDENT, [alert], False, [], When(NOW, UTC))
    )
    return [line.strip() for line in screen.getvalue().splitlines()]


def _alert(labels: dict[str, str], values: dict[str, float], links: dict[str, str]) -> AlertView:
    return AlertView(
        "acda8163ee863603", AlertStatus.FIRING, Severity.WARNING, NOW, labels, {}, links=links, values=values
    )


def test_values_stand_beside_the_labels_and_each_link_on_a_line() -> None:
    links = {"dashboard": "https://g.example/d/1", "silence": "https://g.example/silence"}
    lines = _lines(_alert({"alertname": "High CPU", "instance": "db1"}, {"A": 92.0, "B": 0.25}, links))
    [place] = [place for place, line in enumerate(lines) if line.endswith("instance=db1  A=92  B=0.25")]
    assert lines[place + 1 : place + 3] == ["dashboard https://g.example/d/1", "silence https://g.example/silence"]


@pytest.mark.parametrize(("labels", "told"), [({"instance": "db1"}, "instance=db1"), ({}, "acda8163ee863603")])
def test_an_alert_without_them_shows_its_labels_or_its_fingerprint(labels: dict[str, str], told: str) -> None:
    assert any(line.endswith(told) for line in _lines(_alert(labels, {}, {})))
