"""`lookout relay`: a range of one tenant's events to a topic once more, on purpose. No position moves."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from lookout.errors import LookoutError
from lookout.feeds.kafka.producer import Producer, TopicRefused
from lookout.feeds.kafka.records import Feed, Record, feeds_of
from lookout.kafka import KafkaSettings
from lookout.store.relays import RelayPositions

PAGE = 1_000


class ResendError(LookoutError):
    """The range could not be sent, or not all of it. The text says how far it came, and how to go on."""


class Range(msgspec.Struct, frozen=True):
    """Which events: from a position on, up to another, both included. `last` None: all that there are."""

    tenant_id: str
    first: int
    last: int | None


def feed_to(settings: KafkaSettings | None, topic: str) -> Feed:
    """The feed that goes to a topic. Raises `ResendError`."""
    if settings is None:
        raise ResendError("KAFKA_BROKERS is not set: there is no Kafka to send to.")
    feeds = feeds_of(settings)
    for feed in feeds:
        if feed.topic == topic:
            return feed
    raise ResendError(f"{topic!r} is no topic of Lookout's: {' and '.join(feed.topic for feed in feeds)} are.")


async def resend(
    positions: RelayPositions, feed: Feed, producer: Producer, wanted: Range, told: Callable[[int], None]
) -> int:
    """Send the range, page by page; `told` is called with each position that it has come to. Returns how many records.

    Raises `ResendError`.
    """
    position, count = max(0, wanted.first - 1), 0
    try:
        await asyncio.to_thread(producer.check)
        while wanted.last is None or position < wanted.last:
            limit = PAGE if wanted.last is None else min(PAGE, wanted.last - position)
            events = await positions.events(wanted.tenant_id, position, limit, feed.wanted)
            if not events:
                break
            await asyncio.to_thread(
                _send, feed, producer, [feed.record_of(event) for event in events if feed.takes(event)]
            )
            count += sum(map(feed.takes, events))
            position = events[-1].position
            told(position)
    except LookoutError as error:
        raise ResendError(
            f"{error} Sent so far: {count} records, up to position {position}; go on with --from {position + 1}."
        ) from None
    return count


def _send(feed: Feed, producer: Producer, records: Sequence[Record]) -> None:
    """All of them. What is not confirmed is tried again alone, as the relay does."""
    outcomes = producer.send(records)
    for record, outcome in zip(records, outcomes, strict=True):
        if outcome is True:
            continue
        (again,) = producer.send([record])
        if again is True:
            continue
        refusal = producer.refusal(again)
        if refusal is None:
            raise producer.away()
        raise TopicRefused(f"{feed.topic} refuses position {record.position}: {refusal.text}", refusal.reason)
