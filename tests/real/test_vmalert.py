"""The real vmalert sends to Lookout: all alerts of a rule in one body, with a label of its own and nanoseconds."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from tests.real import programs
from tests.real.programs import free_port, program
from tests.real.stream import stream_of

from lookout.incidents.events import EventType
from lookout.incidents.incident import Resolution

pytestmark = pytest.mark.real

MANY = 300
"""More than Prometheus would put into one request."""

RULES = """
groups:
  - name: infra
    interval: 1s
    rules:
      - alert: QueueFull
        expr: queue_length > 100
        labels: {severity: critical, service: ingest}
        annotations: {summary: "The queue of {{ $labels.instance }} is full"}
"""


class Datasource:
    """What vmalert asks: as many series as the test sets answer its query, as Prometheus would write them."""

    def __init__(self) -> None:
        self.series = 0
        self.port = 0

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        series = [
            {"metric": {"__name__": "queue_length", "instance": f"host{number}:9100"}, "value": [0, "101"]}
            for number in range(self.series)
        ]
        body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}}).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(body) + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def _vmalert(lookout: httpx.AsyncClient, directory: Path) -> AsyncGenerator[Datasource]:
    path = program("vmalert")
    await asyncio.to_thread((directory / "rules.yml").write_text, RULES)
    datasource = Datasource()
    async with datasource.serving():
        running = programs.running(
            path,
            f"-rule={directory}/rules.yml",
            f"-datasource.url=http://127.0.0.1:{datasource.port}",
            f"-notifier.url=http://127.0.0.1:{lookout.base_url.port}",
            f"-httpListenAddr=127.0.0.1:{free_port()}",
            output=directory / "vmalert.log",
        )
        async with running:
            yield datasource


async def test_three_hundred_alerts_of_one_rule_are_one_incident_with_one_event(
    lookout: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with _vmalert(lookout, tmp_path) as datasource, stream_of(lookout) as stream:
        datasource.series = MANY
        opened = await stream.next()
        assert (opened.event_type, opened.incident.firing_alerts) == (EventType.OPENED, MANY)
        assert (opened.incident.severity, opened.incident.title) == ("critical", "QueueFull (service=ingest)")
        assert opened.incident.summary.endswith("is full")
        page = (await lookout.get(f"/v1/incidents/{opened.incident.id}/alerts")).raise_for_status().json()
        assert {alert["labels"]["alertgroup"] for alert in page["alerts"]} == {"infra"}
        datasource.series = MANY - 1
        one_left = await stream.next()
        assert (one_left.event_type, one_left.incident.firing_alerts) == (EventType.ALERTS_CHANGED, MANY - 1)
        datasource.series = 0
        resolved = await stream.next()
        assert (resolved.position, resolved.event_type) == (3, EventType.RESOLVED)
        assert resolved.incident.resolution is Resolution.SOURCE
    assert "error" not in await asyncio.to_thread((tmp_path / "vmalert.log").read_text)
