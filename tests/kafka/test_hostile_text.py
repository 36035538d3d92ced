"""Text is data on Kafka: what a model or a program reads there is clean, bounded JSON, whatever senders wrote."""

from tests.hostile import TEXTS, assert_shown_clean, posted, strict_json
from tests.kafka.brokers import MockBroker
from tests.kafka.conftest import settings_for
from tests.kafka.reading import Reader
from tests.scenario.conftest import Start

from lookout.incidents.grouping import SUMMARY_LIMIT, TITLE_LIMIT

LARGEST = 64 * 1024
"""Bytes of a record, whatever was sent: brokers take a megabyte by default."""


async def test_every_record_is_strict_json_and_clean_where_it_is_shown(start: Start, mock: MockBroker) -> None:
    kafka = settings_for(mock)
    async with start(kafka=kafka) as lookout:
        await lookout.post_alerts(*(posted(name, text) for name, text in TEXTS.items()))
        incidents = {incident.id: incident for incident in await lookout.incidents(first="500")}
        assert len(incidents) == len(TEXTS)
        triggers = await Reader(mock.address, str(kafka.incidents_topic)).read(len(TEXTS))
        events = await Reader(mock.address, str(kafka.service_events_topic)).read(len(TEXTS))
    for record in (*triggers, *events):
        assert_shown_clean(strict_json(record.raw))
        assert record.headers.keys() <= {"tenant_id", "event_type", "source", "event_id", "position"}
        assert record.headers["tenant_id"] == "default"
    for record in triggers:
        incident = incidents[record.key]
        assert (record.value["title"], record.value["summary"]) == (incident.title, incident.summary)
        assert record.value["labels"] == incident.labels, "the group labels, which are for people"
        assert_shown_clean([*record.value["labels"], *record.value["labels"].values()])


async def test_a_megabyte_and_five_thousand_labels_make_a_short_record(start: Start, mock: MockBroker) -> None:
    long = "x" * 2**20
    many = {f"label_{number:04}": "v" * 100 for number in range(5_000)}
    kafka = settings_for(mock)
    async with start(kafka=kafka) as lookout:
        for labels in ({"alertname": long, "job": "long"}, {"job": "many", **many}):
            alert = lookout.alert(labels, annotations={"summary": long})
            (await lookout.post_alerts(alert)).raise_for_status()
        triggers = await Reader(mock.address, str(kafka.incidents_topic)).read(2)
        events = await Reader(mock.address, str(kafka.service_events_topic)).read(2)
    for record in (*triggers, *events):
        assert len(record.raw) < LARGEST
    for record in triggers:
        assert len(record.value["title"]) <= TITLE_LIMIT
        assert len(record.value["summary"]) <= SUMMARY_LIMIT
