"""I8: every limit that is a setting holds where it is set: so much is taken, and one more is not."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from lookout.alerts.matcher import MatcherError, parse_matcher
from lookout.api.limits import Key, Streams, Turnstile
from lookout.api.mcp.server import views_of
from lookout.errors import LookoutError, TooMany
from lookout.intake.queue import Job, Queue
from lookout.intake.work import Delivery
from lookout.limits import Limits
from lookout.sources import prometheus
from lookout.sources.parsed import MalformedBody

NOW = datetime(2026, 11, 26, tzinfo=UTC)
TENANT: Sequence[Key] = (("acme", ""),)
CREDENTIAL: Sequence[Key] = (("acme", ""), ("acme", "token a"))


# Each says whether so much is taken.


def entered(limits: Limits, count: int, keys: Sequence[Key] = TENANT, *, sends: bool = False) -> bool:
    turnstile = Turnstile(limits)
    with suppress(LookoutError):
        for _ in range(count):
            turnstile.enter(keys, NOW, sends=sends)
        return True
    return False


def opened(limits: Limits, count: int) -> bool:
    streams = Streams(limits)
    with suppress(TooMany):
        for _ in range(count):
            streams.open(TENANT)
        return True
    return False


def parsed(limits: Limits, body: Any) -> bool:
    text = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
    with suppress(MalformedBody):
        return not prometheus.parse(text, NOW, limits=limits).rejected
    return False


def nested(limits: Limits, count: int) -> bool:
    inner = count - 2
    return parsed(limits, b'[{"labels":{"a":"b"},"unknown":%s%s}]' % (b"[" * inner, b"]" * inner))


def matched(limits: Limits, count: int) -> bool:
    with suppress(MatcherError):
        parse_matcher("a=~" + "b" * count, limits)
        return True
    return False


async def taken_together(limits: Limits, tenants: Sequence[str]) -> bool:
    """Whether one commit has an alert of each."""
    queue = Queue(limits)
    for tenant_id in tenants:
        done = asyncio.get_running_loop().create_future()
        queue.put(Job(Delivery(tenant_id, "prometheus", NOW), tenant_id, 1, done))
    return len(queue.take()) == len(tenants)


Takes = Callable[[Limits, int], bool]
PURE: dict[str, tuple[Limits, Takes]] = {
    "ingest_rate": (Limits(ingest_rate=3, burst_seconds=1), lambda limits, count: entered(limits, count, sends=True)),
    "read_rate": (Limits(read_rate=3, burst_seconds=1), entered),
    "streams": (Limits(streams=3), opened),
    "burst_seconds": (Limits(read_rate=1, burst_seconds=4), entered),
    "token_percent": (
        Limits(read_rate=100, burst_seconds=1, token_percent=30),
        lambda limits, count: entered(limits, count, CREDENTIAL),
    ),
    "nesting": (Limits(nesting=16), nested),
    "alerts": (Limits(alerts=3), lambda limits, count: parsed(limits, [{"labels": {"a": "b"}}] * count)),
    "labels": (
        Limits(labels=3),
        lambda limits, count: parsed(limits, [{"labels": {f"l{number}": "v" for number in range(count)}}]),
    ),
    "labels_bytes": (
        Limits(labels_bytes=100),
        lambda limits, count: parsed(limits, [{"labels": {"a": "x" * (count - len('{"a":""}'))}}]),
    ),
    "name_length": (Limits(name_length=9), lambda limits, count: parsed(limits, [{"labels": {"n" * count: "v"}}])),
    "value_length": (Limits(value_length=9), lambda limits, count: parsed(limits, [{"labels": {"a": "é" * count}}])),
    "regex_length": (Limits(regex_length=9), matched),
}


@pytest.mark.parametrize("name", PURE)
def test_i8_a_limit_that_is_set_holds(name: str) -> None:
    limits, takes = PURE[name]
    limit: int = getattr(limits, name)
    assert takes(limits, limit)
    assert not takes(limits, limit + 1)


@pytest.mark.parametrize("field", ["labels", "annotations"])
@pytest.mark.parametrize("surprise", [{}, {"unknown": 1}], ids=["usual form", "careful way"])
@pytest.mark.parametrize(
    ("limits", "texts", "reason"),
    [
        (Limits(labels=2), {"a": "b", "c": "d", "e": "f"}, "more than 2 labels, or annotations"),
        (Limits(labels_bytes=20), {"a": "x" * 20}, "the {} are larger than 20 bytes of JSON"),
        (Limits(name_length=5), {"summary": "x"}, "the name of one of the {} is longer than 5 characters"),
        (Limits(value_length=5), {"a": "summary"}, "the value of one of the {} is longer than 5 characters"),
    ],
)
def test_i9_an_alert_beyond_a_limit_is_rejected_alone_and_the_reason_names_it(
    field: str, surprise: dict[str, int], limits: Limits, texts: dict[str, str], reason: str
) -> None:
    alert = {"labels": {"a": "b"}} | {field: texts} | surprise
    answer = prometheus.parse(json.dumps([{"labels": {"a": "b"}}, alert]).encode(), NOW, limits=limits)
    assert len(answer.alerts) == 1
    [rejected] = answer.rejected
    assert (rejected.index, rejected.reason) == (1, reason.format(field))


async def test_i8_a_commit_has_so_many_alerts_and_so_many_of_a_tenant() -> None:
    assert await taken_together(Limits(commit=3), ["a", "b", "c"])
    assert not await taken_together(Limits(commit=3), ["a", "b", "c", "d"])
    assert await taken_together(Limits(tenant_share=3), ["a"] * 3)
    assert not await taken_together(Limits(tenant_share=3), ["a"] * 4)


def test_a_tool_tells_the_length_that_is_set() -> None:
    views = views_of(Limits(note_length=31, report_length=32))
    note = views["add_incident_note"].input_schema["properties"]["text"]
    reason = views["resolve_incident"].input_schema["properties"]["reason"]
    summary = views["attach_investigation"].input_schema["properties"]["summary"]
    assert (note["maxLength"], reason["maxLength"], summary["maxLength"]) == (31, 31, 32)
