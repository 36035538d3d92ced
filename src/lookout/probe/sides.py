"""Two tenants: what each has, some of it equal, and what of that nobody else may see."""

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec

_LATE = 1_900_000_000_000_000
"""Microseconds since 1970 of a time to come: in the page's list all that has ended comes after it."""
LEASE = timedelta(minutes=4)
SHARED = "shared"
"""What both have: the same labels, the same id of a report."""


class Side(msgspec.Struct, frozen=True):
    """A tenant. `callers` are headers of who reads and acts, by the kind of credential; `sender` of who sends.

    `word` is in everything that is its own.
    """

    tenant_id: str
    callers: Mapping[str, Mapping[str, str]]
    sender: Mapping[str, str]
    word: str

    @property
    def caller(self) -> Mapping[str, str]:
        """Any of them."""
        return next(iter(self.callers.values()))


class Holdings(msgspec.Struct, frozen=True):
    """What a tenant has, as it sees it."""

    word: str
    tenant_id: str
    incidents: Sequence[str]
    events: Sequence[str]
    fingerprints: Sequence[str]
    heartbeat: str
    position: int
    rejected: Sequence[int]

    @property
    def secrets(self) -> list[str]:
        """What nobody else may see."""
        gids = [_base64(f"Incident:{incident_id}") for incident_id in self.incidents]
        return [self.word, self.tenant_id, *self.incidents, *gids, *self.events, *self.fingerprints, self.heartbeat]

    @property
    def values(self) -> dict[str, str]:
        """What of it can be asked for."""
        return _values(self.incidents[-1], self.heartbeat, self.position, self.word, self.tenant_id)


def nobodys(beyond: int) -> dict[str, str]:
    """Values of the same form, of things that do not exist: the position is beyond `beyond`."""
    incident_id = f"019ac000-{secrets.token_hex(2)}-7000-8000-{secrets.token_hex(6)}"
    # As long as the others, and with as many digits: nothing of an answer may tell them apart.
    return _values(incident_id, secrets.token_hex(8), beyond + 1, f"nobody-{secrets.token_hex(8)}", "nobodys-side")


def _values(incident_id: str, fingerprint: str, position: int, word: str, tenant_id: str) -> dict[str, str]:
    return {
        **names_of(incident_id),
        "gcursor": _base64(f"incident:{position}"),
        "cursor": base64.urlsafe_b64encode(f"incident:{position}".encode()).decode(),
        "pcursor": base64.urlsafe_b64encode(f"0:{-_LATE}:{-position}".encode()).decode(),
        "fingerprint": fingerprint,
        "report": f"report-{word}",
        "word": word,
        "tenant": tenant_id,
        "position": str(position),
    }


def names_of(incident_id: str) -> dict[str, str]:
    """How an incident can be named."""
    return {"gid": _base64(f"Incident:{incident_id}"), "incident": incident_id}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def settle(http: httpx.AsyncClient, side: Side, own: int, now: datetime) -> None:
    """Let a tenant have what there is to have: `own` incidents of its own, at least two, and more."""
    names = [f"Own{number}" for number in range(own)]
    labels = [{"alertname": name, "job": side.word} for name in names]
    beat = {"alertname": "Watchdog", "cluster": side.word}
    await sends(http, side, [{"alertname": "Shared", "job": SHARED}, *labels, beat], now)
    await refuses(http, side)
    for path in ("/v1/alertmanager", "/v1/grafana"):
        alert = {"status": "firing", "labels": {"alertname": path[4:], "job": side.word}, "annotations": {}}
        told = {**alert, "startsAt": now.isoformat(), "endsAt": "0001-01-01T00:00:00Z", "fingerprint": ""}
        message = {"version": "4" if path == "/v1/alertmanager" else "1", "groupKey": side.word, "alerts": [told]}
        await _posts(http, path, {**message, "status": "firing", "receiver": side.word}, side.sender)
    await _posts(http, "/v1/events", _event(side.word, "trigger"), side.sender)
    await _act_on_some(http, side)


async def sends(http: httpx.AsyncClient, side: Side, labels: Sequence[Mapping[str, str]], now: datetime) -> None:
    """Prometheus says that these fire."""
    times = {"startsAt": now.isoformat(), "endsAt": (now + LEASE).isoformat()}
    told = [{"labels": each, "annotations": {"summary": f"of {side.word}"}, **times} for each in labels]
    await _posts(http, "/api/v2/alerts", told, side.sender)


async def refuses(http: httpx.AsyncClient, side: Side) -> None:
    """Send an alert that is refused, and kept as such."""
    await http.post("/v1/alertmanager", json={"version": "4", "alerts": side.word}, headers=dict(side.sender))


def _event(word: str, action: str) -> dict[str, Any]:
    payload = {"summary": f"of {word}", "source": word, "severity": "error"}
    return {"routing_key": "r", "event_action": action, "dedup_key": word, "payload": payload}


async def _act_on_some(http: httpx.AsyncClient, side: Side) -> None:
    """What people do: to one incident all but an end, and an end to another."""
    owned = [incident for incident in await _incidents(http, side) if side.word in incident["title"]]
    one, other = owned[0]["id"], owned[1]["id"]
    for incident_id, action, arguments in (
        (one, "acknowledge", {}),
        (one, "assign", {"assignee": f"mira {side.word}"}),
        (one, "notes", {"text": f"a note of {side.word}"}),
        (one, "investigations", {"report_id": f"report-{side.word}", "summary": f"found by {side.word}"}),
        (one, "investigations", {"report_id": SHARED, "summary": f"found again by {side.word}"}),
        (other, "resolve", {"reason": f"over, says {side.word}"}),
    ):
        await _posts(http, f"/v1/incidents/{incident_id}/{action}", arguments, side.caller)


async def _posts(http: httpx.AsyncClient, path: str, body: Any, headers: Mapping[str, str]) -> None:
    (await http.post(path, json=body, headers=dict(headers))).raise_for_status()


async def _incidents(http: httpx.AsyncClient, side: Side) -> list[dict[str, Any]]:
    return (await _reads(http, "/v1/incidents?first=200", side))["incidents"]


async def _reads(http: httpx.AsyncClient, path: str, side: Side) -> dict[str, Any]:
    return (await http.get(path, headers=dict(side.caller))).raise_for_status().json()


async def holdings(http: httpx.AsyncClient, side: Side) -> Holdings:
    """What the tenant has by now. What both have alike is no secret."""
    incidents = await _incidents(http, side)
    feed = await _reads(http, "/v1/feed?after=0&first=200", side)
    sources = (await _reads(http, "/v1/sources", side))["sources"]
    fingerprints: set[str] = set()
    for incident in incidents:
        alerts = (await _reads(http, f"/v1/incidents/{incident['id']}/alerts?first=200", side))["alerts"]
        fingerprints |= {alert["fingerprint"] for alert in alerts if side.word in str(alert["labels"])}
    rejected = (await _reads(http, "/v1/rejected-alerts", side))["rejected_alerts"]
    return Holdings(
        word=side.word,
        tenant_id=side.tenant_id,
        incidents=[incident["id"] for incident in incidents],
        events=[event["event_id"] for event in feed["events"]],
        fingerprints=sorted(fingerprints),
        heartbeat=next(beat["fingerprint"] for source in sources for beat in source["heartbeats"]),
        position=feed["next"],
        rejected=[each["id"] for each in rejected],
    )
