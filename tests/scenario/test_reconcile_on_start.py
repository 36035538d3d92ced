"""A Lookout that was away asks its sources on its start: what ended meanwhile resolves, what began opens."""

from tests.asked import Alertmanager, Prometheus
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.alerts.source import Source
from lookout.incidents.incident import Resolution, Status
from lookout.incidents.policy import Policy


def _asking(prometheus: Prometheus) -> Policy:
    return Policy(sources={"prometheus": Source(prometheus_url=(prometheus.url,))})


async def _hears_and_is_away(start: Start, *jobs: str) -> None:
    async with start() as lookout:
        for job in jobs:
            await lookout.fires(job=job)
    lookout.clock.move(minutes=30)


async def _statuses(lookout: Driver) -> dict[str, Status]:
    return {incident.labels["job"]: incident.status for incident in await lookout.incidents()}


async def test_what_ended_while_lookout_was_away_is_reconciled(start: Start, prometheus: Prometheus) -> None:
    await _hears_and_is_away(start, "a", "b")
    prometheus.fires({"job": "b"})
    async with start(_asking(prometheus)) as lookout:
        await lookout.until_asked()
        assert await _statuses(lookout) == {"a": Status.RESOLVED, "b": Status.FIRING}
        (ended,) = await lookout.incidents(status="resolved")
        assert ended.resolution is Resolution.RECONCILED
        assert ended.resolved_at == lookout.clock.now()
        assert (await lookout.rebuild()).equal, "I5"


async def test_what_began_while_lookout_was_away_opens_and_its_message_is_silent(
    start: Start, prometheus: Prometheus
) -> None:
    prometheus.fires({"job": "a"})
    async with start(_asking(prometheus)) as lookout:
        await lookout.until_asked()
        opened = await lookout.only_incident()
        assert opened.started_at.isoformat() == "2026-01-01T11:59:00+00:00"
        (alert,) = await lookout.alerts_of(opened.id)
        assert alert.generator_url == f"{prometheus.url}/graph?g0.expr=up+%3D%3D+0&g0.tab=1"
        assert alert.last_received_at == lookout.clock.now()
        lookout.clock.move(minutes=1)
        await lookout.fires(job="a")
        assert await lookout.types() == ["opened"]


async def test_its_end_is_heard_at_once_though_its_start_was_a_guess(start: Start, prometheus: Prometheus) -> None:
    prometheus.fires({"job": "a"})
    async with start(_asking(prometheus)) as lookout:
        await lookout.until_asked()
        fired_at = lookout.clock.now()
        lookout.clock.move(minutes=1)
        await lookout.fires(starts_at=fired_at, job="a")
        lookout.clock.move(minutes=1)
        await lookout.resolves(fired_at, job="a")
        assert (await lookout.only_incident()).resolution is Resolution.SOURCE


async def test_what_goes_on_does_not_expire_before_its_sender_is_heard(start: Start, prometheus: Prometheus) -> None:
    await _hears_and_is_away(start, "a")
    prometheus.fires({"job": "a"})
    async with start(_asking(prometheus)) as lookout:
        await lookout.until_asked()
        lookout.clock.move(minutes=4, seconds=59)
        await lookout.ticks()
        assert await lookout.types() == ["opened"]
        lookout.clock.move(seconds=1)
        await lookout.ticks()
        assert (await lookout.only_incident()).resolution is Resolution.EXPIRED


async def test_external_labels_are_part_of_what_fires_and_tell_whose_it_is(
    start: Start, prometheus: Prometheus
) -> None:
    prometheus.external = {"cluster": "eu", "prometheus_replica": "one"}
    async with start() as lookout:
        await lookout.fires(job="a", cluster="eu", prometheus_replica="one")
        await lookout.fires(job="b", cluster="eu", prometheus_replica="two")
        await lookout.fires(job="c", cluster="us", prometheus_replica="one")
        await lookout.fires(job="d", cluster="eu", prometheus_replica="one")
        lookout.clock.move(minutes=1)
    prometheus.fires({"job": "d"}, {"job": "e"})
    async with start(_asking(prometheus)) as lookout:
        await lookout.until_asked()
        open_jobs = {job for job, status in (await _statuses(lookout)).items() if status is Status.FIRING}
        assert open_jobs == {"b", "c", "d", "e"}
        assert await lookout.types() == ["opened"] * 4 + ["resolved", "opened"]


async def test_alertmanagers_alerts_too_and_only_those_that_came_by_it(
    start: Start, alertmanager: Alertmanager
) -> None:
    async with start() as lookout:
        for job in "abc":
            await lookout.webhook({"labels": {"alertname": "Down", "job": job}})
        await lookout.fires(job="d")
        lookout.clock.move(minutes=1)
    alertmanager.has = [{"job": "b"}, {"job": "e"}]
    alertmanager.silenced = [{"job": "c"}, {"job": "f"}]
    policy = Policy(sources={"alertmanager": Source(alertmanager_url=(alertmanager.url,))})
    async with start(policy) as lookout:
        await lookout.until_asked()
        assert await _statuses(lookout) == {"a": Status.RESOLVED} | dict.fromkeys("bcde", Status.FIRING)
        (ended,) = await lookout.incidents(status="resolved")
        assert ended.resolution is Resolution.RECONCILED
