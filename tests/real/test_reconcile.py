"""Lookout asks the real Prometheus and the real Alertmanager what fires, for the time in which it was away."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests.real.exporter import Exporter
from tests.real.programs import alertmanager_process, free_port, program, run, running
from tests.real.stream import PATIENCE, stream_of
from tests.server_process import LOOKOUT, lookout_process, place_for_data

from lookout.incidents.events import EventType
from lookout.incidents.incident import Incident, Resolution

pytestmark = pytest.mark.real

MOST_SCRAPES = 200
"""What has not happened after so many scrapes, a quarter of a second apart, will not."""

RULES = """
groups:
  - name: test
    rules:
      - alert: QueueFull
        expr: queue_length > 100
        labels: {severity: critical, service: ingest}
        annotations: {summary: "The queue of {{ $labels.instance }} is full"}
"""

PROMETHEUS = """
global:
  scrape_interval: 250ms
  scrape_timeout: 250ms
  evaluation_interval: 250ms
  external_labels: {cluster: test, prometheus_replica: one, zone: left}
rule_files: [rules.yml]
scrape_configs:
  - job_name: queue
    static_configs: [{targets: ["127.0.0.1:%(metrics)d"]}]
alerting:
  alert_relabel_configs: [{action: labeldrop, regex: zone}]
  alertmanagers: [%(alertmanagers)s]
