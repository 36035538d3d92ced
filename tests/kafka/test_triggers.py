"""The topic of triggers, read as the platform's investigator reads it, and as kcat does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from tests.driver import Driver
from tests.kafka.brokers import Broker
from tests.kafka.conftest import settings_for
from tests.kafka.reading import Reader
from tests.kafka.story import everything_happens
from tests.real.programs import program, run
from tests.scenario.conftest import Start

from lookout.incidents.events import EventType
from lookout.intake.work import Delivery
from lookout.kafka import KafkaSettings
from lookout.sources import prometheus

TENANT, PLATFORM = "0198f3c2-3b1e-7cc2-a8f5-0b8a4a1c2d3e", "0198f3c2-3b1e-7cc2-a8f5-0000000000ff"


class Seen(msgspec.Struct):
    """What Skipper reads of a record's value. It ignores all else, headers too."""

    tenant_id: str
    incident_id: str
    summary: str
    severity: str


async def _fires(lookout: Driver, tenant_id: str, *jobs: str) -> None:
    """Alerts of a tenant, as HTTP will give them once it knows tenants."""
    alerts = [lookout.alert({"job": job}, annotations={"summary": f"\x1b[31m{job}\n is  down"}) for job in jobs]
    now = lookout.clock.now()
    parsed = prometheus.parse(msgspec.json.encode(alerts), now)
    await lookout.running.parts.intake.deliver(Delivery(tenant_id, prometheus.NAME, now, parsed.alerts))


async def test_one_record_for_each_incident_that_opens_and_none_for_anything_else(
    start: Start, broker: Broker, reader_of: Callable[..., Reader]
) -> None:
    kafka = settings_for(broker, untriggered_tenants=frozenset([PLATFORM]))
    async with start(kafka=kafka) as lookout:
        await _fires(lookout, TENANT, "a", "b")
        await _fires(lookout, TENANT, "a", "b")
        await _fires(lookout, PLATFORM, "p")
        incident_id = await everything_happens(lookout)
        await _fires(lookout, TENANT, "c")
        # The service events of the last change come after all else: nothing more is under way then.
        await reader_of(kafka.service_events_topic).read(3 + 1 + len(await lookout.feed()))
        records = await reader_of(kafka.incidents_topic).read(4)
    seen = sorted((msgspec.json.decode(record.raw, type=Seen) for record in records), key=lambda s: s.summary)
    assert [(s.tenant_id, s.summary, s.severity) for s in seen] == [
        (TENANT, "[31ma is down", "warning"),
        (TENANT, "[31mb is down", "warning"),
        (TENANT, "[31mc is down", "warning"),
        ("default", "the-annotation", "info"),
    ]
    assert seen[3].incident_id == incident_id
    assert len({s.incident_id for s in seen}) == 4


async def test_the_value_and_the_headers_are_the_contract(
    start: Start, kafka: KafkaSettings, reader_of: Callable[..., Reader]
) -> None:
    async with start(kafka=kafka) as lookout:
        await lookout.post_alerts(
            lookout.alert({"job": "a", "cluster": "eu-1", "severity": "critical"}, annotations={"summary": "down"})
        )
        incident = await lookout.only_incident()
        (record,) = await reader_of(kafka.incidents_topic).read(1)
    event_id = record.value["event_id"]
    assert record.key == incident.id
    assert record.value == {
        "schema_version": 1,
        "incident_id": incident.id,
        "tenant_id": "default",
        "cluster_id": "eu-1",
        "severity": "critical",
        "summary": "down",
        "title": "Down (cluster=eu-1, job=a)",
        "position": 1,
        "event_id": event_id,
        "started_at": "2026-01-01T12:00:00Z",
        "labels": {"alertname": "Down", "cluster": "eu-1", "job": "a"},
        "url": f"http://lookout.example/v1/incidents/{incident.id}",
    }
    assert record.headers == {
        "tenant_id": "default",
        "event_type": "incident_opened",
        "source": "lookout",
        "event_id": event_id,
        "position": "1",
    }


async def test_escalated_and_reopened_count_where_that_is_set(
    start: Start, broker: Broker, reader_of: Callable[..., Reader]
) -> None:
    triggers = (EventType.OPENED, EventType.ESCALATED, EventType.REOPENED)
    kafka = settings_for(broker, triggers=triggers, service_events_topic=None)
    async with start(kafka=kafka) as lookout:
        await everything_happens(lookout)
        records = await reader_of(kafka.incidents_topic).read(3)
    assert [record.headers["event_type"] for record in records] == [
        "incident_opened",
        "incident_escalated",
        "incident_reopened",
    ]
    assert [record.value["severity"] for record in records] == ["info", "critical", "info"]


async def test_kcat_reads_the_same(
    start: Start, kafka: KafkaSettings, broker: Broker, reader_of: Callable[..., Reader], tmp_path: Path
) -> None:
    kcat = program("kcat")
    async with start(kafka=kafka) as lookout:
        await lookout.fires(job="a")
        await lookout.fires(job="b")
        records = await reader_of(kafka.incidents_topic).read(2)
    assert kafka.incidents_topic is not None
    arguments = ("-C", "-b", broker.address, "-t", kafka.incidents_topic, "-e", "-q", "-J")
    read = await run(kcat, *arguments, home=tmp_path)
    assert read.exit_code == 0, read.stderr
    lines: list[dict[str, Any]] = [msgspec.json.decode(line) for line in read.stdout.splitlines()]
    told = {(line["key"], line["payload"]) for line in lines}
    assert told == {(record.key, record.raw.decode()) for record in records}
    assert len(lines) == 2
