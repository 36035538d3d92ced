"""deploy/tokens.sh makes the tokens of compose.yaml's senders and readers: each once, and each for its own."""

import asyncio
import os
import sys
from pathlib import Path

from tests.access import ACCESS, bearer
from tests.scenario.conftest import Start

SCRIPT = Path(__file__).parents[2] / "deploy" / "tokens.sh"
SERVICE = "v" * 64


async def run_script(dsn: str, place: Path) -> None:
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DATABASE_URL": dsn,
        "SERVICE_TOKEN": SERVICE,
        "TOKENS_DIR": str(place),
    }
    process = await asyncio.create_subprocess_exec("sh", SCRIPT, env=environ, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_each_token_is_made_once_and_is_for_its_source(start: Start, dsn: str, tmp_path: Path) -> None:
    place = tmp_path / "tokens"
    place.mkdir()
    await run_script(dsn, place)
    made = {path.name: path.read_text().strip() for path in place.iterdir()}
    await run_script(dsn, place)
    assert {path.name: path.read_text().strip() for path in place.iterdir()} == made
    assert set(made) == {"prometheus", "alertmanager", "grafana", "reader", "service"}
    async with start(access=ACCESS) as lookout:
        for name, path in (
            ("prometheus", "/api/v2/alerts"),
            ("alertmanager", "/v1/alertmanager"),
            ("grafana", "/v1/grafana"),
        ):
            statuses = {
                token: (await lookout.http.post(path, json=[], headers=bearer(text))).status_code
                for token, text in made.items()
                if token != "service"
            }
            assert statuses.pop(name) != 403
            assert set(statuses.values()) == {403}, path
        assert (await lookout.http.get("/api/v2/alerts", headers=bearer(made["reader"]))).status_code == 200
    assert made["service"] == SERVICE
