"""The scenarios' Lookout, with a broker beside it: Apache Kafka, or librdkafka's mock where there is none."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from faults.link import link
from tests.kafka.brokers import MOCK, REAL, Broker, MockBroker, RealBroker, jars, mock_broker, real_broker
from tests.kafka.reading import Reader
from tests.scenario.conftest import clock, start

from lookout.kafka import KafkaSettings

__all__ = ["clock", "start"]


@pytest.fixture(scope="session")
async def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealBroker]:
    """Apache Kafka, for all tests of this process. There is a way to it."""
    far_ends: list[int] = []  # known only after the way to it
    async with (
        link(lambda: asyncio.open_connection("127.0.0.1", far_ends[0])) as way,
        real_broker(tmp_path_factory.mktemp("kafka"), ways=[way.port]) as broker,
    ):
        far_ends += broker.ways.values()
        yield broker


@pytest.fixture(scope="module")
async def apache_kafka_without_topics(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealBroker]:
    """Apache Kafka that makes no topic by itself, for the tests of one file."""
    async with real_broker(tmp_path_factory.mktemp("kafka"), creates_topics=False) as broker:
        yield broker


@pytest.fixture
async def mock() -> AsyncIterator[MockBroker]:
    """librdkafka's mock, for one test."""
    async with mock_broker() as broker:
        yield broker


ON_REAL = pytest.param(REAL, marks=pytest.mark.real)
on_real = pytest.mark.parametrize("broker", [ON_REAL], indirect=True)
on_both = pytest.mark.parametrize("broker", [ON_REAL, MOCK], indirect=True)


@pytest.fixture(params=[ON_REAL] if jars() is not None else [ON_REAL, MOCK])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Apache Kafka; without its jars that is skipped, and the mock stands in: what `on_both` marks runs on each.

    Its topics outlive a test, so every test has topics of its own.
    """
    return request.getfixturevalue("apache_kafka" if request.param == REAL else "mock")


@pytest.fixture
def kafka(broker: Broker) -> KafkaSettings:
    """Settings for the broker, with topics of this test alone."""
    return settings_for(broker)


@pytest.fixture
def reader_of(broker: Broker) -> Callable[..., Reader]:
    """Makes a reader of some topics."""
    return lambda *topics: Reader(broker.address, *topics)


def settings_for(broker: Broker, **others: Any) -> KafkaSettings:
    """Settings for a broker, with topics that nobody else has."""
    mine = uuid.uuid4().hex[:8]
    usual = KafkaSettings(
        broker.address,
        incidents_topic=f"incidents-{mine}",
        service_events_topic=f"service-events-{mine}",
        external_url="http://lookout.example",
    )
    return msgspec.structs.replace(usual, **others)
