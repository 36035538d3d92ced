"""I12: Kafka equals the log. Lookouts, their relays and the broker are killed at random while 5,000 changes happen.

Two replicas share 20 tenants. Afterwards each tenant's records, without those that came twice, are its log: in order,
none missing.
"""

import asyncio
import os
import random
import sys
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from tests.driver import owner_dsn
from tests.kafka.brokers import Broker
from tests.kafka.reading import Read, Reader
from tests.kafka.watching import RELAYS_AT_WORK

from lookout.kafka import KafkaSettings

TENANTS = 20
CHANGES = 5_000
CHANGES_AT_ONCE = 5
KILLS = ("lookout",) * 5 + ("relay",) * 4 + ("broker",) * 3
SECONDS = 90

pytestmark = pytest.mark.slow


class Replica:
    """One Lookout, which is started anew whenever it was killed."""

    def __init__(self, dsn: str, kafka: KafkaSettings) -> None:
        assert kafka.incidents_topic is not None
        assert kafka.service_events_topic is not None
        self._arguments = (dsn, kafka.brokers, kafka.incidents_topic, kafka.service_events_topic)
        self._process: asyncio.subprocess.Process | None = None

    async def take(self, batch: list[tuple[str, list[dict[str, Any]]]]) -> bool:
        """Have the batch committed. False if it was killed in the middle: nobody knows what it did."""
        with suppress(ConnectionError):
            process = await self._running()
            assert process.stdin is not None
            process.stdin.write(msgspec.json.encode(batch) + b"\n")
            return await self._says(b"committed\n")
        return False

    def kill(self) -> None:
        """`kill -9`."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def end(self) -> None:
        self.kill()
        if self._process is not None:
            await self._process.wait()

    async def _running(self) -> asyncio.subprocess.Process:
        while self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.kafka.lookout_process", *self._arguments,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            await self._says(b"ready\n")
        return self._process

    async def _says(self, line: bytes) -> bool:
        assert self._process is not None
        assert self._process.stdout is not None
        if said := await self._process.stdout.readline():
            assert said == line
            return True
        await self._process.wait()
        return False


class Load:
    """Changes of all tenants: each alert is an incident of its own, which opens and resolves."""

    def __init__(self, chance: random.Random) -> None:
        self.tenants = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(TENANTS)]
        self._chance = chance
        self._numbers = iter(range(10**9))
        self._firing: dict[str, list[dict[str, Any]]] = {tenant: [] for tenant in self.tenants}

    def batch(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """A few changes of every tenant."""
        return [(tenant, [self._change(tenant) for _ in range(CHANGES_AT_ONCE)]) for tenant in self.tenants]

    def _change(self, tenant: str) -> dict[str, Any]:
        firing = self._firing[tenant]
        now = datetime.now(UTC)
        if firing and self._chance.random() < 0.4:
            return {**firing.pop(0), "endsAt": (now - timedelta(seconds=1)).isoformat()}
        alert = {
            "labels": {"alertname": "Load", "job": str(next(self._numbers)), "severity": "critical"},
            "annotations": {"summary": "s" * self._chance.randrange(400)},
            "startsAt": (now - timedelta(minutes=1)).isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
        }
        firing.append(alert)
        return alert


@asynccontextmanager
async def _replicas(dsn: str, kafka: KafkaSettings) -> AsyncGenerator[list[Replica]]:
    replicas = [Replica(dsn, kafka) for _ in range(2)]
    try:
        yield replicas
    finally:
        for replica in replicas:
            await replica.end()


async def _kill_a_relay(database: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Cut the connection that a relay has claimed tenants on, if there is one just now."""
    await database.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {RELAYS_AT_WORK}")


