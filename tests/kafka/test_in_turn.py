"""Tenants take turns on their way to Kafka: who has much to send keeps nobody waiting who has little."""

import msgspec
import pytest
from tests.driver import Driver
from tests.kafka.brokers import MockBroker
from tests.kafka.conftest import settings_for
from tests.kafka.reading import Read, Reader
from tests.scenario.conftest import Start

from lookout.feeds.kafka import relay
from lookout.intake.work import Delivery
from lookout.sources import prometheus

BUSY, QUIET = "0198f3c2-3b1e-7cc2-a8f5-000000000001", "0198f3c2-3b1e-7cc2-a8f5-000000000002"
MANY = 300


async def _open(lookout: Driver, tenant_id: str, incidents: int) -> None:
    """So many incidents, each an event, in one commit."""
    now = lookout.clock.now()
    alerts = [lookout.alert({"job": str(number)}) for number in range(incidents)]
    parsed = prometheus.parse(msgspec.json.encode(alerts), now)
    await lookout.running.parts.intake.deliver(Delivery(tenant_id, prometheus.NAME, now, parsed.alerts))


def _tenants(records: list[Read]) -> list[str]:
    return [record.headers["tenant_id"] for record in records]


def _of(tenant_id: str, records: list[Read]) -> list[int]:
    return [r.value["data"]["event"]["position"] for r in records if r.headers["tenant_id"] == tenant_id]


async def test_an_event_of_a_quiet_tenant_goes_out_amid_those_of_a_busy_one(
    start: Start, mock: MockBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "EVENTS_AT_ONCE", 1)
    kafka = settings_for(mock, incidents_topic=None)
    await mock.create(str(kafka.service_events_topic), 1)
    reader = Reader(mock.address, str(kafka.service_events_topic))
    async with start(kafka=kafka) as lookout:
        # It relays, and from now on by name.
        await _open(lookout, BUSY, 1)
        await reader.read(1)
        await _open(lookout, BUSY, MANY)
        await _open(lookout, QUIET, 1)
        tenants = _tenants(await reader.read(MANY + 1))
    assert tenants.index(QUIET) < len(tenants) - 1
    assert _of(BUSY, reader.records) == list(range(1, MANY + 1))


async def test_what_gathered_of_many_tenants_goes_out_in_turn_and_whole(
    start: Start, mock: MockBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "EVENTS_AT_ONCE", 4)
    monkeypatch.setattr(relay, "TENANTS_AT_ONCE", 2)
    monkeypatch.setattr(relay, "WOKEN_LIMIT", 3)
    kafka = settings_for(mock, incidents_topic=None)
    await mock.create(str(kafka.service_events_topic), 1)
    reader = Reader(mock.address, str(kafka.service_events_topic))
    amounts = {f"0198f3c2-3b1e-7cc2-a8f5-{number:012}": 1 + number * 5 for number in range(7)}
    async with start(kafka=kafka):
        pass  # from here on all is for Kafka
    async with start() as lookout:
        for tenant_id, amount in amounts.items():
            await _open(lookout, tenant_id, amount)
    async with start(kafka=kafka):
        records = await reader.read_until(lambda records: len(records) >= sum(amounts.values()))
    for tenant_id, amount in amounts.items():
        assert _of(tenant_id, records) == list(range(1, amount + 1))
    # Each has had its turn before any has had a second.
    first_turns = [_tenants(records).index(tenant_id) for tenant_id in amounts]
    assert max(first_turns) < len(amounts) * relay.EVENTS_AT_ONCE
