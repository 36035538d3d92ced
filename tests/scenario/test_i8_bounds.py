"""Every queue and body has a bound, and what is beyond it is refused before anything is taken (I8)."""

import asyncio
import json
import re
import weakref
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.alerts.alert import Alert, AlertStatus, label_set
from lookout.api import bodies
from lookout.feeds import follow
from lookout.incidents.ledger import Receipt
from lookout.incidents.policy import Policy
from lookout.incidents.transitions import Reason
from lookout.intake.repeats import Repeats
from lookout.intake.work import Delivery
from lookout.limits import Limits
from lookout.store.log import Log

PADDING = b" " * 1000
NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)


async def test_i8_beyond_the_queues_bound_nothing_is_taken(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout.running.parts.intake, "_limits", Limits(queue=4))
    await lookout.fires(job="first")
    async with lookout.feed_is_locked():
        waiting = asyncio.create_task(lookout.post_alerts(*(lookout.alert({"job": job}) for job in "012")))
        await lookout.until_waiting(3)
        refused = await lookout.post_alerts(lookout.alert({"job": "x"}), lookout.alert({"job": "y"}))
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert refused.json()["code"] == 503
        fits = asyncio.create_task(lookout.post_alerts(lookout.alert({"job": "z"})))
    await asyncio.gather(waiting, fits)
    titles = {incident.title for incident in await lookout.incidents()}
    assert titles == {f"Down (job={job})" for job in ("first", "0", "1", "2", "z")}


async def test_i8_one_request_always_fits_into_an_empty_queue(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout.running.parts.intake, "_limits", Limits(queue=4))
    answer = await lookout.post_alerts(*(lookout.alert({"job": str(number)}) for number in range(9)))
    assert answer.status_code == 200
    assert len(await lookout.incidents()) == 9


@pytest.mark.parametrize("path", ["/api/v2/alerts", "/v1/alertmanager"])
async def test_i8_a_body_over_the_bound_is_413_and_is_listed(start: Start, path: str) -> None:
    async with start(limits=Limits(body_bytes=1000)) as lookout:
        answer = await lookout.repeats_captured(path, b'[{"labels":{"a":"b"}}]' + PADDING)
        assert answer.status_code == 413
        assert await lookout.incidents() == []
        [rejected] = await lookout.rejected()
        assert "nothing of it was taken" in rejected.reason


async def test_i8_a_body_that_does_not_announce_its_length_is_counted(start: Start) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'[{"labels":{"a":"b"}}]'
        yield PADDING

    async with start(limits=Limits(body_bytes=1000)) as lookout:
        headers = {"Content-Type": "application/json"}
        answer = await lookout.http.post("/api/v2/alerts", content=chunks(), headers=headers)
        assert answer.status_code == 413
        assert await lookout.incidents() == []


async def test_i8_all_bodies_together_have_a_bound(start: Start) -> None:
    async with start(limits=Limits(bodies_bytes=1000)) as lookout:
        answer = await lookout.repeats_captured("/api/v2/alerts", b'[{"labels":{"a":"b"}}]' + PADDING)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert await lookout.incidents() == []
        # What was counted is given back.
        await lookout.fires(job="a")


async def test_i8_one_stream_too_many_is_503(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "STREAM_LIMIT", 1)
    async with lookout.stream(after="0") as events:
        await lookout.fires(job="a")
        await anext(events)
        refused = await lookout.http.get("/v1/feed?after=0", headers={"Accept": "text/event-stream"})
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.parametrize("path", ["/api/v2/alerts", "/v1/alertmanager", "/v1/grafana"])
async def test_i8_too_many_alerts_are_refused_whole(start: Start, path: str) -> None:
    async with start(limits=Limits(alerts=2)) as lookout:
        alerts = [{"status": "firing", **lookout.alert({"job": job})} for job in "abc"]
        version = "1" if path == "/v1/grafana" else "4"
        body = alerts if path == "/api/v2/alerts" else {"version": version, "alerts": alerts}
        answer = await lookout.http.post(path, json=body)
        text = "the body has 3 alerts; at most 2 are taken at once; nothing of it was taken"
        assert answer.status_code == 413
        assert answer.json() == ({"code": 413, "message": text} if path == "/api/v2/alerts" else {"error": text})
        assert await lookout.incidents() == []
        [rejected] = await lookout.rejected()
        assert (rejected.index, rejected.reason) == (None, text)


async def _answer_to_stalled(url: str, path: str) -> tuple[int, Any]:
    """What is answered to a request of which only the beginning comes; httpx would not look before it sent all."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    lines = (f"POST {path} HTTP/1.1", f"Host: {where.netloc}", "Content-Type: application/json", "Content-Length: 1400")
    head = "\r\n".join((*lines, "", ""))
    try:
        writer.write(head.encode() + PADDING)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        length = re.search(rb"content-length: (\d+)", answer.lower())
        assert length is not None
        return int(answer.split()[1]), json.loads(await reader.readexactly(int(length[1])))
    finally:
        writer.close()


@pytest.mark.parametrize("path", ["/api/v2/alerts", "/v1/alertmanager", "/v1/events"])
async def test_i8_a_body_that_stands_still_is_408_and_its_bytes_are_given_back(
    start: Start, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    text = "the body did not arrive within 0.2 seconds; nothing of it was taken"
    shape = {
        "/api/v2/alerts": {"code": 408, "message": text},
        "/v1/alertmanager": {"error": text},
        "/v1/events": {
            "status": "Unrecognized object",
            "message": "Event object format is unrecognized",
            "errors": [text],
        },
    }
    async with start(limits=Limits(bodies_bytes=1500 * bodies.TENANT_PART)) as lookout:
        for _ in range(2):
            assert await _answer_to_stalled(lookout.url, path) == (408, shape[path])
        assert await lookout.incidents() == []
        await lookout.fires(job="a")


async def test_i8_a_long_name_of_the_sender_costs_no_alert(lookout: Driver) -> None:
    alert = lookout.alert({"job": "a"})
    answer = await lookout.http.post("/api/v2/alerts", json=[alert], headers={"X-User-ID": "x" * 201})
    assert answer.status_code == 200
    event = {
        "routing_key": "k",
        "event_action": "trigger",
        "dedup_key": "d",
        "payload": {"summary": "s", "source": "h", "severity": "error"},
    }
    for action in ("trigger", "acknowledge"):
        answer = await lookout.http.post(
            "/v1/events", json={**event, "event_action": action}, headers={"X-User-ID": "x" * 201}
        )
        assert answer.status_code == 202


class _Texts(dict[str, str]):
    """Annotations of which can be seen whether somebody keeps them."""


def test_i8_what_is_remembered_of_a_firing_is_not_its_annotations() -> None:
    texts = _Texts(summary="x" * 1000)
    kept = weakref.ref(texts)
    labels = label_set({"alertname": "Down"})
    alert = Alert("prometheus", labels, texts, AlertStatus.FIRING, NOW, NOW, True)
    delivery = Delivery("default", "prometheus", NOW, [alert])
    known = Repeats(cast("Log", None))
    known.remember([delivery], [[Receipt(labels.fingerprint, True, Reason.OPENED, "i")]])
    same = Delivery("default", "prometheus", NOW, [replace(alert, annotations=dict(texts))])
    other = Delivery("default", "prometheus", NOW, [replace(alert, annotations={"summary": "y"})])
    assert len(known._find([same], NOW, Policy())) == 1  # pyright: ignore[reportPrivateUsage]
    assert known._find([other], NOW, Policy()) == {}  # pyright: ignore[reportPrivateUsage]
    del texts, alert, delivery
    assert kept() is None
