"""I1: 2xx means committed. Lookout and its database are killed in the middle of a load, twenty times over.

Afterwards every alert of every answered request is there, positions have no gap (I4), and the tables are what the log
folds to (I5).
"""

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.server_process import ServerProcess, environment, lookout_process, postgres_of

from lookout.alerts.fingerprint import fingerprint
from lookout.config import load_settings
from lookout.offline import rebuild_in

ROUNDS = 20
CLIENTS = 6
NEW_ALERTS = 20
RESOLVED_ALERTS = 5
MOST_BATCHES = 40
BETWEEN_QUESTIONS = 0.05

ENDS_NEVER = "0001-01-01T00:00:00Z"


class Load:
    """Clients that send batch after batch, and remember what was answered."""

    def __init__(self, chance: random.Random) -> None:
        self.answered: dict[str, set[str]] = {}
        """The states that each alert of an answered request may be in, by fingerprint."""
        self.batches = 0
        self.refused = 0
        self._chance = chance
        self._numbers = iter(range(10**9))
        self._news = asyncio.Condition()

    async def send_until_killed(self, url: str, client: int) -> None:
        """One client: serial, as Prometheus is. Half of them speak as Prometheus does, half as Alertmanager."""
        firing: list[dict[str, Any]] = []
        async with httpx.AsyncClient(base_url=url, timeout=30, verify=False) as http:
            while True:
                ended = [dict(alert) for alert in firing[:RESOLVED_ALERTS]]
                started = [self._new_alert(client) for _ in range(NEW_ALERTS)]
                self._expect(ended, {"firing", "resolved"})
                try:
                    answer = await (_post_webhook if client % 2 else _post_alerts)(http, started, ended)
                except httpx.TransportError:
                    return
                if answer.status_code == 503:
                    self.refused += 1
                    continue
                assert answer.status_code == 200, answer.text
                self._expect(started, {"firing"})
                self._expect(ended, {"resolved"})
                firing = firing[RESOLVED_ALERTS:] + started
                async with self._news:
                    self.batches += 1
                    self._news.notify_all()

    async def wait_for_batches(self, count: int) -> None:
        """Return once so many more batches have been answered."""
        goal = self.batches + count
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: self.batches >= goal)

    def _new_alert(self, client: int) -> dict[str, Any]:
        labels = {"alertname": "Load", "service": f"s{self._chance.randrange(50)}", "n": str(next(self._numbers))}
        return {"labels": labels, "client": client, "starts_at": datetime.now(UTC) - timedelta(seconds=60)}

    def _expect(self, alerts: list[dict[str, Any]], states: set[str]) -> None:
        for alert in alerts:
            self.answered[fingerprint(alert["labels"])] = states


async def _post_alerts(
    http: httpx.AsyncClient, started: list[dict[str, Any]], ended: list[dict[str, Any]]
) -> httpx.Response:
    lease = timedelta(hours=1)
    body = [
        {
            "labels": alert["labels"],
            "startsAt": alert["starts_at"].isoformat(),
            "endsAt": (alert["starts_at"] + (lease if alert in started else timedelta(seconds=1))).isoformat(),
        }
        for alert in (*started, *ended)
    ]
    return await http.post("/api/v2/alerts", json=body)


