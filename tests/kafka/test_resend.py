"""`lookout relay`: a range once more on purpose, with its number said; and no position moves."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from tests.driver import Driver
from tests.kafka.brokers import Broker
from tests.kafka.conftest import settings_for
from tests.kafka.reading import Reader
from tests.kafka.watching import still_well
from tests.scenario.conftest import Start
from tests.server_process import run_lookout

from lookout.kafka import KafkaSettings


async def _resend(lookout: Driver, kafka: KafkaSettings, *arguments: str) -> tuple[int, list[str], str]:
    """Exit code, lines and complaint of the command, run as an operator does."""
    environ = {
        "DATABASE_URL": lookout.dsn,
        "KAFKA_BROKERS": kafka.brokers,
        "LOOKOUT_INCIDENTS_TOPIC": str(kafka.incidents_topic),
        "SERVICE_EVENTS_KAFKA_TOPIC": str(kafka.service_events_topic),
    }
    code, out, err = await run_lookout("relay", *arguments, **environ)
    return code, out.splitlines(), err


async def _relays(lookout: Driver, position: int) -> list[asyncpg.Record]:
    """The rows of both relays, once each stands at this position: it moves after its records are out."""
    rows: list[asyncpg.Record] = []
    async with asyncio.timeout(30):
        while [row["position"] for row in rows] != [position] * 2:
            await still_well(lookout)
            rows = await lookout.sql("SELECT * FROM relays ORDER BY feed")
    return rows


async def _positions(reader: Reader, count: int) -> list[int]:
    return [record.value["data"]["event"]["position"] for record in await reader.read(count)]


async def test_a_range_is_sent_once_more_and_counted(
    start: Start, kafka: KafkaSettings, reader_of: Callable[..., Reader]
) -> None:
    reader = reader_of(kafka.service_events_topic)
    async with start(kafka=kafka) as lookout:
        await lookout.fires(job="a")
        incident = await lookout.only_incident()
        for text in ("one", "two", "three", "four"):
            await lookout.act(incident.id, "notes", text=text)
        assert await _positions(reader, 5) == [1, 2, 3, 4, 5]
        before = await _relays(lookout, 5)
        topic = str(kafka.service_events_topic)
        code, lines, _ = await _resend(lookout, kafka, "--from", "2", "--to", "4", "--topic", topic)
        assert code == 0
        assert lines[-1] == f"sent 3 records of default to {topic}"
        assert (await _positions(reader, 8))[5:] == [2, 3, 4]
        code, lines, _ = await _resend(lookout, kafka, "--from", "0", "--topic", topic)
        assert lines[-1] == f"sent 5 records of default to {topic}"
        assert (await _positions(reader, 13))[8:] == [1, 2, 3, 4, 5]
        # Of the triggers only what is one.
        triggers = str(kafka.incidents_topic)
        _, lines, _ = await _resend(lookout, kafka, "--from", "0", "--topic", triggers)
        assert lines[-1] == f"sent 1 records of default to {triggers}"
        assert await lookout.sql("SELECT * FROM relays ORDER BY feed") == before


async def test_what_was_in_the_log_before_a_topic_was_switched_on_goes_out_on_purpose_only(
    start: Start, kafka: KafkaSettings, reader_of: Callable[..., Reader]
) -> None:
    async with start() as lookout:
        await lookout.fires(job="old")
    reader = reader_of(kafka.incidents_topic)
    async with start(kafka=kafka) as lookout:
        await lookout.fires(job="new")
        assert [record.value["position"] for record in await reader.read(1)] == [2]
        await _resend(lookout, kafka, "--from", "0", "--to", "1", "--topic", str(kafka.incidents_topic))
        assert [record.value["position"] for record in await reader.read(2)] == [2, 1]
    # Switched off and on again it goes on where it was.
    async with start() as lookout:
        await lookout.fires(job="between")
    async with start(kafka=kafka) as lookout:
        assert [record.value["position"] for record in await reader.read(3)] == [2, 1, 3]


@pytest.mark.parametrize(
    ("environ", "told"),
    [({}, "is no topic of Lookout's"), ({"brokers": "127.0.0.1:9"}, "Sent so far: 0 records, up to position 0")],
    ids=["another topic", "no broker"],
)
async def test_why_nothing_was_sent_is_said(start: Start, broker: Broker, environ: dict[str, Any], told: str) -> None:
    kafka = settings_for(broker, **environ)
    topic = str(kafka.service_events_topic) if environ else "another"
    async with start() as lookout:
        await lookout.fires(job="a")
        code, _, complaint = await _resend(lookout, kafka, "--from", "0", "--topic", topic)
    assert code == 1
    assert told in complaint
