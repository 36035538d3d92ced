"""A source that does not answer, or not as it should, changes nothing; it is told, and asked again."""

import asyncio
import json

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from tests.asked import Answer, Prometheus
from tests.driver import Driver
from tests.scenario.conftest import Start

import lookout.reconcile
from lookout.alerts.source import Source
from lookout.incidents.incident import Status
from lookout.incidents.policy import Policy
from lookout.reconcile import RETRY_AFTER, AskedAddress
from lookout.sources import QUESTIONS

RULES = "/api/v1/rules"
ODD: dict[str, tuple[Answer, str]] = {
    "an error": ((503, {}, b"Service Unavailable"), "/api/v1/rules?type=alert was answered with 503"),
    "a redirect": ((302, {"Location": "/login"}, b""), "is a redirect, which is not followed"),
    "a page": ((200, {"Content-Type": "text/html"}, b"<html>"), "is not of the shape"),
    "half an answer": ((200, {}, b'{"status": "success", "data": {"groups": ['), "is not of the shape"),
    "a cut answer": ((200, {"Content-Length": "9999"}, b'{"status": "success"'), "cannot be reached"),
    "an answer that is compressed": ((200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"), "compressed"),
    "too much": ((200, {}, b" " * 2_000_000), "larger than 1 MiB"),
    "another page of it": (
        (200, {}, json.dumps({"data": {"groups": [], "groupNextToken": "2"}}).encode()),
        "is not whole",
    ),
}


def _asking(*urls: str) -> Policy:
    return Policy(sources={"prometheus": Source(prometheus_url=urls)})


def _failed() -> float:
    name, labels = "lookout_reconciles_total", {"source": "prometheus", "outcome": "failed"}
    return REGISTRY.get_sample_value(name, labels) or 0


async def _asks_in_vain(lookout: Driver) -> AskedAddress:
    """What is told of the address; nothing has changed by it."""
    failed = _failed()
    with capture_logs() as logs:
        [source] = await lookout.reconciles()
    assert (await lookout.only_incident()).status is Status.FIRING
    [address] = source.addresses
    told = [line for line in logs if line.get("action") == "not_answered"]
    assert [(line["url"], line["problem"]) for line in told] == [(address.url, address.problem)]
    assert _failed() == failed + 1
    assert (source.began, source.ended, source.alerts) == (0, 0, [])
    return address


@pytest.mark.parametrize("name", ODD)
async def test_an_answer_that_is_none_changes_nothing(
    start: Start, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(lookout.reconcile, "ANSWER_LIMIT", 1024 * 1024)
    prometheus.odd[RULES], words = ODD[name]
    async with start(_asking(prometheus.url)) as server:
        await server.until_asked()
        await server.fires(job="a")
        server.clock.move(seconds=1)
        address = await _asks_in_vain(server)
        assert words in str(address.problem)


async def test_nobody_there_changes_nothing(start: Start, prometheus: Prometheus) -> None:
    async with Prometheus(prometheus.clock).serving() as other:
        gone = other.url
    async with start(_asking(gone)) as server:
        await server.until_asked()
        await server.fires(job="a")
        server.clock.move(seconds=1)
        address = await _asks_in_vain(server)
        assert "cannot be reached" in str(address.problem)
        assert address.url == gone


async def test_one_that_hangs_is_given_up(
    start: Start, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout.reconcile, "ADDRESS_SECONDS", 0.2)
    prometheus.before_answer = asyncio.Event().wait
    async with start(_asking(prometheus.url)) as server:
        await server.until_asked()
        await server.fires(job="a")
        server.clock.move(seconds=1)
        address = await _asks_in_vain(server)
        assert "did not answer" in str(address.problem) or "cannot be reached" in str(address.problem)


async def test_one_that_tells_no_time_is_believed(start: Start, prometheus: Prometheus) -> None:
    prometheus.headers = {"Date": "noon"}
    prometheus.fires({"job": "a"})
    async with start(_asking(prometheus.url)) as server:
        await server.until_asked()
        assert await server.types() == ["opened"]


async def test_an_answer_that_nobody_can_read_stops_nothing(
    start: Start, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object, __: object) -> None:
        raise RuntimeError("what should not happen")

    monkeypatch.setitem(QUESTIONS, "prometheus", QUESTIONS["prometheus"]._replace(read=fail))
    with capture_logs() as logs:
        async with start(_asking(prometheus.url)) as server:
            await server.until_asked()
            await server.fires(job="a")
            assert not server.running.failed.done()
    assert "reconcile_failed" in [line.get("action") for line in logs]


async def test_while_a_twin_does_not_answer_nothing_ends_that_it_might_hold(
    start: Start, prometheus: Prometheus
) -> None:
    prometheus.fires({"job": "b"})
    async with Prometheus(prometheus.clock).serving() as twin:
        twin.odd[RULES] = (500, {}, b"")
        async with start() as server:
            await server.fires(job="a")
            server.clock.move(minutes=1)
        async with start(_asking(prometheus.url, twin.url)) as server:
            await server.until_asked()
            assert {incident.status for incident in await server.incidents()} == {Status.FIRING}
            assert await server.types() == ["opened", "opened"]


async def test_it_is_asked_again_and_again_less_often(start: Start, prometheus: Prometheus) -> None:
    prometheus.odd[RULES] = (500, {}, b"")
    seconds = RETRY_AFTER.total_seconds()
    async with start(_asking(prometheus.url)) as server:
        await server.until_asked()
        tries = [prometheus.asked.count(f"{RULES}?type=alert")]
        for wait in (seconds - 3, 3, seconds, seconds - 3, 3):
            server.clock.move(seconds=wait)
            await server.until_asked()
            tries.append(prometheus.asked.count(f"{RULES}?type=alert"))
        assert tries == [1, 1, 2, 2, 2, 3]
        del prometheus.odd[RULES]
        prometheus.fires({"job": "a"})
        server.clock.move(seconds=4 * seconds)
        await server.until_asked()
        assert await server.types() == ["opened"]
        server.clock.move(hours=1)
        await server.until_asked()
        assert prometheus.asked.count(f"{RULES}?type=alert") == 4
