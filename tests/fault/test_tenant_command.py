"""`lookout tenant` beside a Lookout that runs: what is made is known at once to a sender for many tenants."""

import asyncio
import sys
from pathlib import Path

import httpx
from tests.server_process import LOOKOUT, environment, lookout_process


async def _lookout(data_dir: Path, *arguments: str) -> tuple[str, str]:
    """Standard output and standard error of a command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        LOOKOUT,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(data_dir, COLUMNS="200"),
    )
    said, complained = await process.communicate()
    assert process.returncode == 0, complained.decode()
    return said.decode().strip(), complained.decode()


async def test_a_sender_for_many_tenants_from_the_first_command_to_the_list(data_dir: Path) -> None:
    async with (
        lookout_process(data_dir, LOOKOUT_AUTH="required", HOST="127.0.0.1") as server,
        httpx.AsyncClient(base_url=await server.address()) as http,
    ):
        token, _ = await _lookout(data_dir, "token", "create", "--source", "prometheus", "--many-tenants")
        headers = {"Authorization": f"Bearer {token}", "X-Scope-OrgID": "acme"}
        alerts = [{"labels": {"alertname": "Down"}}]
        refused = await http.post("/api/v2/alerts", json=alerts, headers=headers)
        assert "there is no tenant 'acme'" in refused.json()
        said, audit = await _lookout(data_dir, "tenant", "create", "acme", "globex")
        assert said.splitlines() == ["made: acme", "made: globex"]
        assert "action=tenants_created" in audit
        assert (await http.post("/api/v2/alerts", json=alerts, headers=headers)).status_code == 200
        said, _ = await _lookout(data_dir, "tenant", "create", "acme")
        assert said == "there already: acme"
        listed, _ = await _lookout(data_dir, "tenant", "list")
        assert [line.split()[0] for line in listed.splitlines()] == ["tenant", "acme", "globex", "platform"]
        listed, _ = await _lookout(data_dir, "token", "list")
        assert "(many)" in listed
