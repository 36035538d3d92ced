"""The real Prometheus sends to Lookout directly and through the real Alertmanager, both at once: one incident."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.real import programs
from tests.real.exporter import Exporter
from tests.real.programs import free_port, program
from tests.real.stream import Stream, stream_of

from lookout.incidents.events import EventType
from lookout.incidents.incident import Resolution

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
  external_labels: {cluster: test}
rule_files: [rules.yml]
scrape_configs:
  - job_name: queue
    static_configs: [{targets: ["127.0.0.1:%(metrics)d"]}]
alerting:
  alertmanagers:
    - basic_auth: {username: prometheus, password: not-asked-for-in-local-mode}
      static_configs: [{targets: ["127.0.0.1:%(lookout)d"]}]
    - static_configs: [{targets: ["127.0.0.1:%(alertmanager)d"]}]
"""

ALERTMANAGER = """
route: {receiver: lookout, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1s}
receivers:
  - name: lookout
    webhook_configs: [{url: "http://127.0.0.1:%(lookout)d/v1/alertmanager", send_resolved: true}]
"""


@asynccontextmanager
async def _prometheus_and_alertmanager(lookout: httpx.AsyncClient, directory: Path) -> AsyncGenerator[Exporter]:
    prometheus, alertmanager = program("prometheus"), program("prometheus-alertmanager")
    exporter = Exporter()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(exporter.serving())
        ports = {"lookout": lookout.base_url.port, "alertmanager": free_port(), "metrics": exporter.port}
        texts = {"rules.yml": RULES, "prometheus.yml": PROMETHEUS % ports, "alertmanager.yml": ALERTMANAGER % ports}
        for name, text in texts.items():
            await asyncio.to_thread((directory / name).write_text, text)
        running = programs.running(
            alertmanager,
            f"--config.file={directory}/alertmanager.yml",
            f"--storage.path={directory}/alertmanager",
            f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
            "--cluster.listen-address=",
            output=directory / "alertmanager.log",
        )
        await stack.enter_async_context(running)
        running = programs.running(
            prometheus,
            f"--config.file={directory}/prometheus.yml",
            f"--storage.tsdb.path={directory}/prometheus",
            f"--web.listen-address=127.0.0.1:{free_port()}",
            "--rules.alert.resend-delay=1s",
            output=directory / "prometheus.log",
        )
        await stack.enter_async_context(running)
        yield exporter


async def _only_alert(lookout: httpx.AsyncClient, incident_id: str) -> dict[str, Any]:
    (alert,) = (await lookout.get(f"/v1/incidents/{incident_id}/alerts")).raise_for_status().json()["alerts"]
    return alert


async def _wait_for_repeats(lookout: httpx.AsyncClient, exporter: Exporter, incident_id: str) -> dict[str, Any]:
    """Return the alert once both have reported it, and it has been received at two later moments."""
    moments: set[str] = set()
    for _ in range(MOST_SCRAPES):
        alert = await _only_alert(lookout, incident_id)
        if len(alert["sources"]) == 2:
            moments.add(alert["last_received_at"])
        if len(moments) > 2:
            return alert
        await exporter.scrape()
    raise AssertionError(f"not repeated by both: {await _only_alert(lookout, incident_id)}")


async def _opened(stream: Stream) -> str:
    opened = await stream.next()
    heard_at = datetime.now(UTC)
    assert opened.event_type is EventType.OPENED
    assert opened.incident.summary.startswith("The queue of 127.0.0.1")
    assert opened.incident.severity == "critical"
    assert opened.incident.labels["cluster"] == "test"
    fired, stored = (heard_at - opened.incident.started_at), (heard_at - opened.recorded_at)
    print(f"heard {fired.total_seconds():.3f} s after it fired, {stored.total_seconds():.3f} s after it was stored")  # noqa: T201
    assert fired.total_seconds() < 2
    return opened.incident.id


async def test_one_problem_seen_by_both_is_one_incident(lookout: httpx.AsyncClient, tmp_path: Path) -> None:
    async with _prometheus_and_alertmanager(lookout, tmp_path) as exporter, stream_of(lookout) as stream:
        await exporter.scrape()
        exporter.queue_length = 101
        incident_id = await _opened(stream)
        alert = await _wait_for_repeats(lookout, exporter, incident_id)
        assert alert["sources"] == ["alertmanager", "prometheus"]
        assert alert["status"] == "firing"
        exporter.queue_length = 0
        resolved = await stream.next()
        assert (resolved.position, resolved.event_type) == (2, EventType.RESOLVED)
        assert resolved.incident.id == incident_id
        assert resolved.incident.resolution is Resolution.SOURCE
        assert resolved.incident.total_alerts == 1
        assert (await _only_alert(lookout, incident_id))["status"] == "resolved"
        page = (await lookout.get("/v1/incidents")).raise_for_status().json()
        assert [incident["id"] for incident in page["incidents"]] == [incident_id]
        assert page["position"] == 2
