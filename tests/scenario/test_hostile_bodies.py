"""No body makes an ingest path fail or hang, and none costs another tenant anything.

What is taken and what is refused is as Alertmanager has it, where it has it: see test_alertmanager_api_answers.py.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.access import ACCESS, api_token, bearer, make_tenants, many_token
from tests.driver import Driver
from tests.hostile import strict_json
from tests.hostile_bodies import ODD, ODD_TEXTS
from tests.scenario.conftest import Start

from lookout.api.parts import Scope
from lookout.sources import prometheus

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_LABELS = b'{"alertname": "Odd", "job": "a", "odd": "TEXT"}'
_TIMES = b'"startsAt": "2026-01-01T12:00:00Z", "endsAt": "0001-01-01T00:00:00Z"'
_ALERT = b'{"status": "firing", "labels": %s, "annotations": {"summary": "TEXT"}, %s, "x": "EXTRA"}' % (_LABELS, _TIMES)
_EVENT = b"""{"routing_key": "k", "event_action": "trigger", "dedup_key": "d", "x": "EXTRA",
 "payload": {"summary": "s", "source": "h", "severity": "error", "custom_details": {"odd": "TEXT"}}}"""
GOOD: dict[str, bytes] = {
    "/api/v2/alerts": b"[%s]" % _ALERT,
    "/v1/alertmanager": b'{"version": "4", "alerts": [%s]}' % _ALERT,
    "/v1/grafana": b'{"version": "1", "alerts": [%s]}' % _ALERT,
    "/v1/events": _EVENT,
}

# What Go reads, or leaves unread, and so is taken. An event's custom details may be any JSON besides, and the event of
# a megabyte is larger than PagerDuty takes.
TAKEN = {
    "as it is", "text after it", "twice", "upper-case keys", "a hundred brackets", "1e999", "5,000 digits",
    "5,000 digits and a fraction",
    "minus nothing", "many keys that are one", "a name twice", "__proto__", "a lone surrogate",
    "surrogates the wrong way round", "a pair of surrogates", "broken UTF-8", "UTF-8 of a surrogate", "too long UTF-8",
    "NUL", "the escape of the store", "null for a text", "a megabyte", "a megabyte of escapes", "a megabyte of emoji",
}  # fmt: skip
BY_ALERTMANAGERS_API = {"null"}
BY_EVENTS = {"a number for a text", "an object for a text", "an array for a text"}
BY_GO = {"upper-case keys"}
"""What sends events is not written in Go, and names no field so."""
TOO_LARGE_FOR_EVENTS = {"a megabyte", "a megabyte of escapes", "a megabyte of emoji"}


def is_taken(path: str, name: str) -> bool:
    if path == "/v1/events":
        return name in (TAKEN | BY_EVENTS) - TOO_LARGE_FOR_EVENTS - BY_GO
    return name in TAKEN or (path == "/api/v2/alerts" and name in BY_ALERTMANAGERS_API)


@pytest.fixture
async def lookout(start: Start) -> AsyncIterator[Driver]:
    """A Lookout of several tenants."""
    async with start(access=ACCESS) as driver:
        yield driver


async def headers_of(lookout: Driver, tenant_id: str) -> dict[str, str]:
    token = await api_token(lookout, Scope.INGEST, Scope.READ, tenant_id=tenant_id)
    return bearer(token.text, **{"Content-Type": "application/json"})


async def titles(lookout: Driver, headers: dict[str, str]) -> list[str]:
    incidents = (await lookout.http.get("/v1/incidents", headers=headers)).raise_for_status().json()["incidents"]
    return [incident["title"] for incident in reversed(incidents)]


@pytest.mark.parametrize("path", GOOD)
async def test_each_is_taken_or_refused_and_another_tenants_alert_beside_it_is_stored(
    lookout: Driver, path: str
) -> None:
    harmful, neighbour = await headers_of(lookout, "acme"), await headers_of(lookout, "globex")
    taken: set[str] = set()
    for name, odd in ODD.items():
        answer, other = await asyncio.gather(
            lookout.http.post(path, content=odd(GOOD[path]), headers=harmful),
            lookout.http.post("/api/v2/alerts", json=[lookout.alert({"job": name})], headers=neighbour),
        )
        assert other.status_code == 200, name
        assert answer.status_code in (200, 202, 400, 413, 422), name
        told: Any = strict_json(answer.content) if answer.content else None
        # Of a webhook a bad alert is refused alone.
        if answer.status_code < 300 and not (told and told.get("rejected")):
            taken.add(name)
    assert taken == {name for name in ODD if is_taken(path, name)}
    assert await titles(lookout, neighbour) == [f"Down (job={name})" for name in ODD]
    rejected = (await lookout.http.get("/v1/rejected-alerts", headers=neighbour)).json()["rejected_alerts"]
    assert rejected == []
    assert (await lookout.rebuild()).equal


async def test_in_one_commit_with_another_tenants_alerts_each_text_is_stored_and_so_are_they(lookout: Driver) -> None:
    """What can be parsed reaches the database, and the database is where a commit fails."""
    await make_tenants(lookout, "acme", "globex")
    texts = [odd(_ALERT) for name, odd in ODD_TEXTS.items() if name in TAKEN]
    harmful = [text.replace(b'"job": "a"', b'"job": "a", "tenant_id": "acme"') for text in texts]
    others = [_ALERT.replace(b'"a"', b'"%d", "tenant_id": "globex"' % number) for number in range(3)]
    body = b"[%s]" % b",".join([*harmful, *others])
    headers = bearer((await many_token(lookout)).text, **{"Content-Type": "application/json"})
    (await lookout.http.post("/api/v2/alerts", content=body, headers=headers)).raise_for_status()
    [commit] = await lookout.sql(
        "SELECT array_agg(DISTINCT tenant_id::text) AS tenants FROM events GROUP BY xmin::text"
    )
    assert sorted(commit["tenants"]) == ["acme", "globex"]
    assert await titles(lookout, await headers_of(lookout, "globex")) == [f"Odd (job={number})" for number in range(3)]
    [stored] = await lookout.sql("SELECT count(*) FROM alerts WHERE tenant_id = 'acme'")
    assert stored["count"] == len({fingerprint_of(text) for text in texts})
    assert (await lookout.rebuild()).equal


def fingerprint_of(alert: bytes) -> str:
    """Different bytes may be the same text: what is broken is U+FFFD."""
    [parsed] = prometheus.parse(b"[%s]" % alert, NOON).alerts
    return parsed.fingerprint


async def told_labels(lookout: Driver, headers: dict[str, str]) -> dict[str, dict[str, str]]:
    """The labels of what fires, by job."""
    firing = (await lookout.http.get("/api/v2/alerts", headers=headers)).json()
    return {alert["labels"].pop("job"): alert["labels"] for alert in firing}


@pytest.mark.parametrize("path", ["/api/v2/alerts", "/v1/alertmanager", "/v1/grafana"])
async def test_five_thousand_labels_and_a_megabyte_of_them_come_back_whole(lookout: Driver, path: str) -> None:
    headers = await headers_of(lookout, "acme")
    sent: dict[str, dict[str, str]] = {
        "many": {f"label_{number:04}": f"value {number}" for number in range(5_000)},
        "large": {"a": "x" * 2**20},
        "large name": {"x" * 2**20: "a"},
    }
    alerts: list[dict[str, Any]] = [
        {**lookout.alert({"job": job, **labels}), "status": "firing"} for job, labels in sent.items()
    ]
    version = "4" if path == "/v1/alertmanager" else "1"
    body: Any = alerts if path == "/api/v2/alerts" else {"version": version, "alerts": alerts}
    answer = (await lookout.http.post(path, json=body, headers=headers)).raise_for_status()
    assert path == "/api/v2/alerts" or answer.json()["rejected"] == []
    told = await told_labels(lookout, headers)
    assert told == {job: {"alertname": "Down", **labels} for job, labels in sent.items()}
    assert (await lookout.rebuild()).equal


async def test_fields_in_upper_case_are_read_as_go_reads_them(lookout: Driver) -> None:
    headers = await headers_of(lookout, "acme")
    for path in ("/v1/alertmanager", "/v1/grafana", "/api/v2/alerts"):
        body = ODD["upper-case keys"](GOOD[path]).replace(b'"a"', f'"{path}"'.encode())
        assert b'"LABELS"' in body
        (await lookout.http.post(path, content=body, headers=headers)).raise_for_status()
    told = await told_labels(lookout, headers)
    assert told == {path: {"alertname": "Odd", "odd": "TEXT"} for path in GOOD if path != "/v1/events"}
