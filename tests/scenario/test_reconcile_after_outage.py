"""A Lookout that could not listen for a while asks its sources when it can again."""

from tests.asked import Prometheus
from tests.scenario.conftest import Start

from lookout.alerts.source import Source
from lookout.api.parts import LOCAL_TENANT
from lookout.incidents.incident import Resolution
from lookout.incidents.policy import Policy
from lookout.reconcile import INTERVAL, RETRY_AFTER


async def test_after_an_outage_of_the_database(start: Start, prometheus: Prometheus) -> None:
    async with start(Policy(sources={"prometheus": Source(prometheus_url=(prometheus.url,))})) as lookout:
        await lookout.until_asked()
        started = lookout.clock.now()
        await lookout.fires(job="a")
        async with lookout.database_away():
            await lookout.after_all_tries(lookout.post_alerts(lookout.alert({"job": "a"}, starts_at=started)))
            lookout.clock.move(seconds=INTERVAL.total_seconds())
            await lookout.until_asked()
        lookout.clock.move(seconds=RETRY_AFTER.total_seconds())
        await lookout.until_asked()
        incident = await lookout.only_incident()
        assert incident.resolution is Resolution.RECONCILED
        asked = len(prometheus.asked)
        lookout.clock.move(hours=1)
        await lookout.until_asked()
        assert len(prometheus.asked) == asked, "once is enough"


async def test_when_it_has_another_address(start: Start, prometheus: Prometheus) -> None:
    async with start() as lookout:
        await lookout.until_asked()
        assert prometheus.asked == []
        prometheus.fires({"job": "a"})
        lookout.running.parts.intake.policy = Policy(sources={"prometheus": Source(prometheus_url=(prometheus.url,))})
        lookout.clock.move(seconds=INTERVAL.total_seconds())
        await lookout.until_asked()
        assert await lookout.types() == ["opened"]


async def test_when_it_is_requested_for_a_source(start: Start, prometheus: Prometheus) -> None:
    async with start(Policy(sources={"prometheus": Source(prometheus_url=(prometheus.url,))})) as lookout:
        await lookout.until_asked()
        prometheus.fires({"job": "a"})
        request = lookout.running.parts.reconciler.request
        request("another tenant", "prometheus")
        request(LOCAL_TENANT, "grafana")
        lookout.clock.move(seconds=INTERVAL.total_seconds())
        await lookout.until_asked()
        assert await lookout.types() == []
        request(LOCAL_TENANT, "prometheus")
        lookout.clock.move(seconds=INTERVAL.total_seconds())
        await lookout.until_asked()
        assert await lookout.types() == ["opened"]
