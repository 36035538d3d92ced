"""A broker that is reached by a way of its own sends its clients back to that way: so `make faults` can cut it."""

import asyncio

from confluent_kafka.admin import AdminClient
from tests.kafka.brokers import Broker, RealBroker
from tests.kafka.conftest import on_real


@on_real
async def test_who_comes_by_a_way_is_told_to_stay_on_it_and_others_are_not(broker: Broker) -> None:
    assert isinstance(broker, RealBroker)
    ((near, far),) = broker.ways.items()
    for asked, told in ((f"127.0.0.1:{far}", f"127.0.0.1:{near}"), (broker.address, broker.address)):
        client = AdminClient({"bootstrap.servers": asked, "log_level": 0})
        found = (await asyncio.to_thread(client.list_topics, timeout=10)).brokers.values()
        assert [f"{one.host}:{one.port}" for one in found] == [told]
