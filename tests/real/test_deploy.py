"""Prometheus's and Alertmanager's own programs take what is under deploy/; and on a Lookout all evaluates."""

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.real import programs
from tests.real.exporter import Exporter
from tests.real.programs import free_port, program, run

pytestmark = pytest.mark.real

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "lookout.json").read_text())
QUERIES: list[str] = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
PROMETHEUS = """
global: {scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms}
rule_files: [lookout.rules.yml]
scrape_configs:
  - job_name: lookout
    static_configs: [{targets: ["127.0.0.1:%(port)d"]}]
  - job_name: scrapes
    static_configs: [{targets: ["127.0.0.1:%(scrapes)d"]}]
"""


async def test_the_rules_do_what_their_tests_say(tmp_path: Path) -> None:
    promtool = program("promtool")
    for rules in (DEPLOY / "prometheus").glob("*.rules.yml"):
        checked = await run(promtool, "check", "rules", str(rules), home=tmp_path)
        assert checked.exit_code == 0, checked.stdout + checked.stderr
    played = await run(promtool, "test", "rules", str(DEPLOY / "prometheus" / "lookout.rules.test.yml"), home=tmp_path)
    assert played.exit_code == 0, played.stdout + played.stderr


async def test_the_configurations_of_the_neighbours_are_taken(tmp_path: Path) -> None:
    """With the files that they name, which are in the containers."""
    for name in ("tokens", "rules"):
        (tmp_path / name).mkdir()
    for rules in (DEPLOY / "prometheus").glob("*.rules.yml"):
        shutil.copy(rules, tmp_path / "rules")
    for name in ("prometheus", "alertmanager", "service"):
        (tmp_path / "tokens" / name).write_text("x")
    for path in (DEPLOY / "prometheus" / "prometheus.yml", DEPLOY / "alertmanager" / "alertmanager.yml"):
        text = path.read_text().replace("/tokens/", f"{tmp_path}/tokens/").replace("/etc/prometheus/", f"{tmp_path}/")
        (tmp_path / path.name).write_text(text)
    config = str(tmp_path / "prometheus.yml")
    checked = await run(program("promtool"), "check", "config", config, home=tmp_path)
    assert checked.exit_code == 0, checked.stdout + checked.stderr
    assert "2 rule files found" in checked.stdout
    config = str(tmp_path / "alertmanager.yml")
    checked = await run(program("amtool"), "check-config", config, home=tmp_path)
    assert checked.exit_code == 0, checked.stdout + checked.stderr


async def test_on_a_lookout_that_is_well_all_evaluates_and_no_alert_fires(
    lookout: httpx.AsyncClient, exporter: Exporter, tmp_path: Path
) -> None:
    shutil.copy(DEPLOY / "prometheus" / "lookout.rules.yml", tmp_path)
    config = PROMETHEUS % {"port": lookout.base_url.port, "scrapes": exporter.port}
    (tmp_path / "prometheus.yml").write_text(config)
    port = free_port()
    async with (
        programs.running(
            program("prometheus"),
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            output=tmp_path / "prometheus.log",
        ),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as prometheus,
    ):
        rules = await _evaluated(prometheus, exporter)
        assert len(rules) > 10
        assert {rule["name"]: rule.get("lastError", "") for rule in rules if rule["health"] != "ok"} == {}
        assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []
        for query in QUERIES:
            asked = query.replace("$job", "lookout").replace("$instance", ".*").replace("$__rate_interval", "1m")
            assert "$" not in asked
            answer = (await prometheus.get("/api/v1/query", params={"query": asked})).json()
            assert answer["status"] == "success", (query, answer)
            if re.search(r"lookout_(database_up|alerts_received|intake_queue|feed_followers|config)", query):
                assert answer["data"]["result"], query


async def _evaluated(prometheus: httpx.AsyncClient, exporter: Exporter) -> list[dict[str, Any]]:
    """All rules, once each was evaluated and Lookout has been scraped a few times: looked at after each scrape."""
    async with asyncio.timeout(programs.SECONDS):
        while True:
            await exporter.scrape()
            try:
                asked = {"query": 'count_over_time(up{job="lookout"}[1m]) >= 3'}
                scraped: list[Any] = (await prometheus.get("/api/v1/query", params=asked)).json()["data"]["result"]
                groups: list[Any] = (await prometheus.get("/api/v1/rules")).json()["data"]["groups"]
            except (httpx.TransportError, KeyError, ValueError):  # it starts
                continue
            rules: list[dict[str, Any]] = [rule for group in groups for rule in group["rules"]]
            if scraped and rules and all(rule["health"] != "unknown" for rule in rules):
                return rules
