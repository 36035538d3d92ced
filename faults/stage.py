"""All that plays, started and put together: database, broker, replicas, links, senders and followers."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

import msgspec
from tests.kafka.brokers import Broker, jars, mock_broker, real_broker
from tests.kafka.reading import Reader

from faults.cluster import Cluster, cluster
from faults.disk import Disk
from faults.followers import EventStream, Follower, Subscription
from faults.ledger import World
from faults.link import Connect, Link, link
from faults.replica import Replica, clock_library, replica
from faults.schedule import FOLLOWERS, REPLICAS, Fault
from faults.senders import SECRET, Alertmanager, Door, Events, Prometheus, Sender, Traffic

TENANTS = ("acme", "globex", "initech")
STREAMS = (EventStream(), Subscription())
EVENTS_TOPIC, TRIGGERS_TOPIC = "service_events", "lookout.incidents"
PARTITIONS = 3
TO_KAFKA = frozenset({Fault.KAFKA_CUT, Fault.KAFKA_DELAYED, Fault.KAFKA_SILENT})
MAKES_TENANTS = "tenants:\n  auto_create_tenants: true\n"


class Stage(msgspec.Struct, frozen=True):
    """All that plays."""

    disk: Disk
    cluster: Cluster
    broker: Broker
    replicas: Sequence[Replica]
    to_database: Sequence[Link]
    to_lookout: Sequence[Link]
    to_kafka: Sequence[Link]
    """Empty where it is a mock: that has one address for all."""
    worlds: Sequence[World]
    senders: Sequence[Sender]
    followers: Sequence[Follower]
    reader: Reader
    traffic: Traffic

    def cannot(self, fault: Fault) -> str | None:
        """Why this fault cannot be had on this machine; None if it can."""
        if fault is Fault.DISK_FULL and not self.disk.can_be_filled:
            return "the disk is not filled: only root can mount a small one"
        if fault is Fault.CLOCK_MOVED and clock_library() is None:
            return "no clock is moved: install libfaketime (apt-get install libfaketime on Debian or Ubuntu)"
        if fault in TO_KAFKA and not self.to_kafka:
            return "no way to Kafka is cut: that needs Apache Kafka (Java 17, Maven and scripts/test-setup.sh)"
        return None


@asynccontextmanager
async def stage(seed: int, disk: Disk, place: Path, logs: Path) -> AsyncGenerator[Stage]:
    """Everything, up, until the block ends. `place` is for its files, `logs` for what it says."""
    chance = Random(seed)
    config = place / "lookout.yaml"
    config.write_text(MAKES_TENANTS)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(cluster(disk))
        broker, to_kafka = await _broker(place / "kafka", stack)
        for topic in (EVENTS_TOPIC, TRIGGERS_TOPIC):
            await broker.create(topic, PARTITIONS)
        environ = {
            "SERVICE_TOKEN": SECRET,
            "LOOKOUT_CONFIG": str(config),
            "LOOKOUT_READ_RATE": "10000",
            "LOOKOUT_INGEST_RATE": "10000",
        }
        addresses = [f"127.0.0.1:{way.port}" for way in to_kafka] or [broker.address] * REPLICAS
        to_database = [await stack.enter_async_context(link(database.connect)) for _ in range(REPLICAS)]
        replicas = [
            await stack.enter_async_context(_replica(number, way, place, logs, {**environ, "KAFKA_BROKERS": address}))
            for number, (way, address) in enumerate(zip(to_database, addresses, strict=True), 1)
        ]
        to_lookout = [await stack.enter_async_context(link(one.connect)) for one in replicas]
        traffic = Traffic()
        worlds, senders = _senders(to_lookout, chance, traffic, stack)
        followers = [
            Follower(STREAMS[number // len(TENANTS) % 2], TENANTS[number % len(TENANTS)], to_lookout, chance)
            for number in range(FOLLOWERS)
        ]
        reader = Reader(broker.address, EVENTS_TOPIC, TRIGGERS_TOPIC)
        stack.callback(reader.close)
        yield Stage(
            disk,
            database,
            broker,
            replicas,
            to_database,
            to_lookout,
            to_kafka,
            worlds,
            senders,
            followers,
            reader,
            traffic,
        )


def _replica(
    number: int, way: Link, place: Path, logs: Path, environ: dict[str, str]
) -> AbstractAsyncContextManager[Replica]:
    own = place / f"lookout-{number}"
    own.mkdir()
    url = f"postgresql://{{}}@127.0.0.1:{way.port}/postgres"
    to_database = {
        "DATABASE_URL": url.format("lookout_service"),
        "LOOKOUT_MIGRATE_DATABASE_URL": url.format("lookout"),
        "LOOKOUT_WAKE": "poll" if number == REPLICAS else "notify",
    }
    return replica(f"lookout {number}", own, logs / f"lookout-{number}.log", {**environ, **to_database})


async def _broker(directory: Path, stack: AsyncExitStack) -> tuple[Broker, list[Link]]:
    """A broker, and a way to it for each replica. The harness itself goes past these."""
    await asyncio.to_thread(directory.mkdir)
    if jars() is None:
        return await stack.enter_async_context(mock_broker()), []
    far_ends: list[int] = []  # known only after the ways to them

    def to(number: int) -> Connect:
        return lambda: asyncio.open_connection("127.0.0.1", far_ends[number])

    ways = [await stack.enter_async_context(link(to(number))) for number in range(REPLICAS)]
    broker = await stack.enter_async_context(real_broker(directory, ways=[way.port for way in ways]))
    far_ends += broker.ways.values()
    return broker, ways


def _senders(
    links: Sequence[Link], chance: Random, traffic: Traffic, stack: AsyncExitStack
) -> tuple[list[World], list[Sender]]:
    worlds: list[World] = []
    senders: list[Sender] = []

    def door() -> Door:
        one = Door(links, chance, traffic)
        stack.push_async_callback(one.close)
        return one

    for tenant_id in TENANTS:
        prometheus = World(tenant_id, "prometheus", chance, 3)
        alertmanager = World(tenant_id, "alertmanager", chance, 2)
        events = World(tenant_id, "events", chance, 1)
        worlds += [prometheus, alertmanager, events]
        senders += [Prometheus(replica, prometheus, door()) for replica in ("a", "b")]
        senders += [Alertmanager("alertmanager", alertmanager, door()), Events("events", events, door())]
    return worlds, senders
