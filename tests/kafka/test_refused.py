"""What the broker refuses for good is told with its remedy; others go on, and nothing is skipped."""

import asyncio
import re
from typing import Any

import msgspec
import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from tests.driver import Driver
from tests.kafka.brokers import MockBroker, RealBroker
from tests.kafka.conftest import settings_for
from tests.kafka.reading import Reader
from tests.kafka.watching import still_well
from tests.scenario.conftest import Start

from lookout.feeds.kafka import relay
from lookout.intake.work import Delivery
from lookout.sources import prometheus

SMALL, LARGE = "0198f3c2-3b1e-7cc2-a8f5-000000000001", "0198f3c2-3b1e-7cc2-a8f5-000000000002"


async def _fires(lookout: Driver, tenant_id: str, **labels: str) -> None:
    now = lookout.clock.now()
    parsed = prometheus.parse(msgspec.json.encode([lookout.alert(labels)]), now)
    await lookout.running.parts.intake.deliver(Delivery(tenant_id, prometheus.NAME, now, parsed.alerts))


async def _health(lookout: Driver, words: str) -> str:
    """The message of the check, once these words are in it."""
    async with asyncio.timeout(60):
        while True:
            message: str = (await lookout.http.get("/health")).json()["checks"]["kafka"]["message"]
            if words in message:
                return message
            await still_well(lookout)


async def _polls(lookout: Driver, seconds: float) -> None:
    await lookout.clock.until_asleep(seconds=relay.POLL.total_seconds())
    lookout.clock.move(seconds=seconds)


@pytest.mark.real
async def test_a_record_too_large_parks_its_tenant_until_the_topic_takes_it(
    start: Start, apache_kafka: RealBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    kafka = settings_for(apache_kafka, incidents_topic=None, properties={"compression.type": "none"})
    topic = str(kafka.service_events_topic)
    await apache_kafka.create(topic, 1, max_message_bytes="4000")
    reader = Reader(apache_kafka.address, topic)
    async with start(kafka=kafka) as lookout:
        await _fires(lookout, LARGE, job="ok")
        await _fires(lookout, LARGE, **dict.fromkeys(("job", "cluster", "region", "namespace", "service"), "x" * 200))
        await _fires(lookout, LARGE, job="after")
        await _fires(lookout, SMALL, job="small")
        message = await _health(lookout, "1 tenants wait")
        assert LARGE not in message
        records = await reader.read(2)
        assert {(r.headers["tenant_id"], r.value["data"]["event"]["position"]) for r in records} == {
            (LARGE, 1),
            (SMALL, 1),
        }
        # It is tried again, and not told again.
        await _polls(lookout, relay.PARKED_RETRY.total_seconds())
        await _fires(lookout, SMALL, job="more")
        await reader.read(3)
        await asyncio.to_thread(_allow, apache_kafka.address, topic, "1000000")
        await _polls(lookout, relay.PARKED_RETRY.total_seconds())
        await reader.read(5)
        await _health(lookout, "relaying")
    large = [r.value["data"]["event"]["position"] for r in reader.records if r.headers["tenant_id"] == LARGE]
    assert list(dict.fromkeys(large)) == [1, 2, 3]
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "action=record_refused" in line]
    assert f"topic={topic}" in line
    assert f"tenant={LARGE}" in line
    assert "position=2" in line
    assert f"Raise max.message.bytes of the topic {topic}" in line


def _allow(address: str, topic: str, size: str) -> None:
    client: Any = AdminClient({"bootstrap.servers": address})
    change = ConfigEntry("max.message.bytes", size, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[change])
    for future in client.incremental_alter_configs([resource]).values():
        future.result(30)


async def test_one_refusal_of_a_batch_is_tried_alone_and_parks_nobody(start: Start, mock: MockBroker) -> None:
    kafka = settings_for(mock, incidents_topic=None)
    await mock.create(str(kafka.service_events_topic))
    await mock.tell(f"refuse-next 1 {KafkaError.MSG_SIZE_TOO_LARGE}")
    reader = Reader(mock.address, str(kafka.service_events_topic))
    async with start(kafka=kafka) as lookout:
        for number in range(5):
            await lookout.fires(job=str(number))
        records = await reader.read(5)
        assert await lookout.sql("SELECT * FROM relays WHERE retry_at IS NOT NULL") == []
    positions = dict.fromkeys(record.value["data"]["event"]["position"] for record in records)
    assert list(positions) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (KafkaError.UNKNOWN_TOPIC_OR_PART, "Create the topic TOPIC, or let Lookout do it"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "Let Lookout's user describe and write to the topic TOPIC"),
    ],
    ids=["missing", "forbidden"],
)
async def test_a_topic_that_refuses_all_stops_its_feed_alone_and_goes_on_by_itself(
    start: Start, mock: MockBroker, code: int, remedy: str,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("lookout.feeds.kafka.producer.SECONDS", 1.0)
    kafka = settings_for(mock)
    topic = str(kafka.service_events_topic)
    await mock.create(topic)
    await mock.tell(f"refuse-topic {topic} {code}")
    async with start(kafka=kafka) as lookout:
        await _fires(lookout, SMALL, job="a")
        await Reader(mock.address, str(kafka.incidents_topic)).read(1)
        await _health(lookout, "refuses the topic")
        # Whoever waits for it is known by then, or at the next try.
        for _ in range(2):
            lookout.clock.move(seconds=relay.LAST_RETRY.total_seconds())
            await _health(lookout, "refuses the topic")
        await mock.tell(f"refuse-topic {topic} 0")
        async with asyncio.timeout(60):
            while "relaying" not in (await lookout.http.get("/health")).text:
                lookout.clock.move(seconds=relay.LAST_RETRY.total_seconds())
                await still_well(lookout)
        await Reader(mock.address, topic).read(1)
    lines = [line for line in capsys.readouterr().out.splitlines() if "action=topic_refused" in line]
    assert len(lines) <= 2
    assert f"topic={topic}" in lines[-1]
    assert f"tenant={SMALL}" in lines[-1]
    assert re.search(r"\bposition=1\b", lines[-1])
    assert remedy.replace("TOPIC", topic) in lines[-1]


@pytest.mark.real
async def test_a_missing_topic_is_made_where_that_is_set(start: Start, apache_kafka_without_topics: RealBroker) -> None:
    broker = apache_kafka_without_topics
    kafka = settings_for(broker, create_topics=True)
    async with start(kafka=kafka) as lookout:
        await lookout.fires(job="a")
        await Reader(broker.address, str(kafka.incidents_topic)).read(1)
        await Reader(broker.address, str(kafka.service_events_topic)).read(1)


@pytest.mark.real
async def test_a_missing_topic_is_told_where_it_is_not(
    start: Start, apache_kafka_without_topics: RealBroker,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("lookout.feeds.kafka.producer.SECONDS", 1.0)
    kafka = settings_for(apache_kafka_without_topics, incidents_topic=None)
    async with start(kafka=kafka) as lookout:
        await lookout.fires(job="a")
        await _health(lookout, "refuses the topic")
    assert f"Create the topic {kafka.service_events_topic}" in capsys.readouterr().out
