"""Grafana's contact point over HTTP: links and values on the incident, and signed messages."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.driver import Driver
from tests.scenario.conftest import Start
from tests.unit.payloads import captured

from lookout.api.graphql.alerts import Alert
from lookout.api.signature import HEADER
from lookout.incidents.incident import Resolution, Status

FIRING = captured("grafana-webhook-firing-constructed.json")
RESOLVED = captured("grafana-webhook-resolved-constructed.json")


@pytest.fixture(autouse=True)
def of_its_day(lookout: Driver) -> None:
    """The payloads are of one day."""
    lookout.clock.move(seconds=(datetime(2026, 11, 23, 4, 1, tzinfo=UTC) - lookout.clock.now()).total_seconds())


async def _tell(lookout: Driver, **alert: Any) -> httpx.Response:
    message = json.loads(FIRING)
    message["alerts"][0] |= alert
    return await lookout.http.post("/v1/grafana", json=message)


async def test_a_message_opens_an_incident_with_links_and_values(lookout: Driver) -> None:
    answer = await lookout.repeats_captured("/v1/grafana", FIRING)
    assert answer.status_code == 200
    [receipt] = answer.json()["receipts"]
    assert (receipt["fingerprint"], receipt["reason"]) == ("acda8163ee863603", "opened")
    incident = await lookout.only_incident()
    assert (incident.title, incident.summary) == ("High CPU", "cpu high")
    [alert] = await lookout.alerts_of(incident.id)
    assert alert.fingerprint == "acda8163ee863603"
    assert set(alert.links) == {"dashboard", "panel", "silence"}
    assert alert.links["panel"].endswith("&viewPanel=4")
    assert alert.values == {"A": 92, "C": 1}
    assert alert.annotations == {"summary": "cpu high"}
    assert alert.generator_url == "https://grafana.example.org/alerting/grafana/ceab1x/view?orgId=1"


async def test_graphql_shows_links_and_values(lookout: Driver) -> None:
    await lookout.repeats_captured("/v1/grafana", FIRING)
    [view] = await lookout.alerts_of((await lookout.only_incident()).id)
    alert = Alert.of(view)
    assert (alert.links, alert.values, alert.annotations) == (view.links, {"A": 92, "C": 1}, {"summary": "cpu high"})


async def test_the_resolved_message_resolves_it(lookout: Driver) -> None:
    await lookout.repeats_captured("/v1/grafana", FIRING)
    lookout.clock.move(minutes=30)
    await lookout.repeats_captured("/v1/grafana", RESOLVED)
    incident = await lookout.only_incident()
    assert (incident.status, incident.resolution) == (Status.RESOLVED, Resolution.SOURCE)
    assert incident.resolved_at == datetime(2026, 11, 23, 4, 30, 10, tzinfo=UTC)


async def test_i7_a_repeat_is_silent_and_its_values_are_the_latest(lookout: Driver) -> None:
    await lookout.repeats_captured("/v1/grafana", FIRING)
    lookout.clock.move(minutes=5)
    await _tell(lookout, values={"A": 97.5})
    assert await lookout.types() == ["opened"]
    [alert] = await lookout.alerts_of((await lookout.only_incident()).id)
    assert alert.values == {"A": 97.5}


@pytest.mark.parametrize(
    ("name", "summary"),
    [("DatasourceNoData", "No data: cpu high"), ("DatasourceError", "Cannot be evaluated: cpu high")],
)
async def test_missing_data_is_in_the_incident_of_its_rule(lookout: Driver, name: str, summary: str) -> None:
    labels = {"alertname": name, "rulename": "High CPU", "grafana_folder": "Infra"}
    await _tell(lookout, labels=labels, fingerprint="b0b0b0b0b0b0b0b0", values=None)
    incident = await lookout.only_incident()
    assert (incident.title, incident.summary) == ("High CPU", summary)
    await lookout.repeats_captured("/v1/grafana", FIRING)
    incident = await lookout.only_incident()
    assert incident.firing_alerts == 2
    names = {alert.labels["alertname"] for alert in await lookout.alerts_of(incident.id)}
    assert names == {name, "High CPU"}
    assert (await lookout.rebuild()).equal


async def test_a_bad_alert_is_named_and_the_good_ones_are_stored(lookout: Driver) -> None:
    message = json.loads(FIRING)
    message["alerts"].append({"status": "firing", "labels": {}})
    answer = await lookout.http.post("/v1/grafana", json=message)
    assert (answer.status_code, len(answer.json()["receipts"])) == (200, 1)
    assert answer.json()["rejected"] == [{"index": 1, "reason": "at least one label pair required"}]


async def test_a_legacy_message_is_told_which_setting_to_change(lookout: Driver) -> None:
    answer = await lookout.repeats_captured("/v1/grafana", captured("grafana-legacy-webhook-from-docs.json"))
    assert answer.status_code == 400
    assert "[unified_alerting]" in answer.json()["error"]
    assert (await lookout.rejected())[0].source == "grafana"


def _signed(body: bytes, timestamp: str | None = None, secret: str = "secret") -> dict[str, str]:
    signed = body if timestamp is None else timestamp.encode() + b":" + body
    headers = {
        "Content-Type": "application/json",
        HEADER: hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(),
    }
    return headers if timestamp is None else headers | {"X-Time": timestamp}


async def test_with_a_secret_only_signed_messages_are_taken(start: Start) -> None:
    async with start(grafana_secret="secret") as lookout:
        for headers in (
            {"Content-Type": "application/json"},
            {"Content-Type": "application/json", HEADER: "0" * 64},
            {"Content-Type": "application/json", HEADER: "é"},
            _signed(FIRING, secret="another"),
            _signed(FIRING + b" "),
        ):
            answer = await lookout.http.post(
                "/v1/grafana",
                content=FIRING,
                headers=[(name.encode(), text.encode("latin-1")) for name, text in headers.items()],
            )
            assert answer.status_code == 401
            assert HEADER in answer.json()["error"]
        assert await lookout.feed() == []
        assert await lookout.rejected() == []
        answer = await lookout.http.post("/v1/grafana", content=FIRING, headers=_signed(FIRING))
        assert answer.status_code == 200
        assert len(await lookout.incidents()) == 1


async def test_a_secret_of_grafana_is_nobody_elses(start: Start) -> None:
    async with start(grafana_secret="secret") as lookout:
        assert (await lookout.webhook({"labels": {"alertname": "Down"}})).status_code == 200


async def test_a_signed_time_ends_replays_after_five_minutes(start: Start) -> None:
    async with start(grafana_secret="secret", grafana_timestamp_header="X-Time") as lookout:
        timestamp = str(int(lookout.clock.now().timestamp()))
        headers = _signed(FIRING, timestamp)
        assert (await lookout.http.post("/v1/grafana", content=FIRING, headers=headers)).status_code == 200
        lookout.clock.move(minutes=5)
        assert (await lookout.http.post("/v1/grafana", content=FIRING, headers=headers)).status_code == 200
        lookout.clock.move(seconds=1)
        answer = await lookout.http.post("/v1/grafana", content=FIRING, headers=headers)
        assert answer.status_code == 401
        assert "5 minutes" in answer.json()["error"]


@pytest.mark.parametrize("timestamp", [None, "", "soon", "1e9", "-5", "9" * 30, "99999999999"])
async def test_a_time_that_is_none_is_refused(start: Start, timestamp: str | None) -> None:
    async with start(grafana_secret="secret", grafana_timestamp_header="X-Time") as lookout:
        answer = await lookout.http.post("/v1/grafana", content=FIRING, headers=_signed(FIRING, timestamp))
        assert answer.status_code == 401
        assert "X-Time" in answer.json()["error"]
        assert await lookout.feed() == []
