"""The example investigator at work, as a process, beside a broker; once all of it is, Lookout and its demo too."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import median

import httpx
import msgspec
import pytest
from confluent_kafka import Producer
from tests.access import ACCESS, SERVICE, bearer, make_tenants
from tests.driver import Driver
from tests.kafka.brokers import Broker
from tests.kafka.conftest import settings_for
from tests.kafka.reading import Reader
from tests.scenario.conftest import Start
from tests.server_process import LOOKOUT, environment, lookout_process

from lookout.incidents.events import EventType, FeedEvent
from lookout.kafka import KafkaSettings
from lookout.store.reads import InvestigationView

EXAMPLE = Path(__file__).parents[2] / "examples" / "investigator.py"
SECONDS = 60
INCIDENTS = 4
"""That the demo opens."""


class Investigator:
    """The example as a process. `lines` are what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.lines: list[str] = []
        self.process = process
        self._said = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self._said:
                self.lines.append(line.decode().rstrip())
                self._said.notify_all()

    async def says(self, text: str, times: int = 1) -> None:
        """Return once it has said that, so often."""
        async with asyncio.timeout(SECONDS), self._said:
            await self._said.wait_for(lambda: sum(text in line for line in self.lines) >= times)

    async def stop(self) -> int:
        """As a service manager does. Returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        await self._reading
        return await self.process.wait()

    async def clear_away(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        await self._reading
        await self.process.wait()


@asynccontextmanager
async def investigator(kafka: KafkaSettings, url: str, **more: str) -> AsyncGenerator[Investigator]:
    """The example, ready for records. Whatever is left of it in the end is killed."""
    assert kafka.incidents_topic is not None
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "KAFKA_BROKERS": kafka.brokers,
            "LOOKOUT_INCIDENTS_TOPIC": kafka.incidents_topic,
            "LOOKOUT_URL": url,
            "NO_PROXY": "*",
            **more,
        },
    )  # fmt: skip
    running = Investigator(process)
    try:
        await running.says("ready")
        yield running
    finally:
        await running.clear_away()


@pytest.fixture
async def kafka(broker: Broker) -> KafkaSettings:
    """A topic of triggers that is there, and no other."""
    settings = settings_for(broker, service_events_topic=None)
    await broker.create(str(settings.incidents_topic))
    return settings


@pytest.fixture
async def served(dsn: str, kafka: KafkaSettings, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a `lookout serve` that sends to the broker."""
    environ = {
        "DATABASE_URL": dsn,
        "KAFKA_BROKERS": kafka.brokers,
        "LOOKOUT_INCIDENTS_TOPIC": str(kafka.incidents_topic),
        "SERVICE_EVENTS_KAFKA_TOPIC": "off",
    }
    async with (
        lookout_process(tmp_path, **environ) as server,
        httpx.AsyncClient(base_url=await server.address(), timeout=SECONDS, trust_env=False) as client,
    ):
        yield client


async def _plays_the_demo(lookout: httpx.AsyncClient) -> None:
    playing = await asyncio.create_subprocess_exec(
        LOOKOUT, "demo", "--speed", "30", "--url", str(lookout.base_url),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, env=environment(Path()),
    )  # fmt: skip
    assert await playing.wait() == 0


async def _feed(lookout: httpx.AsyncClient) -> list[FeedEvent]:
    answer = (await lookout.get("/v1/feed", params={"after": 0, "first": 500})).raise_for_status()
    return msgspec.convert(answer.json()["events"], list[FeedEvent])


async def _investigations_of(lookout: httpx.AsyncClient, incident_id: str) -> list[InvestigationView]:
    answer = (await lookout.get(f"/v1/incidents/{incident_id}/investigations")).raise_for_status()
    return msgspec.convert(answer.json()["investigations"], list[InvestigationView])


