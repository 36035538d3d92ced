"""A Lookout of many tenants as a process of its own, to be killed: takes alerts on standard input, not over HTTP.

HTTP has one tenant. So each line in is `[[tenant, alerts as Prometheus sends them], ...]`, and the line out says that
all of them are committed. The arguments are the database, the brokers, and the two topics.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec

from lookout.app import running
from lookout.clock import SystemClock
from lookout.config import Settings
from lookout.incidents.policy import Policy
from lookout.intake.work import Delivery
from lookout.intake.writer import Intake
from lookout.kafka import KafkaSettings
from lookout.logs import configure_logs
from lookout.sources import prometheus


async def main(dsn: str, brokers: str, incidents_topic: str, service_events_topic: str) -> None:
    kafka = KafkaSettings(brokers, incidents_topic=incidents_topic, service_events_topic=service_events_topic)
    settings = Settings("127.0.0.1", 0, Path(), dsn, None, Policy(), kafka=kafka)
    configure_logs()
    clock = SystemClock()
    async with running(settings, clock) as lookout:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while line := await asyncio.to_thread(sys.stdin.readline):
            batch: list[tuple[str, list[dict[str, Any]]]] = msgspec.json.decode(line)
            async with asyncio.TaskGroup() as group:
                for tenant_id, alerts in batch:
                    group.create_task(_deliver(lookout.parts.intake, clock, tenant_id, alerts))
            sys.stdout.write("committed\n")
            sys.stdout.flush()


async def _deliver(intake: Intake, clock: SystemClock, tenant_id: str, alerts: list[dict[str, Any]]) -> None:
    now = clock.now()
    parsed = prometheus.parse(msgspec.json.encode(alerts), now)
    await intake.deliver(Delivery(tenant_id, prometheus.NAME, now, parsed.alerts))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
