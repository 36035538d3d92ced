"""A Kafka broker that a test kills and starts again: Apache Kafka itself, or librdkafka's mock where there is no Java.

Both speak the real protocol, and the same tests run on either. The real one is one node in KRaft mode, from the jars
that scripts/test-setup.sh fetched; killed, it starts anew on what it had written.
"""

import asyncio
import hashlib
import os
import shutil
import sys
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import pytest
from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from tests.real.programs import free_port

POM = Path(__file__).with_name("pom.xml")
SECONDS = 60
REAL, MOCK = "apache kafka", "librdkafka's mock"

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{plain}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
num.partitions=3
auto.create.topics.enable={creates}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
"""
_META = "version=1\ncluster.id=bG9va291dC10ZXN0cy0xMQ\nnode.id=1\ndirectory.id=j05pf9QASnw5M-hpZ2VwJA\n"
"""What `kafka-storage.sh format` writes into a data directory, which is a Java of its own."""
_JAVA = ("java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_TERMINATED = 143
"""Java's exit code after SIGTERM."""


class Broker(Protocol):
    """One broker."""

    address: str

    @property
    def pid(self) -> int | None:
        """Of its process, None while there is none."""
        ...

    async def kill(self) -> None:
        """As `kill -9` does: every connection is cut, and none can be made."""
        ...

    async def start(self) -> None:
        """Start it again, with what it had, unless it runs."""
        ...

    async def create(self, topic: str, partitions: int = 1, **settings: str) -> None:
        """Make a topic."""
        ...


def jars() -> Path | None:
    """Where the broker's jars are, None if nobody fetched them."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache / "lookout-tests" / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    return place if place.is_dir() and shutil.which("java") else None


def which() -> str:
    """On what the tests run, for the report."""
    return f"{REAL} and {MOCK}" if jars() is not None else f"{MOCK} only: no Java, or scripts/test-setup.sh did not run"


def real_jars() -> Path:
    """The same. Without them the test is skipped; in CI it fails where the machine could have had them."""
    found = jars()
    if found is None:
        if os.environ.get("CI") == "true" and shutil.which("java") and shutil.which("mvn"):
            pytest.fail("APACHE KAFKA IS MISSING: run scripts/test-setup.sh")
        pytest.skip("Apache Kafka is missing: it needs Java 17, Maven and scripts/test-setup.sh")
    return found


class RealBroker:
    """Apache Kafka. `ways` are ports, each the near end of a way to it: who comes by one is told to stay on it."""

    def __init__(self, directory: Path, jars: Path, *, creates_topics: bool, ways: Sequence[int]) -> None:
        port, controller = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        self.ways = {near: free_port() for near in ways}
        """The port to which each way leads."""
        self._directory = directory
        self._jars = jars
        self._classes = jars / f"classes-{os.stat(shutil.which('java') or 'java').st_mtime_ns}.jsa"
        self._new_classes = self._classes.with_suffix(f".{port}")
        data = directory / "data"
        data.mkdir()
        (data / "meta.properties").write_text(_META)
        self._properties = directory / "server.properties"
        self._properties.write_text(
            _PROPERTIES.format(
                port=port,
                controller=controller,
                data=data,
                creates=str(creates_topics).lower(),
                listeners="".join(f",WAY{near}://127.0.0.1:{far}" for near, far in self.ways.items()),
                advertised="".join(f",WAY{near}://127.0.0.1:{near}" for near in ways),
                plain="".join(f",WAY{near}:PLAINTEXT" for near in ways),
            )
        )
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        if self.pid is not None:
            return
        known = self._classes.exists()
        shared = f"SharedArchiveFile={self._classes}" if known else f"ArchiveClassesAtExit={self._new_classes}"
        with (self._directory / "broker.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_JAVA, f"-XX:{shared}", "-cp", f"{self._jars}/*", "kafka.Kafka", str(self._properties),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        await asyncio.to_thread(_until_it_answers, self.address)

    async def kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def end(self) -> None:
        """Nobody needs it any more. The first one that ever ran here ends in order, and Java keeps its classes.

        With them a start takes half as much of the processor. Whether they still are those of the jars, Java looks.
        """
        if self._process is not None and self.pid is not None and not self._classes.exists():
            self._process.terminate()
            with suppress(TimeoutError):
                exit_code = await asyncio.wait_for(self._process.wait(), SECONDS)
                if exit_code == _TERMINATED and self._new_classes.exists():
                    self._new_classes.replace(self._classes)
            self._new_classes.unlink(missing_ok=True)
        await self.kill()

    async def create(self, topic: str, partitions: int = 1, **settings: str) -> None:
        await asyncio.to_thread(_create, self.address, topic, partitions, settings)


class MockBroker:
    """librdkafka's mock. Killed, its connections are cut; the process lives, as what it holds is in memory."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.address = address
        self._process = process

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process.returncode is None else None

    async def tell(self, command: str) -> None:
        """Do what tests/kafka/mock_broker.py knows to do."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n".encode())
        async with asyncio.timeout(SECONDS):
            assert await self._process.stdout.readline() == b"ok\n"

    async def start(self) -> None:
        await self.tell("up")

    async def kill(self) -> None:
        await self.tell("down")

    async def create(self, topic: str, partitions: int = 1, **settings: str) -> None:
        assert not settings, "the mock has topics without settings"
        await self.tell(f"create {topic} {partitions}")


@asynccontextmanager
async def real_broker(
    directory: Path, *, creates_topics: bool = True, ways: Sequence[int] = ()
) -> AsyncGenerator[RealBroker]:
    """Apache Kafka, running until the block ends."""
    broker = RealBroker(directory, real_jars(), creates_topics=creates_topics, ways=ways)
    try:
        await broker.start()
        yield broker
    finally:
        await broker.end()


@asynccontextmanager
async def mock_broker() -> AsyncGenerator[MockBroker]:
    """The mock, running until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("mock_broker.py")),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS):
            address = (await process.stdout.readline()).decode().strip()
        yield MockBroker(process, address)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _until_it_answers(address: str) -> None:
    """Return once it leads a topic: before that it answers, and makes none."""
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "nobody", "reconnect.backoff.max.ms": 100, "log_level": 0}
    )
    for _ in range(SECONDS):
        with suppress(KafkaException):
            if consumer.list_topics(timeout=1).brokers:
                _create(address, f"probe-{uuid.uuid4().hex}", 1, {})
                return
    raise AssertionError(f"the broker at {address} does not answer")


def _create(address: str, topic: str, partitions: int, settings: dict[str, str]) -> None:
    client: Any = AdminClient({"bootstrap.servers": address, "log_level": 0})
    wanted = {name.replace("_", "."): value for name, value in settings.items()}
    client.create_topics([NewTopic(topic, partitions, 1, config=wanted)])[topic].result(SECONDS)