def _produce(address: str, topic: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": address})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(SECONDS) == 0


async def test_each_incident_of_the_demo_has_its_report_within_a_second_and_once(
    served: httpx.AsyncClient, broker: Broker, kafka: KafkaSettings, reader_of: Callable[..., Reader]
) -> None:
    topic = kafka.incidents_topic
    assert topic is not None
    async with investigator(kafka, str(served.base_url)) as example:
        await _plays_the_demo(served)
        await example.says(": attached", INCIDENTS)
        events = await _feed(served)
        opened = {event.event_id: event.incident.id for event in events if event.event_type is EventType.OPENED}
        records = await reader_of(topic).read(INCIDENTS)
        assert sorted(record.headers["event_id"] for record in records) == sorted(opened)

        seconds: list[float] = []
        for record in records:
            event_id = record.headers["event_id"]
            (found,) = await _investigations_of(served, opened[event_id])
            assert (found.report_id, found.investigator, found.attached_by) == (event_id, "example", "investigator")
            assert "alerts fire, since" in found.summary
            seconds.append((found.attached_at - record.produced_at).total_seconds())
        # The median: a machine that does something else for a moment is no fault of the example.
        assert median(seconds) < 1, seconds

        await asyncio.to_thread(_produce, broker.address, topic, [record.raw for record in records])
        await example.says(": there already", INCIDENTS)
        # What waited of the demo's storm may be told meanwhile; of reports there is nothing more to tell.
        attached = [event for event in await _feed(served) if event.event_type is EventType.INVESTIGATION_ATTACHED]
        assert sorted(event.incident.id for event in attached) == sorted(opened.values())
        assert await example.stop() == 0


async def test_a_record_counts_as_read_when_its_report_is_attached_and_not_before(
    start: Start, kafka: KafkaSettings
) -> None:
    async with start(kafka=kafka) as lookout:
        async with investigator(kafka, "http://127.0.0.1:9") as example:
            await lookout.fires()
            await example.says("the same again in a second", 2)
            assert await example.stop() == 0
        async with investigator(kafka, lookout.url) as example:
            await example.says(": attached")
        assert (await lookout.only_incident()).investigation_count == 1


async def test_what_is_no_record_of_lookouts_is_passed_over(start: Start, broker: Broker, kafka: KafkaSettings) -> None:
    topic = kafka.incidents_topic
    assert topic is not None
    nowhere = msgspec.json.encode({"tenant_id": "default", "incident_id": "nowhere", "event_id": "x"})
    of_nothing = msgspec.json.encode({"tenant_id": "default", "incident_id": {}, "event_id": "x"})
    await asyncio.to_thread(
        _produce, broker.address, topic, [b"{", b"[]", b"null", b"{}", b"\xff", nowhere, of_nothing]
    )
    async with start(kafka=kafka) as lookout, investigator(kafka, lookout.url) as example:
        await lookout.fires()
        await example.says(": attached")
        assert sum("passed over" in line and "Variable" in line for line in example.lines) == 1
        assert sum("skipped what is no record" in line for line in example.lines) == 5
        assert sum("skipped incident nowhere" in line for line in example.lines) == 1


async def test_without_a_credential_it_ends_and_the_record_waits_for_one_that_works_for_each_records_tenant(
    start: Start, kafka: KafkaSettings
) -> None:
    async with start(kafka=kafka, access=ACCESS) as lookout:
        await make_tenants(lookout, "acme", "globex")
        await _fires(lookout, "acme")
        async with investigator(kafka, lookout.url) as example:
            assert await asyncio.wait_for(example.process.wait(), SECONDS) == 1
        async with investigator(kafka, lookout.url, LOOKOUT_TOKEN=SERVICE) as example:
            await example.says(": attached")
            await _fires(lookout, "globex")
            await example.says(": attached", 2)
        for tenant_id in ("acme", "globex"):
            headers = bearer(SERVICE, **{"X-Tenant-ID": tenant_id})
            (incident,) = (await lookout.http.get("/v1/incidents", headers=headers)).json()["incidents"]
            assert incident["investigation_count"] == 1


async def _fires(lookout: Driver, tenant_id: str) -> None:
    headers = bearer(SERVICE, **{"X-Tenant-ID": tenant_id})
    alerts = [lookout.alert({"tenant": tenant_id})]
    (await lookout.http.post("/api/v2/alerts", json=alerts, headers=headers)).raise_for_status()