class Absence:
    """The broker is killed, and comes back some batches later."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._left = 0
        self._back: asyncio.Task[None] | None = None

    async def begin(self, batches: int) -> None:
        """For so many batches, unless it is away already."""
        if not self._left and self._back is None:
            await self._broker.kill()
            self._left = batches

    def pass_by(self) -> None:
        """One batch more."""
        if self._left == 1:
            self._back = asyncio.create_task(self._broker.start())
        elif self._back is not None and self._back.done():
            self._back = None
        self._left = max(0, self._left - 1)

    async def end(self) -> None:
        """Return once it is back."""
        await (self._back or self._broker.start())


def _of_each_tenant(records: list[Read]) -> dict[str, list[Read]]:
    """The records of each tenant, each at its first coming."""
    firsts: dict[str, dict[str, Read]] = {}
    for record in records:
        firsts.setdefault(record.headers["tenant_id"], {}).setdefault(record.headers["event_id"], record)
    return {tenant: list(first.values()) for tenant, first in firsts.items()}


async def test_i12_kafka_is_the_log_whatever_is_killed(
    dsn: str, kafka: KafkaSettings, broker: Broker, reader_of: Callable[..., Reader], record_property: Any
) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(10**6))
    record_property("seed", seed)
    print(f"SEED={seed}")  # noqa: T201 - to run it again
    chance = random.Random(seed)
    load = Load(chance)
    assert kafka.service_events_topic is not None
    await broker.create(kafka.service_events_topic, 1)
    await broker.create(str(kafka.incidents_topic), 3)
    database = await asyncpg.connect(owner_dsn(dsn))
    killed: list[str] = []
    absence = Absence(broker)
    events, triggers = reader_of(kafka.service_events_topic), reader_of(kafka.incidents_topic)
    async with _replicas(dsn, kafka) as replicas:
        batches = CHANGES // (TENANTS * CHANGES_AT_ONCE)
        kills = dict(zip(chance.sample(range(batches), len(KILLS)), KILLS, strict=True))
        try:
            for number in range(batches):
                taking = asyncio.create_task(replicas[number % 2].take(load.batch()))
                if number in kills:
                    killed.append(kills[number])
                    match killed[-1]:
                        case "lookout":
                            chance.choice(replicas).kill()
                        case "relay":
                            await _kill_a_relay(database)
                        case _:
                            await absence.begin(chance.randrange(1, 6))
                await taking
                absence.pass_by()
        finally:
            await absence.end()
        for replica in replicas:  # whoever was killed last runs again: nobody else would tell what is left
            await replica.take([])
        logs = await _logs(database, load.tenants)
        wanted = sum(map(len, logs.values()))
        await events.read_until(lambda records: len({record.headers["event_id"] for record in records}) >= wanted)
        opened = {row["event_id"] for row in await database.fetch(_OPENED)}
        await triggers.read_until(
            lambda records: len({record.headers["event_id"] for record in records}) >= len(opened)
        )
        told = len(events.records)
    print(f"{wanted} events, {told - wanted} records came twice; killed: {', '.join(killed)}")  # noqa: T201
    assert wanted >= CHANGES * 0.8
    for tenant, records in _of_each_tenant(events.records).items():
        assert [(r.value["data"]["event"]["position"], r.headers["event_id"]) for r in records] == logs[tenant]
    assert {record.headers["event_id"] for record in triggers.records} == set(map(str, opened))
    for records in _of_each_tenant(triggers.records).values():
        for partition in {record.partition for record in records}:
            positions = [record.value["position"] for record in records if record.partition == partition]
            assert positions == sorted(positions)
    await database.close()
    events.close()
    triggers.close()


_OPENED = "SELECT event_id FROM events WHERE event_type = 'incident_opened'"


async def _logs(database: "asyncpg.Connection[asyncpg.Record]", tenants: list[str]) -> dict[str, list[tuple[int, str]]]:
    """Positions and event ids of each tenant's log."""
    logs: dict[str, list[tuple[int, str]]] = {tenant: [] for tenant in tenants}
    for row in await database.fetch("SELECT tenant_id, position, event_id FROM events ORDER BY tenant_id, position"):
        logs[row["tenant_id"]].append((row["position"], str(row["event_id"])))
    return logs
