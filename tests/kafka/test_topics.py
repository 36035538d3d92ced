"""What goes to which topic, as its readers see it."""

from collections.abc import Callable

from tests.kafka.reading import Reader
from tests.scenario.conftest import Start

from lookout.feeds.kafka.settings import KafkaSettings


async def test_each_change_is_a_service_event_and_each_opening_a_trigger(
    start: Start, kafka: KafkaSettings, reader_of: Callable[..., Reader]
) -> None:
    async with start(kafka=kafka) as lookout:
        await lookout.fires(job="a", severity="critical")
        incident = await lookout.only_incident()
        await lookout.act(incident.id, "acknowledge")
        await lookout.act(incident.id, "resolve", reason="done")
        events = await reader_of(kafka.service_events_topic).read(3)
        triggers = await reader_of(kafka.incidents_topic).read(1)
    assert [event.value["data"]["change"] for event in events] == ["opened", "acknowledged", "resolved"]
    assert [trigger.value["incident_id"] for trigger in triggers] == [incident.id]
