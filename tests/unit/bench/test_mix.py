"""What a soak sends: the shares that it says, alerts that are known, and an end for all that begins."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.mix import BATCH, DISTINCT, HOLDS, LASTS, SHARES, Mix, Request

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _alerts(request: Request) -> list[dict[str, Any]]:
    head, _, body = request.wire.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    return json.loads(body)


def _tenant(request: Request) -> str:
    return request.wire.partition(b"X-Tenant-ID: ")[2].partition(b"\r\n")[0].decode()


def test_a_hundred_requests_are_of_each_kind_what_the_shares_say() -> None:
    mix = Mix()
    assert Counter(mix.next(NOW).kind for _ in range(100)) == SHARES


def test_repeats_are_of_so_many_alerts_and_each_of_one_tenant() -> None:
    mix = Mix()
    tenants: dict[str, set[str]] = {}
    for request in (mix.next(NOW) for _ in range(3 * DISTINCT // BATCH)):
        if request.kind == "batch":
            told = _alerts(request)
            assert len(told) == request.alerts
            for alert in told:
                tenants.setdefault(json.dumps(alert["labels"]), set()).add(_tenant(request))
                assert datetime.fromisoformat(alert["endsAt"]) == NOW + HOLDS
    assert len(tenants) == DISTINCT
    assert all(len(names) == 1 for names in tenants.values())


def test_what_begins_ends_a_minute_later_in_the_same_tenant() -> None:
    mix = Mix()
    began: dict[str, tuple[datetime, str]] = {}
    begun: set[int] = set()
    ended: set[int] = set()
    now = NOW
    for _ in range(10_000):
        now += timedelta(milliseconds=50)
        request = mix.next(now)
        if request.kind != "churn":
            continue
        begun |= set(request.begins)
        ended |= set(request.ends)
        for alert in _alerts(request):
            key = json.dumps(alert["labels"])
            if "endsAt" not in alert:
                began[key] = now, _tenant(request)
                continue
            since, tenant = began.pop(key)
            assert datetime.fromisoformat(alert["startsAt"]) == since
            assert datetime.fromisoformat(alert["endsAt"]) == now >= since + LASTS
            assert tenant == _tenant(request)
            assert now - since < LASTS + timedelta(seconds=15)
    assert ended < begun
    assert len(begun - ended) == len(began) / 2 < 200
