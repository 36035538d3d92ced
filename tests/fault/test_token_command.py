"""`lookout token` beside a Lookout that runs, and without one, as an operator types it."""

import asyncio
import sys
from pathlib import Path

import httpx
from tests.server_process import LOOKOUT, environment, lookout_process

ACCOUNT = "jo"


async def _token(data_dir: Path, *arguments: str) -> tuple[str, str]:
    """Standard output and standard error of `lookout token ...`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        LOOKOUT,
        "token",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(data_dir, COLUMNS="200", SUDO_USER=ACCOUNT),
    )
    said, complained = await process.communicate()
    assert process.returncode == 0, complained.decode()
    return said.decode().strip(), complained.decode()


async def test_a_token_is_made_before_the_first_start_used_listed_and_revoked_while_it_runs(
    empty_data_dir: Path,
) -> None:
    data_dir = empty_data_dir
    first, said = await _token(data_dir, "create", "--scope", "read", "--name", "mira")
    assert first.startswith("lkt_")
    assert "shown this once" in said
    assert "action=token_created" in said
    assert f"by={ACCOUNT}" in said
    async with (
        lookout_process(data_dir, LOOKOUT_AUTH="required", HOST="127.0.0.1") as server,
        httpx.AsyncClient(base_url=await server.address()) as http,
    ):
        assert (await http.get("/v1/incidents")).status_code == 401
        assert (await http.get("/v1/incidents", headers={"Authorization": f"Bearer {first}"})).status_code == 200
        second, _ = await _token(data_dir, "create", "--source", "prometheus")
        listed, _ = await _token(data_dir, "list")
        assert "mira" in listed
        assert "source prometheus" in listed
        for text in (first, second):
            assert text.split("_", 2)[2] not in listed
        _, said = await _token(data_dir, "revoke", second.split("_")[1])
        assert "action=token_revoked" in said
        assert f"by={ACCOUNT}" in said
        answer = await http.post("/api/v2/alerts", json=[], headers={"Authorization": f"Bearer {second}"})
        assert answer.status_code == 401
        assert first not in "".join(server.stderr)
