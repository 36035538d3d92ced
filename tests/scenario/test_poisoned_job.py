"""What one request makes go wrong costs the others of its batch nothing."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import asyncpg
import pytest
from structlog.testing import capture_logs
from tests.asked import Prometheus
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.alerts.alert import Alert, label_set
from lookout.alerts.source import Source
from lookout.incidents.ledger import Ledger, Receipt
from lookout.incidents.policy import Policy
from lookout.incidents.reconcile import Comparison, Finding
from lookout.intake.commits import RETRY_AFTER, TRIES

POISON = "poison"


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A ledger that fails on one alert. Gives out how many alerts came to each of its tries."""
    sizes: list[int] = []
    take = Ledger.take

    def fail(self: Ledger, alerts: Sequence[Alert], now: datetime) -> list[Receipt]:
        sizes.append(len(alerts))
        if any(alert.labels.get("job") == POISON for alert in alerts):
            raise RuntimeError("a secret of the inside")
        return take(self, alerts, now)

    monkeypatch.setattr(Ledger, "take", fail)
    return sizes


async def test_the_others_of_its_batch_are_stored_and_answered(lookout: Driver, poisoned: list[int]) -> None:
    await lookout.fires(job="first")
    jobs = ["a", POISON, "b", "c"]
    async with lookout.feed_is_locked():
        head = asyncio.create_task(lookout.post_alerts(lookout.alert({"job": "head"})))
        await lookout.until_waiting(1)
        posting = [asyncio.create_task(lookout.post_alerts(lookout.alert({"job": job}))) for job in jobs]
        await lookout.until_waiting(5)
    answers = await asyncio.gather(*posting)
    assert (await head).status_code == 200
    assert 4 in poisoned, "the four were one batch"
    assert [answer.status_code for answer in answers] == [200, 500, 200, 200]
    assert answers[1].json() == {"error": "internal error"}
    titles = {incident.title for incident in await lookout.incidents()}
    assert titles == {f"Down (job={job})" for job in ("first", "head", "a", "b", "c")}


async def test_the_writer_goes_on_after_it(lookout: Driver, poisoned: list[int]) -> None:
    assert (await lookout.post_alerts(lookout.alert({"job": POISON}))).status_code == 500
    await lookout.fires(job="a")
    assert (await lookout.only_incident()).title == "Down (job=a)"
    assert poisoned == [1, 1]


async def test_once_the_database_is_away_the_others_of_its_batch_do_not_each_wait_for_it(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def fail(_: Ledger, alerts: Sequence[Alert], now: datetime) -> list[Receipt]:
        sizes.append(len(alerts))
        raise RuntimeError if len(sizes) == TRIES + 1 else asyncpg.ConnectionDoesNotExistError

    await lookout.fires(job="first")
    async with lookout.feed_is_locked():
        head = asyncio.create_task(lookout.post_alerts(lookout.alert({"job": "head"})))
        await lookout.until_waiting(1)
        posting = [asyncio.create_task(lookout.post_alerts(lookout.alert({"job": job}))) for job in "abcd"]
        await lookout.until_waiting(5)
        monkeypatch.setattr(Ledger, "take", fail)
    seconds = RETRY_AFTER.total_seconds()
    for _ in range(2 * (TRIES - 1)):
        await lookout.clock.until_asleep(seconds=seconds)
        lookout.clock.move(seconds=seconds)
    answers = await asyncio.gather(head, *posting)
    assert [answer.status_code for answer in answers] == [503] * 5
    assert sizes == [1] * TRIES + [4] + [1] * TRIES
    assert lookout.running.parts.intake.waiting == 0


async def test_an_alert_that_cannot_be_reconciled_keeps_no_other_from_it(
    start: Start, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    prometheus.fires(*({"job": job} for job in ("a", POISON, "b", "c")))
    fingerprint = label_set({"alertname": "Down", "job": POISON}).fingerprint
    reconcile = Ledger.reconcile

    def fail(self: Ledger, fingerprints: Sequence[str], comparison: Comparison, now: datetime) -> list[Finding]:
        if fingerprint in fingerprints:
            raise RuntimeError("a secret of the inside")
        return reconcile(self, fingerprints, comparison, now)

    monkeypatch.setattr(Ledger, "reconcile", fail)
    policy = Policy(sources={"prometheus": Source(prometheus_url=(prometheus.url,))})
    with capture_logs() as logs:
        async with start(policy) as lookout:
            await lookout.until_asked()
            assert {incident.labels["job"] for incident in await lookout.incidents()} == {"a", "b", "c"}
    told = [line["fingerprint"] for line in logs if line.get("action") == "not_reconciled"]
    assert told == [fingerprint]


async def test_an_alert_that_cannot_be_ended_keeps_no_other_from_its_end(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job in ("a", "b", "c"):
        await lookout.fires(job=job)
    poison = (await lookout.incidents())[1]
    alerts = (await lookout.http.get(f"/v1/incidents/{poison.id}/alerts")).json()["alerts"]
    expire = Ledger.expire

    def fail(self: Ledger, fingerprints: Sequence[str], now: datetime, listening_since: datetime) -> None:
        if alerts[0]["fingerprint"] in fingerprints:
            raise RuntimeError("a secret of the inside")
        expire(self, fingerprints, now, listening_since)

    monkeypatch.setattr(Ledger, "expire", fail)
    lookout.clock.move(minutes=6)
    await lookout.ticks()
    assert [incident.id for incident in await lookout.incidents(status="firing")] == [poison.id]
