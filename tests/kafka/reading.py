"""A reader of topics, as any consumer reads: from the beginning, each record once, in the order of its partition."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

SECONDS = 60


class Read(msgspec.Struct, frozen=True):
    """One record."""

    topic: str
    partition: int
    offset: int
    key: str
    headers: dict[str, str]
    raw: bytes
    produced_at: datetime

    @property
    def value(self) -> Any:
        return msgspec.json.decode(self.raw)


class Reader:
    """Reads some topics. `records` is everything read so far."""

    def __init__(self, address: str, *topics: str) -> None:
        self.records: list[Read] = []
        self._topics = topics
        self._consumer = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": uuid.uuid4().hex,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "reconnect.backoff.max.ms": 500,
                "topic.metadata.refresh.interval.ms": 1_000,
                "log_level": 0,
            }
        )
        self._assigned = False

    async def read_until(self, is_enough: Callable[[list[Read]], bool], seconds: float = SECONDS) -> list[Read]:
        """Read on until there is enough. Fails after `seconds`."""
        return await asyncio.to_thread(self._read_until, is_enough, seconds)

    async def read(self, count: int) -> list[Read]:
        """Read on until there are so many, and look whether there are more at once."""
        await self.read_until(lambda records: len(records) >= count)
        await self.read_on()
        return self.records

    async def read_on(self, seconds: float = 0.3) -> list[Read]:
        """Read what comes within a short time."""
        await asyncio.to_thread(self._poll, seconds)
        return self.records

    def close(self) -> None:
        self._consumer.close()

    def _read_until(self, is_enough: Callable[[list[Read]], bool], seconds: float) -> list[Read]:
        for _ in range(int(seconds / 0.1)):
            if is_enough(self.records):
                return self.records
            self._poll(0.1)
        raise AssertionError(f"after {seconds} s there are {len(self.records)} records in {self._topics}")

    def _poll(self, seconds: float) -> None:
        self._assign()
        for message in self._consumer.consume(1_000, timeout=seconds):
            if message.error() is None:
                self.records.append(_record_of(message))

    def _assign(self) -> None:
        if self._assigned:
            return
        try:
            known = self._consumer.list_topics(timeout=5).topics
        except KafkaException:  # the broker is away just now
            return
        missing = [topic for topic in self._topics if topic not in known or known[topic].error is not None]
        if not missing:
            self._consumer.assign(
                [TopicPartition(topic, number, 0) for topic in self._topics for number in known[topic].partitions]
            )
            self._assigned = True


def _record_of(message: Message) -> Read:
    topic, partition, offset, key, value = (
        message.topic(), message.partition(), message.offset(), message.key(), message.value()
    )  # fmt: skip
    assert topic is not None
    assert partition is not None
    assert offset is not None
    assert isinstance(key, bytes)
    assert isinstance(value, bytes)
    produced_at = datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
    headers = {name: text.decode() for name, text in message.headers() or [] if isinstance(text, bytes)}
    return Read(topic, partition, offset, key.decode(), headers, value, produced_at)
