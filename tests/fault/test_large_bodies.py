"""Large bodies: taken whole or refused whole, in bounded memory, while the server goes on answering.

Alertmanager puts a whole group into one webhook: 10,000 alerts are 5 MB, 100,000 are 50 MB.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests.server_process import ServerProcess, lookout_process

MEGABYTE = 1_000_000
MEMORY_LIMIT = 1024 * 1024 * 1024
SLOWEST_ANSWER = 5.0
BETWEEN_QUESTIONS = 0.05

pytestmark = pytest.mark.slow


@asynccontextmanager
async def _lookout(data_dir: Path) -> AsyncGenerator[tuple[ServerProcess, httpx.AsyncClient]]:
    async with (
        lookout_process(data_dir) as server,
        httpx.AsyncClient(base_url=await server.address(), timeout=120) as http,
    ):
        yield server, http


def _webhook(count: int, padding: int = 0) -> bytes:
    """What Alertmanager sends of one group with so many alerts: about 500 bytes each, as it measured."""
    alerts = [
        {
            "status": "firing",
            "labels": {
                "alertname": "DiskFull",
                "instance": f"node-{number:06}.example:9100",
                "job": "node",
                "severity": "warning",
            },
            "annotations": {
                "summary": f"The disk of node-{number:06} is full" + " " * padding,
                "description": "It has been more than nine tenths full for more than ten minutes: clean it up.",
            },
            "startsAt": "2026-01-01T12:00:00.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example:9090/graph?g0.expr=disk_used+%3E+0.9&g0.tab=1",
            "fingerprint": "",
        }
        for number in range(count)
    ]
    message = {"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "lookout"}
    return json.dumps({**message, "alerts": alerts}).encode()


async def _post(http: httpx.AsyncClient, body: bytes | AsyncIterator[bytes]) -> httpx.Response:
    return await http.post("/v1/alertmanager", content=body, headers={"Content-Type": "application/json"})


def _read(answer: httpx.Response) -> Any:
    """What it says: as this reads it, which is sooner than httpx does."""
    return msgspec.json.decode(answer.content)


async def _while_asking_for_health(http: httpx.AsyncClient, work: Awaitable[httpx.Response]) -> tuple[Any, list[float]]:
    """Do `work`; ask for `/health` again and again meanwhile. Returns how long each answer took."""
    working = asyncio.ensure_future(work)
    seconds: list[float] = []
    # Not at once again: asking takes from the work what it is to measure.
    while not (await asyncio.wait({working}, timeout=BETWEEN_QUESTIONS))[0]:
        asked_at = time.perf_counter()
        assert (await http.get("/health")).status_code == 200
        seconds.append(time.perf_counter() - asked_at)
    return await working, seconds


async def _events(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = (await http.get("/v1/feed", params={"after": 0})).raise_for_status().json()["events"]
    return events


async def _instances(http: httpx.AsyncClient) -> set[str]:
    """The instances of all alerts of the one incident."""
    (incident,) = (await http.get("/v1/incidents")).raise_for_status().json()["incidents"]
    found: list[str] = []
    query: dict[str, Any] = {"first": 500}
    while True:
        page = _read((await http.get(f"/v1/incidents/{incident['id']}/alerts", params=query)).raise_for_status())
        found += [alert["labels"]["instance"] for alert in page["alerts"]]
        if page["next"] is None:
            assert len(set(found)) == len(found)
            return set(found)
        query["after"] = page["next"]


def _peak_memory(server: ServerProcess) -> int:
    """Bytes that the server's process held at most."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.parametrize("count", [10_000, 100_000])
async def test_a_group_in_one_webhook_is_one_event_and_is_stored_whole(data_dir: Path, count: int) -> None:
    body = _webhook(count)
    async with _lookout(data_dir) as (server, http):
        sent_at = time.perf_counter()
        answer, health = await _while_asking_for_health(http, _post(http, body))
        took = time.perf_counter() - sent_at
        assert answer.status_code == 200
        assert len(_read(answer)["receipts"]) == count
        assert [event["event_type"] for event in await _events(http)] == ["incident_opened"]
        assert len(await _instances(http)) == count
        peak = _peak_memory(server)
        repeated_at = time.perf_counter()
        repeated, health_repeated = await _while_asking_for_health(http, _post(http, body))
        repeat_took = time.perf_counter() - repeated_at
        assert {receipt["outcome"] for receipt in _read(repeated)["receipts"]} == {"silent"}
        assert len(await _events(http)) == 1
        peak_repeated = _peak_memory(server)
    print(  # noqa: T201 - the figures are what this test is for
        f"{count} alerts, {len(body) / MEGABYTE:.1f} MB: {took:.2f} s, repeated {repeat_took:.2f} s; "
        f"peak memory {peak / MEGABYTE:.0f} MB, then {peak_repeated / MEGABYTE:.0f} MB; "
        f"slowest of {len(health)} answers of /health {max(health):.3f} s, then {max(health_repeated):.3f} s"
    )
    assert peak_repeated < MEMORY_LIMIT
    assert max(*health, *health_repeated) < SLOWEST_ANSWER


async def test_what_is_beyond_the_bound_is_refused_whole(data_dir: Path) -> None:
    body = _webhook(1_000, padding=70_000)
    assert len(body) > 70 * MEGABYTE

    async def unannounced() -> AsyncIterator[bytes]:
        for start in range(0, len(body), MEGABYTE):
            yield body[start : start + MEGABYTE]

    async with _lookout(data_dir) as (server, http):
        assert (await _post(http, body)).status_code == 413
        assert (await _post(http, unannounced())).status_code == 413
        assert await _events(http) == []
        peak = _peak_memory(server)
    print(f"peak memory {peak / MEGABYTE:.0f} MB")  # noqa: T201 - the figure is what this test is for
    assert peak < MEMORY_LIMIT
