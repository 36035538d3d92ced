"""Stale is an overlay on every surface: it overwrites no status, and is gone with the source's next word."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.driver import Driver
from tests.unit.graphql.client import ask

from lookout.incidents.incident import Status

QUERY = """{ incidentsConnection(page: {first: 10}) { nodes {
  title stale alerts(page: {first: 10}) { nodes { stale } } } } }"""


@pytest.fixture(autouse=True)
async def silence(lookout: Driver) -> None:
    """Two incidents of a Prometheus that is silent; one alert of them is held by an Alertmanager too."""
    await lookout.beats()
    await lookout.fires(job="gone", instance="a")
    await lookout.fires(job="gone", instance="b")
    await lookout.fires(job="half", instance="a")
    await lookout.fires(job="half", instance="b")
    await lookout.webhook({"labels": {"alertname": "Down", "job": "half", "instance": "b"}})
    lookout.clock.move(minutes=20)
    await lookout.ticks()


async def _incident_of(lookout: Driver, job: str) -> str:
    (found,) = [incident.id for incident in await lookout.incidents() if incident.labels.get("job") == job]
    return found


async def test_rest_shows_it_beside_the_status(lookout: Driver) -> None:
    assert await lookout.stale() == {"SourceSilent": False, "Down (job=gone)": True, "Down (job=half)": False}
    gone = await _incident_of(lookout, "gone")
    one = (await lookout.http.get(f"/v1/incidents/{gone}")).json()
    assert (one["status"], one["stale"], one["firing_alerts"]) == (Status.FIRING, True, 2)
    acknowledged = (await lookout.act(gone, "acknowledge")).json()
    assert (acknowledged["status"], acknowledged["stale"]) == (Status.ACKNOWLEDGED, True)
    half = await lookout.alerts_of(await _incident_of(lookout, "half"))
    assert {alert.labels["instance"]: alert.stale for alert in half} == {"a": True, "b": False}
    resolved = (await lookout.act(gone, "resolve")).json()
    assert (resolved["status"], resolved["stale"]) == (Status.RESOLVED, False)
    assert [alert.stale for alert in await lookout.alerts_of(gone)] == [False, False]


async def test_graphql_shows_it_too(lookout: Driver) -> None:
    nodes: Sequence[dict[str, Any]] = (await ask(lookout, QUERY))["incidentsConnection"]["nodes"]
    told = {node["title"]: (node["stale"], [alert["stale"] for alert in node["alerts"]["nodes"]]) for node in nodes}
    assert told["SourceSilent"] == (False, [False])
    assert told["Down (job=gone)"] == (True, [True, True])
    is_stale, alerts = told["Down (job=half)"]
    assert (is_stale, sorted(alerts)) == (False, [False, True])


async def test_the_alertmanager_api_shows_it_as_active_with_an_annotation_and_an_end_ahead(lookout: Driver) -> None:
    alerts = (await lookout.http.get("/api/v2/alerts", params={"filter": 'job="gone"'})).json()
    now = lookout.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert [alert["status"]["state"] for alert in alerts] == ["active", "active"]
    assert {alert["annotations"]["lookout_stale"] for alert in alerts} == {
        "its source is silent: this is what was last heard of it"
    }
    assert all(alert["endsAt"] > now for alert in alerts)
    assert {alert["updatedAt"] for alert in alerts} == {"2026-01-01T12:00:00.000Z"}
    groups = (await lookout.http.get("/api/v2/alerts/groups", params={"filter": 'job="half"'})).json()
    told = {alert["labels"]["instance"]: "lookout_stale" in alert["annotations"] for alert in groups[0]["alerts"]}
    assert told == {"a": True, "b": False}


async def test_the_metrics_count_it(lookout: Driver) -> None:
    lines = (await lookout.http.get("/metrics")).text.splitlines()
    assert 'lookout_heartbeats{source="prometheus",state="silent"} 1.0' in lines
    assert "lookout_stale_alerts 3.0" in lines
    assert any(line.startswith('lookout_source_last_received_timestamp_seconds{source="prometheus"}') for line in lines)
    await lookout.beats()
    lines = (await lookout.http.get("/metrics")).text.splitlines()
    assert 'lookout_heartbeats{source="prometheus",state="heard"} 1.0' in lines
    assert "lookout_stale_alerts 0.0" in lines


async def test_the_feed_names_the_silent_source_and_no_status_is_overwritten(lookout: Driver) -> None:
    *_, last = await lookout.feed()
    assert last.incident.title == "SourceSilent"
    assert last.incident.summary.startswith("prometheus is silent")
    tables = await lookout.sql("SELECT DISTINCT status FROM incidents UNION SELECT DISTINCT status FROM alerts")
    assert [row["status"] for row in tables] == ["firing"]


async def test_it_is_gone_with_the_sources_next_word(lookout: Driver) -> None:
    await lookout.beats()
    assert await lookout.stale() == {"Down (job=gone)": False, "Down (job=half)": False}
