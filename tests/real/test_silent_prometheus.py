"""I10: a real Prometheus with a Watchdog is killed: that is told, nothing resolves, and it recovers with its return."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from tests.real import programs
from tests.real.programs import free_port, program
from tests.real.stream import PATIENCE, Stream, stream_of
from tests.server_process import lookout_process, place_for_data

from lookout.incidents.events import EventType
from lookout.incidents.incident import Resolution

pytestmark = pytest.mark.real

LONG_ENOUGH = 20
"""Seconds: twice what a promise of this Prometheus, its grace and two looks of the timers take."""

RULES = """
groups:
  - name: test
    rules:
      - {alert: Watchdog, expr: vector(1), labels: {severity: none}}
      - {alert: QueueFull, expr: vector(1), labels: {severity: warning}}
"""

PROMETHEUS = """
global: {evaluation_interval: 250ms, external_labels: {cluster: test}}
rule_files: [rules.yml]
alerting:
  alertmanagers: [static_configs: [{targets: ["127.0.0.1:%d"]}]]
"""


@pytest.fixture
async def lookout(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A Lookout that knows how often this Prometheus repeats an alert."""
    config = tmp_path / "lookout.yaml"
    config.write_text("policy: {resend_delay: 1s}\n")
    with place_for_data() as place:
        async with (
            lookout_process(place / "data", LOOKOUT_CONFIG=str(config)) as server,
            httpx.AsyncClient(base_url=await server.address(), timeout=30) as http,
        ):
            yield http


def _prometheus(lookout: httpx.AsyncClient, directory: Path) -> AbstractAsyncContextManager[None]:
    """A real Prometheus, killed when the block ends. Started again it has its old data."""
    (directory / "rules.yml").write_text(RULES)
    (directory / "prometheus.yml").write_text(PROMETHEUS % (lookout.base_url.port or 0))
    return programs.running(
        program("prometheus"),
        f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/prometheus",
        f"--web.listen-address=127.0.0.1:{free_port()}",
        "--rules.alert.resend-delay=1s",
        output=directory / "prometheus.log",
    )


async def _nothing_happens(stream: Stream) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(LONG_ENOUGH):
            await stream.next()


async def _is_stale(lookout: httpx.AsyncClient, incident_id: str) -> tuple[str, bool]:
    incident = (await lookout.get(f"/v1/incidents/{incident_id}")).raise_for_status().json()
    return incident["status"], incident["stale"]


async def test_i10_a_killed_prometheus_is_silent_resolves_nothing_and_recovers(
    lookout: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with stream_of(lookout) as stream:
        async with _prometheus(lookout, tmp_path):
            opened = await stream.next()
            assert (opened.event_type, opened.incident.title) == (EventType.OPENED, "QueueFull (cluster=test)")
        silent = await stream.next()
        assert (silent.event_type, silent.incident.title) == (EventType.OPENED, "SourceSilent (cluster=test)")
        assert silent.incident.summary.startswith("prometheus (cluster=test) is silent: its heartbeat Watchdog")
        assert await _is_stale(lookout, opened.incident.id) == ("firing", True)
    # A stream that was waited for in vain is of no more use.
    async with stream_of(lookout) as stream:
        assert [(await stream.next()).position for _ in range(2)] == [1, 2]
        await _nothing_happens(stream)
    assert await _is_stale(lookout, opened.incident.id) == ("firing", True)
    async with stream_of(lookout) as stream, _prometheus(lookout, tmp_path):
        assert [(await stream.next()).position for _ in range(2)] == [1, 2]
        heard = await stream.next()
        assert (heard.event_type, heard.incident.id) == (EventType.RESOLVED, silent.incident.id)
        assert heard.incident.resolution is Resolution.SOURCE
        assert await _is_stale(lookout, opened.incident.id) == ("firing", False)
        await _repeated_since(lookout, opened.incident.id, heard.recorded_at.isoformat())
        assert (await lookout.get("/v1/incidents")).json()["position"] == 3


async def _repeated_since(lookout: httpx.AsyncClient, incident_id: str, moment: str) -> None:
    """Return once the alert of the incident was heard after `moment`."""
    async with asyncio.timeout(PATIENCE):
        while True:
            (alert,) = (await lookout.get(f"/v1/incidents/{incident_id}/alerts")).json()["alerts"]
            if alert["last_received_at"] > moment.replace("+00:00", "Z"):
                return
