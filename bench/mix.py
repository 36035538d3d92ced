"""What is sent in a soak: mostly repeats in batches, some alone, and a few alerts that begin and end a minute later.

A request is bytes that are ready to be written but for the time, so that making one costs next to nothing.
"""

import json
import random
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from bench.load import alerts
from bench.tenants import headers_of

DISTINCT = 10_000
BATCH = 64
TENANTS = 8
"""That repeat, and as many others whose alerts begin and end: what fires for ever keeps its tenant's log whole."""
BEGIN = 4
"""Alerts that begin in one request, two in each incident."""
LASTS = timedelta(minutes=1)
"""From the beginning of an alert to its end."""
ENDS_LIMIT = 2 * BEGIN
"""Incidents that end in one request: more than begin, so that it can catch up."""
HOLDS = timedelta(minutes=4)
"""As Prometheus promises with every alert that it repeats."""
SHARES = {"batch": 60, "alone": 36, "churn": 4}
"""Requests of each kind, of a hundred."""
ENDS_AT = b"@@@@-@@-@@T@@:@@:@@.000Z"
QUERY = """{ incidentsConnection(page: {first: 50}) {
  totalCount nodes { id title severity status labels startedAt firingAlerts } pageInfo { hasNextPage endCursor }
} }"""


class Request(msgspec.Struct, frozen=True):
    """What goes over the wire. `begins` are the numbers of the incidents that open with it, `ends` of those it ends."""

    kind: str
    wire: bytes
    alerts: int
    begins: Sequence[int] = ()
    ends: Sequence[int] = ()


class Mix:
    """The requests, one after the other, for ever."""

    def __init__(self) -> None:
        firing = [{**alert, "endsAt": ENDS_AT.decode()} for alert in alerts(DISTINCT)]
        batches = [firing[start : start + BATCH] for start in range(0, DISTINCT, BATCH)]
        self._batches = [(_post(f"steady-{place % TENANTS}", batch), len(batch)) for place, batch in enumerate(batches)]
        self._alone = [
            (_post(f"steady-{place % TENANTS}", [alert]), 1) for place, batch in enumerate(batches) for alert in batch
        ]
        kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
        random.Random(0).shuffle(kinds)
        self._kinds = deque(kinds)
        self._burning: list[deque[tuple[datetime, range]]] = [deque() for _ in range(TENANTS)]
        self._sent = {"batch": 0, "alone": 0, "churn": 0, "page": 0}

    def next(self, now: datetime) -> Request:
        """What is sent next."""
        self._kinds.rotate(-1)
        kind = self._kinds[0]
        number = self._sent[kind]
        self._sent[kind] += 1
        if kind == "churn":
            return self._churn(number, now)
        known = self._batches if kind == "batch" else self._alone
        # Not in the order of the alerts: those of one tenant would come in a row.
        wire, size = known[number * 7919 % len(known)]
        return Request(kind, wire.replace(ENDS_AT, _written(now + HOLDS)), size)

    def page(self) -> Request:
        """A page of 50 incidents."""
        self._sent["page"] += 1
        tenant = f"churn-{self._sent['page'] % TENANTS}"
        return Request("page", _request("/graphql", tenant, json.dumps({"query": QUERY}).encode()), 0)

    def _churn(self, number: int, now: datetime) -> Request:
        """Alerts that begin, and those of the same tenant that began a minute ago and end."""
        tenant = number % TENANTS
        begins = range(number * BEGIN // 2, (number + 1) * BEGIN // 2)
        told = [_churning(job, part, now, None) for job in begins for part in "ab"]
        ends: list[int] = []
        burning = self._burning[tenant]
        while burning and now - burning[0][0] >= LASTS and len(ends) < ENDS_LIMIT:
            began, jobs = burning.popleft()
            ends += jobs
            told += [_churning(job, part, began, now) for job in jobs for part in "ab"]
        burning.append((now, begins))
        return Request("churn", _post(f"churn-{tenant}", told), len(told), begins, ends)


def _churning(job: int, part: str, starts_at: datetime, ends_at: datetime | None) -> dict[str, object]:
    alert: dict[str, object] = {
        "labels": {
            "alertname": "Soak",
            "job": str(job),
            "instance": f"10.0.0.{part}:9100",
            "severity": ("info", "warning", "critical")[job % 3],
        },
        "annotations": {"summary": "A target has not answered for five minutes"},
        "startsAt": starts_at.isoformat(),
        "generatorURL": "http://prometheus.example/graph?g0.expr=up+%3D%3D+0",
    }
    return alert if ends_at is None else {**alert, "endsAt": ends_at.isoformat()}


def _written(at: datetime) -> bytes:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z").encode()


def _post(tenant: str, told: object) -> bytes:
    return _request("/api/v2/alerts", tenant, json.dumps(told, separators=(",", ":")).encode())


def _request(path: str, tenant: str, body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers_of(tenant).items()]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