"""

ALERTMANAGER = """
route: {receiver: lookout, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: lookout
    webhook_configs: [{url: "http://127.0.0.1:%d/v1/alertmanager"}]
"""


@asynccontextmanager
async def _prometheus(directory: Path, exporter: Exporter, sends_to: int | None) -> AsyncGenerator[str]:
    """A Prometheus that says what ended once, and then not for a minute. Its address."""
    targets = f'{{static_configs: [{{targets: ["127.0.0.1:{sends_to}"]}}]}}' if sends_to is not None else ""
    (directory / "rules.yml").write_text(RULES)
    config = PROMETHEUS % {"metrics": exporter.port, "alertmanagers": targets}
    (directory / "prometheus.yml").write_text(config)
    port = free_port()
    arguments = (
        f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    async with running(program("prometheus"), *arguments, output=directory / "prometheus.log"):
        url = f"http://127.0.0.1:{port}"
        await _until(exporter, url, "/api/v1/alerts", _answers)
        yield url


async def _until(exporter: Exporter, url: str, path: str, is_so: Callable[[dict[str, Any]], bool]) -> None:
    """Return once what is answered there is so. It is looked at after each scrape."""
    async with httpx.AsyncClient(base_url=url) as http:
        for _ in range(MOST_SCRAPES):
            await exporter.scrape()
            try:
                answer = await http.get(path)
            except httpx.TransportError:
                continue
            if answer.status_code == 200 and is_so(answer.json()):
                return
    raise AssertionError(f"{url}{path} never was as it should be")


def _answers(answer: dict[str, Any]) -> bool:
    return answer["status"] == "success"


def _fires(answer: dict[str, Any]) -> bool:
    return [alert["state"] for alert in answer["data"]["alerts"]] == ["firing"]


def _is_quiet(answer: dict[str, Any]) -> bool:
    return not answer["data"]["alerts"]


@asynccontextmanager
async def _lookout(place: Path, port: int, source: str, url: str) -> AsyncGenerator[httpx.AsyncClient]:
    """A Lookout that asks `source` at `url`. It is killed in the end, as in an accident."""
    config = place / "lookout.yaml"
    config.write_text(f"sources:\n  {source}:\n    {source}_url: {url}\n")
    async with (
        lookout_process(place / "data", PORT=str(port), LOOKOUT_CONFIG=str(config)) as server,
        httpx.AsyncClient(base_url=await server.address(), timeout=30) as http,
    ):
        yield http


async def _only_incident(http: httpx.AsyncClient) -> Incident:
    (incident,) = (await http.get("/v1/incidents")).raise_for_status().json()["incidents"]
    return msgspec.convert(incident, Incident)


async def _ends(http: httpx.AsyncClient) -> Incident:
    """The incident once its second event has come."""
    async with stream_of(http) as stream:
        assert (await stream.next()).event_type is EventType.OPENED
        assert (await stream.next()).event_type is EventType.RESOLVED
    return await _only_incident(http)


async def test_what_prometheus_ended_while_lookout_was_away_resolves_as_reconciled(
    exporter: Exporter, tmp_path: Path
) -> None:
    port = free_port()
    with place_for_data() as place:
        async with _prometheus(tmp_path, exporter, sends_to=port) as url:
            async with _lookout(place, port, "prometheus", url) as http, stream_of(http) as stream:
                # Its first alert comes once it has found Lookout, and its end is told at once: to nobody.
                for _ in range(20):
                    await exporter.scrape()
                exporter.queue_length = 101
                opened = await stream.next()
                assert opened.incident.labels["cluster"] == "test"
            exporter.queue_length = 0
            await _until(exporter, url, "/api/v1/alerts", _is_quiet)
            async with _lookout(place, port, "prometheus", url) as http:
                ended = await _ends(http)
                assert ended.id == opened.incident.id
                assert ended.resolution is Resolution.RECONCILED


async def test_what_prometheus_fires_and_never_sent_opens(exporter: Exporter, tmp_path: Path) -> None:
    exporter.queue_length = 101
    with place_for_data() as place:
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(_prometheus(tmp_path, exporter, sends_to=None))
            await _until(exporter, url, "/api/v1/alerts", _fires)
            http = await stack.enter_async_context(_lookout(place, free_port(), "prometheus", url))
            stream = await stack.enter_async_context(stream_of(http))
            opened = await stream.next()
            assert opened.event_type is EventType.OPENED
            assert opened.incident.labels == {
                "alertname": "QueueFull",
                "cluster": "test",
                "job": "queue",
                "service": "ingest",
            }
            assert opened.incident.summary == f"The queue of 127.0.0.1:{exporter.port} is full"
            (alert,) = (await http.get(f"/v1/incidents/{opened.incident.id}/alerts")).json()["alerts"]
            assert alert["sources"] == ["prometheus"]
            assert "zone" not in alert["labels"]
            assert "prometheus_replica" not in alert["labels"]
            answer = await run(str(LOOKOUT), "reconcile", "--url", str(http.base_url), home=tmp_path)
            assert (answer.exit_code, answer.stderr) == (0, "")
            assert answer.stdout.split() == ["prometheus", url, "1", "firing", "nothing", "differs"]
            exporter.queue_length = 0
            await _until(exporter, url, "/api/v1/alerts", _is_quiet)
            answer = await run(str(LOOKOUT), "reconcile", "--url", str(http.base_url), home=tmp_path)
            assert "ended  QueueFull  (resolved, incident" in answer.stdout
            assert (await _only_incident(http)).resolution is Resolution.RECONCILED


async def test_an_alert_that_was_read_and_is_sent_later_is_one_and_ends_when_it_ends(
    exporter: Exporter, tmp_path: Path
) -> None:
    """Asked first, Prometheus tells no start; its message has one, and its resolve counts at once."""
    exporter.queue_length = 101
    port = free_port()
    with place_for_data() as place:
        async with _prometheus(tmp_path, exporter, sends_to=port) as url:
            await _until(exporter, url, "/api/v1/alerts", _fires)
            async with _lookout(place, port, "prometheus", url) as http, stream_of(http) as stream:
                opened = await stream.next()
                exporter.queue_length = 0
                resolved = await stream.next()
                assert (resolved.event_type, resolved.incident.id) == (EventType.RESOLVED, opened.incident.id)
                assert resolved.incident.resolution is Resolution.SOURCE
                started, ended = opened.incident.started_at, resolved.incident.resolved_at
                assert ended is not None
                assert (ended - started).total_seconds() < PATIENCE


async def _amtool(alertmanager: str, home: Path, *arguments: str) -> None:
    answer = await run(program("amtool"), f"--alertmanager.url={alertmanager}", *arguments, home=home)
    assert answer.exit_code == 0, answer.stderr


async def _has_run_for_a_second(alertmanager: str) -> None:
    """Return once it says so: it tells whole seconds, and of what it told earlier its silence is no proof."""
    async with httpx.AsyncClient(base_url=alertmanager) as http, asyncio.timeout(PATIENCE):
        runs_for = timedelta()
        while runs_for < timedelta(seconds=1):
            status = await http.get("/api/v2/status")
            runs_for = parsedate_to_datetime(status.headers["date"]) - datetime.fromisoformat(status.json()["uptime"])


async def test_what_alertmanager_ended_and_began_while_lookout_was_away(tmp_path: Path) -> None:
    port = free_port()
    with place_for_data() as place:
        async with alertmanager_process(tmp_path, ALERTMANAGER % port) as url:
            async with _lookout(place, port, "alertmanager", url) as http, stream_of(http) as stream:
                await _has_run_for_a_second(url)
                await _amtool(url, tmp_path, "alert", "add", "alertname=DiskFull", "job=node", "instance=db1")
                opened = await stream.next()
                (alert,) = (await http.get(f"/v1/incidents/{opened.incident.id}/alerts")).json()["alerts"]
                assert alert["sources"] == ["alertmanager"]
            ended_at = ["--end", "2026-01-01T00:00:00Z", "--start", "2025-12-31T00:00:00Z"]
            await _amtool(url, tmp_path, "alert", "add", "alertname=DiskFull", "job=node", "instance=db1", *ended_at)
            await _amtool(url, tmp_path, "silence", "add", "-a", "jo", "-c", "known", "job=quiet")
            for job in ("web", "quiet"):
                await _amtool(url, tmp_path, "alert", "add", "alertname=Slow", f"job={job}")
            async with httpx.AsyncClient(base_url=url) as alertmanager:
                async with asyncio.timeout(PATIENCE):
                    while len((await alertmanager.get("/api/v2/alerts")).json()) != 2:
                        pass
            # At another port, so that Alertmanager cannot tell it itself.
            async with _lookout(place, free_port(), "alertmanager", url) as http, stream_of(http) as stream:
                events = [await stream.next() for _ in range(3)]
                assert {event.event_type for event in events} == {EventType.OPENED, EventType.RESOLVED}
                incidents = (await http.get("/v1/incidents")).raise_for_status().json()["incidents"]
                told = {incident["labels"]["job"]: incident["resolution"] for incident in incidents}
                assert told == {"node": "reconciled", "web": None}
