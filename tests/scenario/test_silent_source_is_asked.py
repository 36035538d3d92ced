"""A source that was silent and returns is asked what fires, where it can be: what ended meanwhile ends at once."""

from tests.asked import Prometheus
from tests.scenario.conftest import Start

from lookout.alerts.source import Source
from lookout.incidents.incident import Resolution
from lookout.incidents.policy import Policy
from lookout.reconcile import INTERVAL


async def test_what_ended_while_it_was_silent_is_reconciled(start: Start, prometheus: Prometheus) -> None:
    async with start(Policy(sources={"prometheus": Source(prometheus_url=(prometheus.url,))})) as lookout:
        await lookout.until_asked()
        await lookout.beats()
        await lookout.fires(job="lasts")
        await lookout.fires(job="ends")
        lookout.clock.move(hours=1)
        await lookout.ticks()
        await lookout.until_asked()
        assert await lookout.stale() == {"SourceSilent": False, "Down (job=lasts)": True, "Down (job=ends)": True}
        prometheus.fires({"job": "lasts"})
        await lookout.beats()
        lookout.clock.move(seconds=INTERVAL.total_seconds())
        await lookout.until_asked()
        assert {incident.title: incident.resolution for incident in await lookout.incidents()} == {
            "SourceSilent": Resolution.SOURCE,
            "Down (job=lasts)": None,
            "Down (job=ends)": Resolution.RECONCILED,
        }
        assert (await lookout.rebuild()).equal
