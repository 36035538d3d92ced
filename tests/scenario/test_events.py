"""PagerDuty's events over HTTP: its answers, and an incident's life by triggers and resolves."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest
from tests.driver import Driver
from tests.unit.payloads import captured

from lookout.alerts.severity import Severity
from lookout.incidents.incident import Resolution, Status
from lookout.sources import events

PATHS = ("/v1/events", "/v2/enqueue")


async def _send(lookout: Driver, action: str, key: str | None = "k", **fields: Any) -> httpx.Response:
    payload = {"summary": "disk full", "source": "db1", "severity": "warning", **fields.pop("payload", {})}
    event = {"routing_key": "r" * 32, "event_action": action, "dedup_key": key, "payload": payload, **fields}
    return await lookout.http.post("/v2/enqueue", json=event)


@pytest.mark.parametrize("path", [*PATHS, "/v2/enqueue/"])
async def test_a_trigger_opens_an_incident_named_by_its_summary(lookout: Driver, path: str) -> None:
    answer = await lookout.repeats_captured(path, captured("pagerduty-v2-trigger-from-openapi.json"))
    assert answer.status_code == 202
    assert answer.json() == {"status": "success", "message": "Event processed", "dedup_key": "srv01/mysql"}
    incident = await lookout.only_incident()
    assert incident.title == incident.summary == "DISK at 99% on machine prod-datapipe03.example.com"
    assert (incident.severity, incident.status) == (Severity.CRITICAL, Status.FIRING)
    [alert] = await lookout.alerts_of(incident.id)
    assert alert.labels == {"dedup_key": "srv01/mysql"}
    assert alert.sources == ("events",)
    assert alert.severity is Severity.CRITICAL
    assert alert.links["An example link."] == "http://pagerduty.example.com"
    assert not any(name.startswith("__") for name in alert.annotations)


async def test_i7_a_trigger_again_is_silent_and_keeps_the_latest_text(lookout: Driver) -> None:
    await _send(lookout, "trigger")
    lookout.clock.move(minutes=1)
    await _send(lookout, "trigger", payload={"summary": "disk fuller"})
    assert await lookout.types() == ["opened"]
    incident = await lookout.only_incident()
    [alert] = await lookout.alerts_of(incident.id)
    assert (incident.summary, alert.annotations["summary"]) == ("disk full", "disk fuller")


async def test_a_trigger_that_is_worse_than_the_one_before_escalates(lookout: Driver) -> None:
    for severity in ("warning", "critical", "info", "page"):
        await _send(lookout, "trigger", payload={"severity": severity})
    assert await lookout.types() == ["opened", "escalated"]
    incident = await lookout.only_incident()
    assert (incident.severity, incident.firing_alerts, incident.total_alerts) == (Severity.CRITICAL, 1, 1)
    await _send(lookout, "resolve")
    assert (await lookout.only_incident()).status is Status.RESOLVED
    assert (await lookout.rebuild()).equal


async def test_a_resolve_needs_the_key_alone(lookout: Driver) -> None:
    await _send(lookout, "trigger")
    lookout.clock.move(minutes=1)
    answer = await lookout.http.post(
        "/v1/events", json={"routing_key": "r", "event_action": "resolve", "dedup_key": "k"}
    )
    assert answer.status_code == 202
    incident = await lookout.only_incident()
    assert (incident.status, incident.resolution) == (Status.RESOLVED, Resolution.SOURCE)
    assert incident.resolved_at == lookout.clock.now()


async def test_trigger_resolve_trigger_in_one_instant_ends_open(lookout: Driver) -> None:
    for action in ("trigger", "resolve", "trigger", "resolve", "trigger"):
        assert (await _send(lookout, action)).status_code == 202
    assert await lookout.types() == ["opened", "resolved", "reopened", "resolved", "reopened"]
    assert (await lookout.only_incident()).status is Status.FIRING
    assert (await lookout.rebuild()).equal


async def test_a_trigger_in_the_same_second_as_the_resolve_begins_anew(lookout: Driver) -> None:
    for action in ("trigger", "resolve", "trigger"):
        await _send(lookout, action)
        lookout.clock.move(milliseconds=200)
    assert await lookout.types() == ["opened", "resolved", "reopened"]
    await _send(lookout, "resolve")
    assert (await lookout.only_incident()).status is Status.RESOLVED


async def test_a_clock_that_was_set_back_stops_neither_a_resolve_nor_a_trigger(lookout: Driver) -> None:
    await _send(lookout, "trigger")
    lookout.clock.move(seconds=-30)
    await _send(lookout, "resolve")
    assert (await lookout.only_incident()).status is Status.RESOLVED
    await _send(lookout, "trigger")
    assert (await lookout.only_incident()).status is Status.FIRING


async def test_a_trigger_long_after_the_resolve_opens_a_new_incident_that_links_back(lookout: Driver) -> None:
    await _send(lookout, "trigger")
    await _send(lookout, "resolve")
    lookout.clock.move(minutes=6)
    await _send(lookout, "trigger")
    second, first = await lookout.incidents()
    assert (first.status, second.status) == (Status.RESOLVED, Status.FIRING)
    assert second.previous_incident_id == first.id


async def test_a_trigger_after_an_operators_resolve_is_a_new_problem(lookout: Driver) -> None:
    await _send(lookout, "trigger")
    incident = await lookout.only_incident()
    await lookout.act(incident.id, "resolve", reason="done")
    await _send(lookout, "trigger")
    assert await lookout.types() == ["opened", "resolved", "reopened"]
    lookout.clock.move(minutes=1)
    await _send(lookout, "resolve")
    assert (await lookout.only_incident()).resolution is Resolution.SOURCE


async def test_acknowledge_acknowledges_the_open_incident(lookout: Driver) -> None:
    await _send(lookout, "trigger")
    answer = await _send(lookout, "acknowledge")
    assert (answer.status_code, answer.json()["dedup_key"]) == (202, "k")
    incident = await lookout.only_incident()
    assert (incident.status, incident.acknowledged_by) == (Status.ACKNOWLEDGED, "events")
    await _send(lookout, "acknowledge")
    assert await lookout.types() == ["opened", "acknowledged"]


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
async def test_what_is_about_an_unknown_key_is_accepted_without_effect(lookout: Driver, action: str) -> None:
    answer = await _send(lookout, action, "nobody knows it")
    assert answer.status_code == 202
    assert await lookout.feed() == []
    assert await lookout.rejected() == []


async def test_an_acknowledge_after_the_resolve_has_no_effect(lookout: Driver) -> None:
    for action in ("trigger", "resolve", "acknowledge"):
        assert (await _send(lookout, action)).status_code == 202
    assert await lookout.types() == ["opened", "resolved"]


async def test_a_trigger_without_a_key_is_told_the_one_it_got(lookout: Driver) -> None:
    first, second = [(await _send(lookout, "trigger", None)).json()["dedup_key"] for _ in range(2)]
    assert first != second
    assert len(await lookout.incidents()) == 2
    await _send(lookout, "resolve", first)
    assert [incident.status for incident in await lookout.incidents()] == [Status.FIRING, Status.RESOLVED]


async def test_events_sent_at_once_are_one_incident_each(lookout: Driver) -> None:
    keys = [f"k{number}" for number in range(20)] * 3
    answers = await asyncio.gather(*(_send(lookout, "trigger", key) for key in keys))
    assert {answer.status_code for answer in answers} == {202}
    assert len(await lookout.incidents()) == 20
    assert await lookout.types() == ["opened"] * 20


@pytest.mark.parametrize("path", PATHS)
async def test_every_fault_is_named_and_the_secret_is_not_kept(lookout: Driver, path: str) -> None:
    event = {"routing_key": "topsecret", "event_action": "trigger", "payload": {"summary": "s"}}
    answer = await lookout.http.post(path, json=event)
    assert answer.status_code == 400
    assert answer.json() == {
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": ["'payload.source' is missing or blank", "'payload.severity' is missing or blank"],
    }
    [rejected] = await lookout.rejected()
    assert (rejected.source, rejected.index) == ("events", None)
    assert "topsecret" not in rejected.excerpt
    assert '"routing_key":"..."' in rejected.excerpt


@pytest.mark.parametrize(
    "body", ['{"Routing_Key": "topsecret"}', '{"service_key" : "top\\"secret", "x', '{"routing_key":"\\\\topsecret']
)
async def test_a_secret_in_a_body_that_is_refused_whole_is_not_kept_either(lookout: Driver, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    for path in (*PATHS, "/v1/alertmanager"):
        assert (await lookout.http.post(path, content=body, headers=headers)).status_code == 400
    told = await lookout.rejected()
    assert [rejected.excerpt for rejected in told if "secret" in rejected.excerpt] == []


async def test_what_is_no_json_is_unrecognized(lookout: Driver) -> None:
    answer = await lookout.repeats_captured("/v2/enqueue", b"{")
    assert answer.status_code == 400
    assert answer.json()["status"] == "Unrecognized object"


async def test_a_form_is_not_read(lookout: Driver) -> None:
    answer = await lookout.http.post("/v2/enqueue", content=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


async def test_i8_an_event_beyond_512_000_bytes_is_refused(lookout: Driver) -> None:
    room = events.BODY_LIMIT - len(msgspec.json.encode(_large("")))
    fits, too_large = (msgspec.json.encode(_large("x" * length)) for length in (room, room + 1))
    assert (await lookout.repeats_captured("/v2/enqueue", fits)).status_code == 202
    answer = await lookout.repeats_captured("/v2/enqueue", too_large)
    assert answer.status_code == 400
    assert answer.json()["errors"] == ["the body is larger than 512,000 bytes; nothing of it was taken"]


def _large(text: str) -> dict[str, Any]:
    payload = {"summary": "s", "source": "h", "severity": "info", "custom_details": {"text": text}}
    return {"routing_key": "r", "event_action": "trigger", "dedup_key": "large", "payload": payload}


async def test_i8_overload_is_503_with_retry_after(lookout: Driver) -> None:
    lookout.running.parts.intake.close()
    answer = await _send(lookout, "trigger")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


async def test_an_acknowledge_that_a_resolve_overtakes_is_no_error(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _send(lookout, "trigger")
    await _send(lookout, "resolve")
    resolved = await lookout.only_incident()

    async def found_just_before(*_: object) -> str:
        return resolved.id

    monkeypatch.setattr(lookout.running.parts.reads, "open_incident_of", found_just_before)
    assert (await _send(lookout, "acknowledge")).status_code == 202
    assert await lookout.types() == ["opened", "resolved"]
