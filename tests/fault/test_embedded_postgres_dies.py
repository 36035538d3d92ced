"""The embedded PostgreSQL is killed underneath a Lookout that goes on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from tests.server_process import START_SECONDS, kill_all, lookout_process, postgres_of


def _alert(name: str) -> dict[str, object]:
    now = datetime.now(UTC)
    labels = {"alertname": name}
    return {"labels": labels, "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}


async def _read_to(lines: AsyncIterator[str], wanted: str) -> None:
    async for line in lines:
        if line == wanted:
            return
    raise AssertionError(f"the stream ended before {wanted!r}")


async def test_it_is_started_again_and_the_stream_goes_on(data_dir: Path) -> None:
    async with (
        asyncio.timeout(START_SECONDS),
        lookout_process(data_dir) as server,
        httpx.AsyncClient(base_url=await server.address(), timeout=START_SECONDS) as http,
        http.stream("GET", "/v1/feed", headers={"Accept": "text/event-stream"}) as stream,
    ):
        lines = stream.aiter_lines()
        await _read_to(lines, "retry: 1000")
        assert (await http.post("/api/v2/alerts", json=[_alert("Before")])).status_code == 200
        await _read_to(lines, "id: 1")
        kill_all(postgres_of(data_dir))
        # A request is tried three times before it is refused: the loop is paced by Lookout itself.
        while (answer := await http.post("/api/v2/alerts", json=[_alert("After")])).status_code == 503:
            assert answer.headers["Retry-After"] == "1"
        assert answer.status_code == 200
        await _read_to(lines, "id: 2")
        while not any("postgres_revived" in line for line in server.stderr):  # it may be said later than it is so
            await http.get("/ready")
