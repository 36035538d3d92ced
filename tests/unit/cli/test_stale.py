"""What is stale is marked in the list and on the page of an incident, and listed after what is not."""

from typing import Any

import httpx
import msgspec
import pytest
from tests.unit.cli.lookout_in_memory import Lookout, run

from lookout.alerts.severity import Severity
from lookout.incidents.incident import Incident


@pytest.fixture
def lookout() -> Lookout:
    """A critical incident that is stale, and a warning that is not."""
    lookout = Lookout()
    lookout.fires("a", name="Gone", severity="critical")
    lookout.fires("b", name="Here", severity="warning")
    return lookout


def _shown(incident: Incident) -> dict[str, Any]:
    return msgspec.to_builtins(incident) | {"stale": incident.title.startswith("Gone")}


def test_the_list_has_it_last_of_the_open_ones(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    incidents = [_shown(incident) for incident in lookout.incidents()]

    def answer(request: httpx.Request) -> httpx.Response:
        those = [incident for incident in incidents if incident["severity"] == request.url.params["severity"]]
        return httpx.Response(200, json={"incidents": those, "next": None, "position": 2})

    lookout.answers = [answer] * len(Severity)
    assert run(lookout, "incidents") == 0
    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[2:6] for row in rows] == [
        ["warning", "firing", "Here", "(job=ingest)"],
        ["critical", "firing", "stale", "Gone"],
    ]


def test_the_page_says_so_of_the_incident_and_of_each_alert(
    lookout: Lookout, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = next(incident for incident in lookout.incidents() if incident.title.startswith("Gone"))
    (state,) = (state for state in lookout.ledger.alerts.values() if state.incident_id == gone.id)
    alert: dict[str, Any] = {
        "fingerprint": state.fingerprint,
        "status": "firing",
        "severity": "critical",
        "starts_at": msgspec.to_builtins(state.starts_at),
        "labels": state.alert.labels,
        "annotations": {},
        "stale": True,
    }
    lookout.answers = [
        lambda _: httpx.Response(200, json=_shown(gone)),
        lambda _: httpx.Response(200, json={"alerts": [alert], "next": None}),
    ]
    assert run(lookout, "incidents", "show", gone.id) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split()[:4] == ["▲", "critical", "firing", "stale"]
    assert "its source is silent" in out
    assert "firing stale" in out
