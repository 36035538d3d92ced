"""What is heard while a source answers is newer than its answer, and is left alone."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.asked import Prometheus
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.alerts.source import Source
from lookout.incidents.incident import Status
from lookout.incidents.policy import Policy


async def _asks_while(lookout: Driver, prometheus: Prometheus, happens: Callable[[], Awaitable[None]]) -> None:
    """Something happens between the question and its answer."""
    has_happened = False

    async def before_answer() -> None:
        nonlocal has_happened
        if not has_happened:
            has_happened = True
            lookout.clock.move(seconds=1)
            await happens()

    prometheus.before_answer = before_answer
    await lookout.reconciles()
    assert has_happened


async def test_a_message_that_comes_meanwhile_is_believed(start: Start, prometheus: Prometheus) -> None:
    async with start(Policy(sources={"prometheus": Source(prometheus_url=(prometheus.url,))})) as lookout:
        await lookout.until_asked()

        async def fires() -> None:
            await lookout.fires(job="a")

        await _asks_while(lookout, prometheus, fires)
        assert (await lookout.only_incident()).status is Status.FIRING


async def test_an_end_that_comes_meanwhile_is_believed(start: Start, prometheus: Prometheus) -> None:
    async with start(Policy(sources={"prometheus": Source(prometheus_url=(prometheus.url,))})) as lookout:
        await lookout.until_asked()
        started = lookout.clock.now()
        await lookout.fires(job="a")
        lookout.clock.move(minutes=1)
        prometheus.fires({"job": "a"})

        async def ends() -> None:
            await lookout.resolves(started, job="a")

        await _asks_while(lookout, prometheus, ends)
        assert await lookout.types() == ["opened", "resolved"]


async def test_i2_i7_replicas_that_ask_at_once_come_to_the_same(start: Start, prometheus: Prometheus) -> None:
    policy = Policy(sources={"prometheus": Source(prometheus_url=(prometheus.url,))})
    async with start(policy) as a, start(policy) as b:
        await a.until_asked()
        for job in "abc":
            await a.fires(job=job)
        a.clock.move(minutes=1)
        prometheus.fires({"job": "c"}, {"job": "d"})
        await asyncio.gather(*(lookout.reconciles() for lookout in (a, b, a, b)))
        statuses = {incident.labels["job"]: incident.status for incident in await a.incidents()}
        assert statuses == dict.fromkeys("ab", Status.RESOLVED) | dict.fromkeys("cd", Status.FIRING)
        assert sorted(await a.types()) == ["opened"] * 4 + ["resolved"] * 2
        assert (await a.rebuild()).equal, "I5"
