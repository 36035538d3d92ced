"""Where nobody notifies the relay looks as often as followers do, and not at its own leisure (`LOOKOUT_WAKE=poll`)."""

from tests.kafka.brokers import MockBroker
from tests.kafka.conftest import settings_for
from tests.kafka.reading import Reader
from tests.scenario.conftest import Start

from lookout.config import Wake
from lookout.feeds import follow
from lookout.feeds.kafka import relay


async def test_what_another_replica_took_goes_out_within_a_second(start: Start, mock: MockBroker) -> None:
    kafka = settings_for(mock)
    reader = Reader(mock.address, str(kafka.incidents_topic))
    assert follow.POLL < relay.POLL
    async with start(wake=Wake.POLL, kafka=kafka) as relaying, start(wake=Wake.POLL) as other:
        for count, job in enumerate("ab", 1):
            await relaying.clock.until_asleep(seconds=follow.POLL.total_seconds())
            await other.fires(job=job)
            await reader.read_on()
            assert len(reader.records) == count - 1, "nobody has told the relay"
            relaying.clock.move(seconds=follow.POLL.total_seconds())
            await reader.read(count)
