"""The commands triage the demo: the worst incident, why it was grouped, a report, an acknowledgement."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC
from pathlib import Path

import httpx
import pytest
from tests.access import ACCESS, api_token
from tests.demo import WORST, play
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.api.parts import Scope
from lookout.cli import main
from lookout.cli.outside import Outside

Run = Callable[..., Awaitable[str]]


@pytest.fixture
async def acme(start: Start) -> AsyncIterator[Driver]:
    """A Lookout with authentication."""
    async with start(access=ACCESS) as lookout:
        yield lookout


@pytest.fixture
def run(acme: Driver, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `lookout ARGUMENTS` with a credential. Returns what it prints."""

    async def run_one(token: str, *arguments: str, code: int = 0) -> str:
        with httpx.HTTPTransport() as transport:
            outside = Outside(transport, now=acme.clock.now, zone=UTC, environ={"LOOKOUT_TOKEN": token})
            with pytest.raises(SystemExit) as stopped:
                await asyncio.to_thread(main, [*arguments, "--url", acme.url], outside)
        printed = capsys.readouterr()
        assert stopped.value.code in ((0, None) if code == 0 else (code,)), printed.err
        return printed.out + printed.err

    return run_one


async def test_the_demo_is_triaged_and_another_tenant_sees_none_of_it(
    acme: Driver, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    mira = (await api_token(acme, *Scope, tenant_id="acme", name="mira")).text
    stranger = (await api_token(acme, Scope.READ, Scope.OPERATE, tenant_id="other")).text
    await play(acme, WORST, mira)

    heading, worst, *others = (await run(mira, "incidents")).splitlines()
    assert heading.startswith("ID")
    assert max(map(len, (heading, worst, *others))) <= 80
    assert "critical" in worst
    assert "300" in worst
    part = worst.split()[0]
    why = await run(mira, "why", part)
    assert "alertname=StreamLatencyHigh" in why.replace(" = ", "=")

    report = tmp_path / "report.md"
    report.write_text("Ingest is down in demo-eu, so viewers lag.")
    assert "attached, 1 report" in await run(mira, "incidents", "attach", part, str(report), "--confidence", "0.8")
    assert "acknowledged by mira" in await run(mira, "incidents", "acknowledge", part)
    page = await run(mira, "incidents", "show", part)
    assert "Ingest is down in demo-eu" in page
    assert "80% sure" in page
    assert max(map(len, page.splitlines())) <= 80
    [listed] = [
        json.loads(line)
        for line in (await run(mira, "incidents", "--json")).splitlines()
        if json.loads(line)["investigation_count"]
    ]
    assert (listed["acknowledged_by"], listed["flapping"], listed["stale"]) == ("mira", False, False)
    assert "1 report" in await run(mira, "incidents")

    assert "No open incidents" in await run(stranger, "incidents")
    for command in (["show"], ["acknowledge"], ["attach", str(report)]):
        refused = await run(stranger, "incidents", command[0], listed["id"], *command[1:], code=1)
        assert "there is no incident" in refused
