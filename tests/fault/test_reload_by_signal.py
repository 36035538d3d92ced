"""SIGHUP makes a running Lookout read lookout.yaml anew, and does nothing else to it."""

import asyncio
import signal
from pathlib import Path

import httpx
from tests.server_process import lookout_process

SUCCESSFUL = "lookout_config_last_reload_successful"


async def _metric_becomes(http: httpx.AsyncClient, value: float) -> None:
    async with asyncio.timeout(30):
        while f"\n{SUCCESSFUL} {value}" not in (await http.get("/metrics")).text:
            pass


async def _title_of_next(http: httpx.AsyncClient, instance: str) -> str:
    alert = {"labels": {"alertname": "Down", "instance": instance}}
    (await http.post("/api/v2/alerts", json=[alert])).raise_for_status()
    return (await http.get("/v1/incidents")).json()["incidents"][0]["title"]


async def test_sighup_reads_the_file_and_a_broken_one_changes_nothing(data_dir: Path, tmp_path: Path) -> None:
    config = tmp_path / "lookout.yaml"
    config.write_text("")
    async with (
        lookout_process(data_dir, LOOKOUT_CONFIG=str(config)) as server,
        httpx.AsyncClient(base_url=await server.address(), timeout=30) as http,
    ):
        assert await _title_of_next(http, "1") == "Down"
        config.write_text("policy: {rules: [{name: a, matchers: [instance=2]}, {name: a}]}")
        server.signal_group(signal.SIGHUP)
        await _metric_becomes(http, 0.0)
        assert [line.count("action=config_refused") for line in server.stderr] == [1, 1]
        config.write_text("policy: {rules: [{name: a, matchers: [instance=2], group_by: [instance]}]}")
        server.signal_group(signal.SIGHUP)
        await _metric_becomes(http, 1.0)
        assert await _title_of_next(http, "2") == "Down (instance=2)"
        assert (await http.get("/ready")).status_code == 200
