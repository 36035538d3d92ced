"""A real Alertmanager whose `pagerduty_configs` have Lookout's address: its groups become incidents and resolve."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from httpx_sse import aconnect_sse
from tests.real.programs import alertmanager_process

from lookout.alerts.severity import Severity
from lookout.incidents.events import FeedEvent

pytestmark = [pytest.mark.real, pytest.mark.slow]

SECONDS = 30
CONFIG = """
route:
  receiver: lookout
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 1s
  repeat_interval: 1h
receivers:
- name: lookout
  pagerduty_configs:
  - routing_key: 0123456789abcdef0123456789abcdef
    url: {lookout}/v2/enqueue
    severity: '{{{{ with .CommonLabels.severity }}}}{{{{ . }}}}{{{{ else }}}}critical{{{{ end }}}}'
    links:
    - href: http://runbooks.example/disk
      text: runbook
"""


async def _post(alertmanager: str, labels: Mapping[str, str], *, ended: bool = False) -> None:
    alert: dict[str, Any] = {"labels": labels, "annotations": {"summary": "disk is full"}}
    if ended:
        alert["endsAt"] = datetime.now(UTC).isoformat()
    async with httpx.AsyncClient(base_url=alertmanager) as http:
        (await http.post("/api/v2/alerts", json=[alert])).raise_for_status()


async def _events(lookout: str) -> AsyncGenerator[FeedEvent]:
    async with (
        httpx.AsyncClient(base_url=lookout, timeout=SECONDS) as http,
        aconnect_sse(http, "GET", "/v1/feed", params={"after": "0"}) as source,
    ):
        async for sse in source.aiter_sse():
            if sse.data:
                yield msgspec.json.decode(sse.data, type=FeedEvent)


async def test_a_group_opens_escalates_resolves_and_opens_anew(lookout_url: str, tmp_path: Path) -> None:
    first = {"alertname": "DiskFull", "instance": "db1", "severity": "warning"}
    second = {"alertname": "DiskFull", "instance": "db2", "severity": "page"}
    async with (
        asyncio.timeout(2 * SECONDS),
        alertmanager_process(tmp_path, CONFIG.format(lookout=lookout_url)) as alertmanager,
        aclosing(_events(lookout_url)) as events,
    ):
        await _post(alertmanager, first)
        opened = await anext(events)
        assert opened.event_type == "incident_opened"
        assert opened.incident.title == "[FIRING:1] DiskFull (db1 warning)"
        assert opened.incident.severity is Severity.WARNING
        await _check_alert(lookout_url, opened.incident.id)

        await _post(alertmanager, second)
        escalated = await anext(events)
        assert escalated.event_type == "incident_escalated"
        assert (escalated.incident.severity, escalated.incident.firing_alerts) == (Severity.CRITICAL, 1)

        await _post(alertmanager, first, ended=True)
        await _post(alertmanager, second, ended=True)
        resolved = await anext(events)
        assert resolved.event_type == "incident_resolved"
        assert (resolved.incident.id, resolved.incident.resolution) == (opened.incident.id, "source")

        await _post(alertmanager, first)
        reopened = await anext(events)
        assert reopened.event_type == "incident_reopened"
        assert reopened.incident.id == opened.incident.id

    async with httpx.AsyncClient(base_url=lookout_url) as http:
        assert (await http.get("/v1/rejected-alerts")).json()["rejected_alerts"] == []


async def _check_alert(lookout: str, incident_id: str) -> None:
    async with httpx.AsyncClient(base_url=lookout) as http:
        [alert] = (await http.get(f"/v1/incidents/{incident_id}/alerts")).json()["alerts"]
    assert list(alert["labels"]) == ["dedup_key"]
    assert alert["links"]["runbook"] == "http://runbooks.example/disk"
    assert "summary = disk is full" in alert["annotations"]["custom_details.firing"]
    assert alert["annotations"]["client"] == "Alertmanager"
