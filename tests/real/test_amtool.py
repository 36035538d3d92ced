"""The real amtool lists, filters, adds and shows, against Lookout as it is."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.real.programs import Outcome, program, run

pytestmark = [pytest.mark.real, pytest.mark.slow]

Amtool = Callable[..., Awaitable[Outcome]]

ALERTS = [
    {"alertname": "DiskFull", "job": "node", "severity": "critical", "mount": "/var/lib"},
    {"alertname": "DiskFull", "job": "node", "severity": "warning", "mount": "/home"},
    {"alertname": "Down", "job": "api", "severity": "critical", "team": "café \N{FIRE}"},
    {"alertname": "Slow", "job": "api", "quote": 'say "hi"', "é b": "x"},
]


@pytest.fixture(scope="module")
async def _alerts(lookout_url: str) -> None:
    async with httpx.AsyncClient(base_url=lookout_url) as http:
        body = [{"labels": labels, "annotations": {"summary": f"{labels['alertname']}!"}} for labels in ALERTS]
        (await http.post("/api/v2/alerts", json=body)).raise_for_status()


@pytest.fixture
def amtool(lookout_url: str, _alerts: None, tmp_path: Path) -> Amtool:
    """amtool with Lookout as its Alertmanager. It must end well, unless `fails`."""
    path = program("amtool")

    async def ask(*arguments: str, fails: bool = False) -> Outcome:
        outcome = await run(path, f"--alertmanager.url={lookout_url}", *arguments, home=tmp_path)
        assert (outcome.exit_code != 0) is fails, outcome.stderr
        return outcome

    return ask


async def _found(amtool: Amtool, *filters: str) -> list[tuple[str, str]]:
    told = json.loads((await amtool("--output=json", "alert", "query", *filters)).stdout)
    return sorted((alert["labels"]["alertname"], alert["labels"].get("severity", "")) for alert in told)


async def test_it_lists_all(amtool: Amtool) -> None:
    listed = (await amtool("alert")).stdout
    for labels in ALERTS:
        assert labels["alertname"] in listed
        assert f"{labels['alertname']}!" in listed
    assert len(listed.splitlines()) == 1 + len(ALERTS)
    extended = (await amtool("--output=extended", "alert", "query")).stdout
    assert 'team="café \N{FIRE}"' in extended


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["DiskFull"], [("DiskFull", "critical"), ("DiskFull", "warning")]),
        (["alertname=DiskFull", "severity=critical"], [("DiskFull", "critical")]),
        (['alertname!="DiskFull"'], [("Down", "critical"), ("Slow", "")]),
        (['alertname=~"D.*"', 'severity!~"warn.*"'], [("DiskFull", "critical"), ("Down", "critical")]),
        (['mount=~"/var/.*|/home"'], [("DiskFull", "critical"), ("DiskFull", "warning")]),
        (["mount=~/var"], []),
        (['severity=""'], [("Slow", "")]),
        (['severity!=""'], [("DiskFull", "critical"), ("DiskFull", "warning"), ("Down", "critical")]),
        (['team="café \N{FIRE}"'], [("Down", "critical")]),
        (['quote="say \\"hi\\""'], [("Slow", "")]),
        # amtool 0.25 takes a first argument that it cannot read for an alert's name, and hands on the others.
        (["job=api", '"é b"="x"'], [("Slow", "")]),
        (["job=api", '"é b"!~"x|y"'], [("Down", "critical")]),
    ],
)
async def test_it_filters(amtool: Amtool, filters: list[str], found: list[tuple[str, str]]) -> None:
    assert await _found(amtool, *filters) == found


async def test_it_is_told_what_is_wrong_with_a_filter(amtool: Amtool) -> None:
    outcome = await amtool("alert", "query", "alertname=~.*", "job=~(", fails=True)
    assert "missing closing )" in outcome.stderr


async def test_json_is_alone_on_standard_output(amtool: Amtool) -> None:
    """An amtool of another version warns that this is 0.33, as it does of any Alertmanager; and goes on."""
    outcome = await amtool("--output=json", "alert")
    assert len(json.loads(outcome.stdout)) >= len(ALERTS)
    assert [line for line in outcome.stderr.splitlines() if not line.startswith("Warning: amtool version")] == []
    assert (await amtool("--no-version-check", "alert")).stderr == ""


async def test_it_adds_an_alert(amtool: Amtool, lookout_url: str) -> None:
    await amtool(
        "alert", "add", "Added", "job=hand", "--annotation=summary=By hand", "--generator-url=http://x.example/"
    )
    assert await _found(amtool, "job=hand") == [("Added", "")]
    async with httpx.AsyncClient(base_url=lookout_url) as http:
        titles = [incident["title"] for incident in (await http.get("/v1/incidents")).json()["incidents"]]
    assert "Added (job=hand)" in titles


async def test_it_ends_an_alert(amtool: Amtool) -> None:
    now = datetime.now(UTC)
    start, later, past = (
        (now + timedelta(seconds=seconds)).isoformat(timespec="seconds") for seconds in (-60, 120, -5)
    )
    await amtool("alert", "add", "Ended", "job=ended", f"--start={start}", f"--end={later}")
    assert await _found(amtool, "job=ended") == [("Ended", "")]
    await amtool("alert", "add", "Ended", "job=ended", f"--start={start}", f"--end={past}")
    assert await _found(amtool, "job=ended") == []


async def test_it_shows_the_status(amtool: Amtool) -> None:
    assert "receiver: lookout" in (await amtool("config", "show")).stdout
    assert "receiver: lookout" in (await amtool("config", "routes")).stdout
    assert (await amtool("config", "routes", "test", "severity=critical")).stdout == "lookout\n"
    assert "disabled" in (await amtool("cluster", "show")).stdout


async def test_silences_are_none_and_cannot_be_made(amtool: Amtool) -> None:
    assert json.loads((await amtool("--output=json", "silence", "query")).stdout) == []
    outcome = await amtool("silence", "add", "--comment=x", "--author=jo", "alertname=Down", fails=True)
    assert "405" in outcome.stderr
