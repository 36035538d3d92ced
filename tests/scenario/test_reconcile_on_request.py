"""`POST /v1/reconcile` asks the sources now, and says what it found."""

import asyncio

from tests.asked import Alertmanager, Prometheus
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.alerts.source import Source
from lookout.incidents.policy import Policy
from lookout.incidents.transitions import Reason
from lookout.reconcile import WAITING_LIMIT


def _with_password(url: str) -> str:
    return url.replace("http://", "http://jo:secret@")


async def test_it_tells_each_source_its_addresses_and_what_differed(
    start: Start, prometheus: Prometheus, alertmanager: Alertmanager
) -> None:
    sources = {
        "prometheus": Source(prometheus_url=(prometheus.url,)),
        "alertmanager": Source(alertmanager_url=(alertmanager.url,)),
    }
    async with start(Policy(sources=sources)) as lookout:
        await lookout.until_asked()
        await lookout.fires(job="a")
        lookout.clock.move(minutes=1)
        prometheus.fires({"job": "b"}, {"job": "c"})
        alertmanager.has = [{"job": "c"}]
        first, second = await lookout.reconciles()
        assert (first.source, first.addresses[0].url, first.addresses[0].firing) == ("prometheus", prometheus.url, 2)
        assert (first.began, first.ended) == (2, 1)
        assert [(found.is_firing, found.reason) for found in first.alerts] == [
            (False, Reason.RESOLVED),
            (True, Reason.OPENED),
            (True, Reason.OPENED),
        ]
        incidents = {incident.id: incident for incident in await lookout.incidents()}
        assert [incidents[str(found.incident_id)].labels["job"] for found in first.alerts] == ["a", "b", "c"]
        assert (second.source, second.addresses[0].firing) == ("alertmanager", 1)
        assert (second.began, second.ended, second.alerts) == (0, 0, [])
        again = await lookout.reconciles()
        assert [(source.began, source.ended) for source in again] == [(0, 0), (0, 0)]


async def test_i7_both_agreeing_adds_nothing(start: Start, prometheus: Prometheus) -> None:
    async with start(Policy(sources={"prometheus": Source(prometheus_url=(prometheus.url,))})) as lookout:
        await lookout.until_asked()
        await lookout.fires(job="a")
        before = await lookout.sql("SELECT * FROM leases")
        prometheus.fires({"job": "a"})
        lookout.clock.move(minutes=1)
        await lookout.reconciles()
        assert await lookout.types() == ["opened"]
        assert await lookout.sql("SELECT * FROM leases") == before


async def test_a_password_is_sent_and_shown_nowhere(start: Start, prometheus: Prometheus) -> None:
    prometheus.fires({"job": "a"})
    sources = {"prometheus": Source(prometheus_url=(_with_password(prometheus.url),))}
    async with start(Policy(sources=sources)) as lookout:
        answer = await lookout.http.post("/v1/reconcile", json={})
        assert "secret" not in answer.text
        assert answer.json()["sources"][0]["addresses"][0]["url"] == prometheus.url
        assert {line.partition(": ")[2] for line in prometheus.authorizations} == {"Basic am86c2VjcmV0"}
        (alert,) = await lookout.alerts_of((await lookout.only_incident()).id)
        assert alert.generator_url.startswith(prometheus.url)


async def test_without_an_address_it_says_which_setting_is_missing(lookout: Driver) -> None:
    answer = await lookout.http.post("/v1/reconcile", json={})
    assert answer.status_code == 409
    assert "sources.prometheus.prometheus_url" in answer.json()["error"]


async def test_i8_only_so_many_may_wait_for_it(start: Start, prometheus: Prometheus) -> None:
    may_answer = asyncio.Event()

    async def until_allowed() -> None:
        await may_answer.wait()

    prometheus.before_answer = until_allowed
    async with start(Policy(sources={"prometheus": Source(prometheus_url=(prometheus.url,))})) as lookout:
        asking = [asyncio.create_task(lookout.http.post("/v1/reconcile", json={})) for _ in range(WAITING_LIMIT + 1)]
        done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().status_code for task in done] == [503]
        may_answer.set()
        answers = await asyncio.gather(*asking)
        assert sorted(answer.status_code for answer in answers) == [200] * WAITING_LIMIT + [503]
