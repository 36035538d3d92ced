"""Text is data: whatever a sender writes comes back as it was where it is data, and is clean where it is shown."""

import json
import logging
import re
from typing import Any
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs
from tests.driver import Driver
from tests.hostile import MARK, TEXTS, UNSEEN, assert_shown_clean, posted, strict_json, url
from tests.unit.graphql.client import ask, open_socket

from lookout.alerts.shown import is_reserved
from lookout.incidents.events import FeedEvent

SENT = {name: posted(name, text) for name, text in TEXTS.items()}
FIELDS = """eventId eventType tenantId position occurredAt change
  incident { id incidentId title summary labels dedupKey rule assignee }"""


@pytest.fixture
async def hostile(lookout: Driver) -> Driver:
    """A Lookout that was sent an alert with each of the texts."""
    (await lookout.post_alerts(*SENT.values())).raise_for_status()
    return lookout


def alerts_by_case(alerts: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {alert["labels"]["case"]: alert for alert in alerts}


def assert_as_sent(alerts: dict[str, dict[str, Any]], *, described: bool = True) -> None:
    """Labels and annotations are what was sent; `described` without those that are shown as links."""
    assert alerts.keys() == SENT.keys()
    for name, alert in alerts.items():
        assert alert["labels"] == SENT[name]["labels"], name
        sent = SENT[name]["annotations"]
        kept = {key: text for key, text in sent.items() if not described or not is_reserved(key)}
        assert alert["annotations"] == kept, name


def is_json(answer: Any) -> Any:
    """The answer's value, which no browser takes for a page, whoever sent what is in it."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    return strict_json(answer.content)


async def test_rest_gives_data_back_as_it_was_and_shows_it_clean(hostile: Driver) -> None:
    page = is_json(await hostile.http.get("/v1/incidents", params={"first": 500}))
    assert_shown_clean(page)
    incidents = {incident["id"]: incident for incident in page["incidents"]}
    assert len(incidents) == len(TEXTS)
    found: list[dict[str, Any]] = []
    for incident_id, incident in incidents.items():
        assert not UNSEEN & set(json.dumps(incident["labels"], ensure_ascii=False)), "group labels are for people"
        for part in ("", "/events", "/related", "/grouping", "/investigations"):
            assert_shown_clean(is_json(await hostile.http.get(f"/v1/incidents/{incident_id}{part}")))
        alerts = is_json(await hostile.http.get(f"/v1/incidents/{incident_id}/alerts"))
        assert_shown_clean(alerts)
        found += alerts["alerts"]
    assert_as_sent(alerts_by_case(found))
    for name, alert in alerts_by_case(found).items():
        assert alert["generator_url"] == url(TEXTS[name])
        assert set(alert["links"].values()) == {"http://ok.example"}, "a link leads to http or https"


async def test_graphql_does_the_same(hostile: Driver) -> None:
    alerts = "alerts { nodes { labels annotations generatorUrl links values severity } }"
    asked = f"{{ incidentsConnection(page: {{first: 50}}) {{ nodes {{ title summary labels dedupKey {alerts} }} }} }}"
    answer = await ask(hostile, asked.replace("alerts {", "alerts(page: {first: 1}) {"))
    assert_shown_clean(answer)
    nodes = answer["incidentsConnection"]["nodes"]
    assert_as_sent(alerts_by_case([alert for node in nodes for alert in node["alerts"]["nodes"]]))


async def test_the_feed_does_the_same_in_pages_streams_and_subscriptions(hostile: Driver) -> None:
    page = is_json(await hostile.http.get("/v1/feed", params={"first": 500}))
    assert_shown_clean(page)
    async with open_socket(hostile) as socket:
        await socket.subscribe(f"subscription {{ liveIncidentUpdates(after: 0) {{ {FIELDS} }} }}")
        for event in page["events"]:
            told = (await socket.next())["liveIncidentUpdates"]
            assert_shown_clean(told)
            assert told["position"] == event["position"]
            assert told["incident"]["title"] == event["incident"]["title"]


async def test_in_a_stream_no_text_ends_its_frame_whatever_a_reader_takes_for_the_end_of_a_line(
    hostile: Driver,
) -> None:
    count = len(await hostile.feed())
    async with hostile.http.stream("GET", "/v1/feed?after=0", headers={"Accept": "text/event-stream"}) as stream:
        text = ""
        async for chunk in stream.aiter_text():
            text += chunk
            if text.count("\n\n") > count:  # the first is of the frame that says when to come again
                break
    lines = [line for line in text.splitlines() if line]
    assert [line.partition(":")[0] for line in lines] == ["retry", *["id", "event", "data"] * count]
    events = [strict_json(line.removeprefix("data: ").encode()) for line in lines if line.startswith("data: ")]
    assert [event["position"] for event in events] == list(range(1, count + 1))
    for event in events:
        assert_shown_clean(event)


async def test_the_api_of_alertmanager_gives_labels_and_annotations_back_as_they_were(hostile: Driver) -> None:
    alerts = is_json(await hostile.http.get("/api/v2/alerts"))
    assert_as_sent(alerts_by_case(alerts), described=False)
    groups = is_json(await hostile.http.get("/api/v2/alerts/groups"))
    assert_as_sent(alerts_by_case([alert for group in groups for alert in group["alerts"]]), described=False)
    for name, text in TEXTS.items():
        quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        found = is_json(await hostile.http.get("/api/v2/alerts", params={"filter": f'evil="{quoted}"'}))
        assert [alert["labels"]["case"] for alert in found] == [name]


async def test_what_was_refused_is_listed_as_data_too(lookout: Driver) -> None:
    for text in TEXTS.values():
        answer = await lookout.post_alerts({"labels": {"": text, text: text}})
        assert answer.status_code == 400
        broken = json.dumps([{"labels": {"a": text}, "startsAt": text}], ensure_ascii=False).encode()
        answer = await lookout.repeats_captured("/api/v2/alerts", broken)
        assert answer.status_code == 400
        assert not UNSEEN & set(strict_json(answer.content)["message"]), text
    listed = is_json(await lookout.http.get("/v1/rejected-alerts", params={"first": 500}))["rejected_alerts"]
    assert len(listed) == 2 * len(TEXTS)
    for rejected in listed:
        assert not UNSEEN & set(rejected["reason"]), rejected


async def test_what_people_write_is_shown_clean_everywhere(lookout: Driver) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    for number, text in enumerate(TEXTS.values()):
        (await lookout.act(incident.id, "notes", text=text)).raise_for_status()
        (await lookout.act(incident.id, "assign", assignee=text[:200])).raise_for_status()
        report = {"summary": text, "root_cause": text, "recommendations": [text], "investigator": text[:200]}
        (await lookout.attach(incident.id, f"report {number}", **report)).raise_for_status()
    (await lookout.act(incident.id, "resolve", reason=TEXTS["controls"])).raise_for_status()
    for path in ("", "/events?first=500", "/investigations?first=500"):
        value = is_json(await lookout.http.get(f"/v1/incidents/{incident.id}{path}"))
        lines = json.dumps(value, ensure_ascii=False).replace("\\n", "").replace("\\t", "")
        assert not UNSEEN & set(lines)
    assert (await lookout.rebuild()).equal


async def test_an_error_says_what_was_wrong_without_what_cannot_be_seen(lookout: Driver) -> None:
    for text in TEXTS.values():
        for path, query in (
            ("/v1/incidents", {"after": text}),
            ("/v1/incidents", {"status": text}),
            ("/v1/incidents", {"as_of": text}),
            ("/v1/feed", {"after": text}),
            ("/v1/stats", {"bucket": text}),
            ("/api/v2/alerts", {"filter": text}),
            ("/api/v2/alerts", {"filter": f'a=~"{text}'}),
            ("/api/v2/alerts", {"receiver": text}),
            (f"/v1/incidents/{quote(text)}", {}),
            (f"/api/v2/silence/{quote(text)}", {}),
            (f"/{quote(text)}", {}),
        ):
            answer = await lookout.http.get(path, params=query)
            assert answer.status_code < 500, (path, text)
            assert "html" not in answer.headers.get("content-type", "")
            if answer.content:
                value = strict_json(answer.content)
                assert not UNSEEN & set(json.dumps(value, ensure_ascii=False)), (path, value)


async def test_an_error_of_graphql_does_so_too(lookout: Driver) -> None:
    refused = "... on NotFoundError { message resourceId } ... on ValidationError { message }"
    for text in TEXTS.values():
        asked: list[tuple[str, dict[str, str]]] = [
            (f"mutation($x: ID!) {{ acknowledgeIncident(id: $x) {{ {refused} }} }}", {"x": text}),
            ("query($x: Position) { incidentEventsConnection(after: $x) { edges { cursor } } }", {"x": text}),
            ("query($x: IncidentStatus!) { incidentsConnection(filter: {status: [$x]}) { totalCount } }", {"x": text}),
            ("query($x: String) { incidentsConnection(page: {after: $x}) { totalCount } }", {"x": text}),
            (f"{{ {text} }}", {}),
            (f"{{ incident(id: {json.dumps(text)}, {json.dumps(text)}: 1) {{ id }} }}", {}),
        ]
        for document, variables in asked:
            answer = await lookout.http.post("/graphql", json={"query": document, "variables": variables})
            assert answer.status_code == 200
            assert_shown_clean(strict_json(answer.content))


async def test_the_page_has_them_as_text(hostile: Driver) -> None:
    """What a browser makes of it is in tests/page/test_hostile.py."""
    incidents = await hostile.incidents(first="500")
    for path in ("/", "/?view=wall", "/history?span=24h", "/sources", *(f"/incidents/{each.id}" for each in incidents)):
        answer = await hostile.http.get(path)
        assert answer.headers["content-type"].startswith("text/html"), path
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert not UNSEEN - set("\n\t") & set(answer.text), path
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert not re.search(r"""(?:href|src|action)=["']?(?:javascript|data|urn):""", answer.text), path


async def test_nothing_of_a_sender_is_in_the_metrics(hostile: Driver) -> None:
    metrics = (await hostile.http.get("/metrics")).text
    assert MARK not in metrics
    assert "evil.example" not in metrics


async def test_the_log_says_nothing_of_what_is_sent(lookout: Driver, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), capture_logs() as lines:
        (await lookout.post_alerts(*SENT.values())).raise_for_status()
        for text in TEXTS.values():
            legal = text.encode().translate(None, bytes(range(32)) + b"\x7f")
            headers: dict[bytes, bytes] = dict.fromkeys((b"X-User-ID", b"User-Agent", b"X-Request-ID"), legal)
            await lookout.http.get("/v1/incidents", params={"after": text}, headers=headers)
            await lookout.post_alerts({"labels": {"": text}})
    assert [line for line in lines if MARK in str(line)] == []
    assert [record for record in caplog.records if MARK in record.getMessage()] == []


async def test_all_of_it_is_in_the_log_and_folds(hostile: Driver) -> None:
    assert (await hostile.rebuild()).equal
    events: list[FeedEvent] = await hostile.feed()
    assert len(events) == len(TEXTS)


async def test_each_text_is_a_problem_of_its_own(hostile: Driver) -> None:
    """What looks alike when it is clean is not the same: the identity is of what was sent."""
    alerts = (await hostile.http.get("/api/v2/alerts")).json()
    assert len({alert["fingerprint"] for alert in alerts}) == len(TEXTS)
    (await hostile.post_alerts(*SENT.values())).raise_for_status()
    assert len(await hostile.feed()) == len(TEXTS), "and the second time each is known"
