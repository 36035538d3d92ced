"""A broker that is away slows nobody but the relay, and is told once. When it is there all arrives, in order."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from tests.clock import NOON
from tests.driver import Driver
from tests.kafka.brokers import Broker
from tests.kafka.reading import Reader
from tests.kafka.watching import RELAYS_AT_WORK, still_well
from tests.real.programs import free_port
from tests.scenario.conftest import Start

from lookout.feeds.kafka import producer, relay
from lookout.kafka import KafkaSettings

BEYOND_THE_TEST = NOON + timedelta(days=1)
BEYOND_ANY_RETRY = relay.LAST_RETRY + timedelta(seconds=1)


@pytest.fixture(autouse=True)
def a_second_for_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """To answer in, and not ten: each of these tests waits for that to pass."""
    monkeypatch.setattr(producer, "SECONDS", 1.0)


@asynccontextmanager
async def _time_passing(lookout: Driver) -> AsyncGenerator[None]:
    """Let time pass by itself, so that whoever waits tries again."""

    async def pass_by() -> None:
        while True:
            await still_well(lookout)
            lookout.clock.move(seconds=BEYOND_ANY_RETRY.total_seconds())

    passing = asyncio.create_task(pass_by())
    try:
        yield
    finally:
        passing.cancel()


async def _make_topics(broker: Broker, kafka: KafkaSettings) -> None:
    """Beforehand: a broker that was just started may take a minute to make one by itself."""
    for topic in (kafka.incidents_topic, kafka.service_events_topic):
        await broker.create(str(topic))


async def _kafka_check(lookout: Driver) -> tuple[str, str]:
    health: dict[str, Any] = (await lookout.http.get("/health")).raise_for_status().json()
    return health["status"], health["checks"]["kafka"]["message"]


async def _until(lookout: Driver, status: str, *, away: int = 0) -> None:
    """Return once Lookout's health is `status`, and so many feeds are known to have no broker."""
    async with asyncio.timeout(60):
        while True:
            now, message = await _kafka_check(lookout)
            if now == status and message.count("is away") == away:
                return
            await still_well(lookout)


async def _metric(lookout: Driver, name: str, **labels: str) -> float:
    text = (await lookout.http.get("/metrics")).text
    wanted = ",".join(f'{label}="{value}"' for label, value in labels.items())
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name}{{{wanted}}} ")]
    return float(line.split()[-1])


async def _until_lag(lookout: Driver, events: int) -> None:
    async with asyncio.timeout(60):
        while await _metric(lookout, "lookout_relay_lag_events", feed="service_events") != events:
            await still_well(lookout)


async def test_away_from_the_start_lookout_is_ready_ingests_and_catches_up(
    start: Start, kafka: KafkaSettings, broker: Broker, reader_of: Callable[..., Reader],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    await _make_topics(broker, kafka)
    await broker.kill()
    try:
        async with start(kafka=kafka) as lookout:
            assert (await lookout.http.get("/ready")).status_code == 200
            async with asyncio.timeout(10):
                for number in range(100):
                    answer = await lookout.post_alerts(lookout.alert({"job": str(number)}, ends_at=BEYOND_THE_TEST))
                    assert answer.status_code == 200
            lookout.clock.move(minutes=3)
            async with _time_passing(lookout):
                await _until(lookout, "degraded", away=2)
                assert await _metric(lookout, "lookout_relay_lag_events", feed="service_events") == 100
                assert await _metric(lookout, "lookout_relay_lag_seconds", feed="service_events") >= 180
                assert await _metric(
                    lookout, "lookout_relay_failures_total", feed="service_events", reason="broker_away"
                )
                await broker.start()
                await _until(lookout, "healthy")
                await _until_lag(lookout, 0)
                assert await _metric(lookout, "lookout_relay_lag_seconds", feed="service_events") == 0
            events = await reader_of(kafka.service_events_topic).read(100)
    finally:
        await broker.start()
    assert sorted(record.value["data"]["event"]["position"] for record in events) == list(range(1, 101))
    told = capsys.readouterr().out
    # Of each topic once, however often it was tried.
    assert told.count("broker_away") == 2
    assert told.count("relay_recovered") == 2


async def test_no_transaction_is_open_while_the_broker_is_away(
    start: Start, kafka: KafkaSettings, broker: Broker
) -> None:
    open_ones = f"SELECT query FROM pg_stat_activity WHERE {RELAYS_AT_WORK}"
    await _make_topics(broker, kafka)
    async with start(kafka=kafka) as lookout:
        async with _time_passing(lookout):
            await _until(lookout, "healthy")
        await broker.kill()
        try:
            await lookout.fires(job="a")
            async with _time_passing(lookout):
                await _until(lookout, "degraded", away=2)
                for _ in range(20):
                    assert await lookout.sql(open_ones) == []
        finally:
            await broker.start()


async def test_a_stop_while_the_broker_is_away_is_quick(start: Start) -> None:
    kafka = KafkaSettings(f"127.0.0.1:{free_port()}", incidents_topic="incidents", service_events_topic="events")
    async with start(kafka=kafka) as lookout:
        await lookout.fires(job="a")
        stopping_at = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - stopping_at < 10