async def _post_webhook(
    http: httpx.AsyncClient, started: list[dict[str, Any]], ended: list[dict[str, Any]]
) -> httpx.Response:
    alerts: list[dict[str, Any]] = [
        {
            "status": "firing" if alert in started else "resolved",
            "labels": alert["labels"],
            "startsAt": alert["starts_at"].isoformat(),
            "endsAt": ENDS_NEVER if alert in started else datetime.now(UTC).isoformat(),
            "generatorURL": "",
            "fingerprint": fingerprint(alert["labels"]),
        }
        for alert in (*started, *ended)
    ]
    message = {"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "lookout"}
    return await http.post("/v1/alertmanager", json={**message, "alerts": alerts})


class Log:
    """The feed as a reader has seen it: what it was told once must stand there for good."""

    def __init__(self) -> None:
        self.event_ids: list[str] = []

    async def read_on(self, http: httpx.AsyncClient) -> None:
        """Read what has come since. Position N is followed by N+1."""
        for event in await _events_after(http, len(self.event_ids)):
            assert event["position"] == len(self.event_ids) + 1
            self.event_ids.append(event["event_id"])


async def _events_after(http: httpx.AsyncClient, position: int) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while True:
        page = (await http.get("/v1/feed", params={"after": position, "first": 500})).raise_for_status().json()
        if not page["events"]:
            return events
        events += page["events"]
        position = page["next"]


async def _until_nothing_waits(server: ServerProcess, http: httpx.AsyncClient) -> None:
    """Return once all that was postponed when Lookout was killed is told."""
    ends = asyncio.create_task(server.exit_code())
    async with asyncio.timeout(30):
        while "\nlookout_postponed_alerts 0.0\n" not in (await http.get("/metrics")).text:
            # Not at once again: asking takes the processor from the telling.
            await asyncio.wait({ends}, timeout=BETWEEN_QUESTIONS)
    ends.cancel()


async def _stored(http: httpx.AsyncClient) -> dict[str, str]:
    """Status by fingerprint of every alert of every incident. An alert counts as it was last."""
    stored: dict[str, str] = {}
    incidents = await _pages(http, "/v1/incidents", "incidents")
    for incident in reversed(incidents):
        for alert in await _pages(http, f"/v1/incidents/{incident['id']}/alerts", "alerts"):
            stored[alert["fingerprint"]] = alert["status"]
    return stored


async def _pages(http: httpx.AsyncClient, path: str, name: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    query: dict[str, Any] = {"first": 500}
    while True:
        page = (await http.get(path, params=query)).raise_for_status().json()
        items += page[name]
        if page["next"] is None:
            return items
        query["after"] = page["next"]


def _victims(server: ServerProcess, chance: random.Random, *, with_postgres: bool) -> list[int]:
    postgres = [process.pid for process in postgres_of(server.data_dir)] if with_postgres else []
    victims = [server.pid, *postgres]
    chance.shuffle(victims)
    return victims


def _busy_backend(server: ServerProcess) -> psutil.Process:
    """The database's side of a connection of Lookout's."""
    return next(process for process in postgres_of(server.data_dir) if _title(process).startswith("postgres: lookout"))


def _title(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


@pytest.fixture
def ways() -> Iterator[str]:
    """How to kill, in turn."""
    return iter(("lookout", "lookout and postgres", "a backend, then lookout", "lookout and postgres") * ROUNDS)


@pytest.mark.slow
async def test_i1_nothing_answered_is_lost_by_kill_nine(
    data_dir: Path, ways: Iterator[str], record_property: Any
) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    record_property("seed", seed)
    print(f"SEED={seed}")  # noqa: T201 - to run it again
    chance = random.Random(seed)
    load, log = Load(chance), Log()
    for _ in range(ROUNDS):
        await _round(data_dir, next(ways), load, log, chance)
    async with lookout_process(data_dir) as server:
        async with httpx.AsyncClient(base_url=await server.address(), timeout=30) as http:
            await _until_nothing_waits(server, http)
            await log.read_on(http)
            assert [event["event_id"] for event in await _events_after(http, 0)] == log.event_ids
            stored = await _stored(http)
        server.signal_group(signal.SIGINT)
        assert await server.exit_code() == 0
    print(f"{load.batches} batches answered, {load.refused} refused, {len(stored)} alerts stored")  # noqa: T201
    lost = {name: states for name, states in load.answered.items() if stored.get(name) not in states}
    assert not lost, f"{len(lost)} of {len(load.answered)} alerts of answered requests are not what was answered"
    report = await rebuild_in(load_settings(environment(data_dir)))
    assert report.equal, report.lines


async def _round(data_dir: Path, way: str, load: Load, log: Log, chance: random.Random) -> None:
    """Start, check that the log goes on where it was, load, kill."""
    async with lookout_process(data_dir) as server:
        url = await server.address()
        async with httpx.AsyncClient(base_url=url, timeout=30, verify=False) as http:
            await log.read_on(http)
        async with asyncio.TaskGroup() as clients:
            for client in range(CLIENTS):
                clients.create_task(load.send_until_killed(url, client))
            await load.wait_for_batches(chance.randint(1, MOST_BATCHES))
            if way.startswith("a backend"):
                _busy_backend(server).kill()
                await load.wait_for_batches(chance.randint(1, MOST_BATCHES))
            for victim in _victims(server, chance, with_postgres="postgres" in way):
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
        await server.exit_code()
        server.keep_database()
