"""What real Alertmanagers sent, byte for byte, against a Lookout whose clock stands shortly after."""

from datetime import UTC, datetime

import pytest
from tests.clock import FakeClock
from tests.driver import Driver
from tests.unit.payloads import captured, told_alerts

from lookout.incidents.incident import Status

PATH = "/v1/alertmanager"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 11, 23, 5, tzinfo=UTC))


@pytest.mark.parametrize("version", ["0.25", "0.33"])
async def test_a_real_group_fires_and_resolves(lookout: Driver, version: str) -> None:
    firing, resolved = (f"alertmanager-{version}-webhook-{status}.json" for status in ("firing", "resolved"))
    answer = (await lookout.repeats_captured(PATH, captured(firing))).raise_for_status().json()
    told = {alert["fingerprint"] for alert in told_alerts(firing)}
    assert {receipt["fingerprint"] for receipt in answer["receipts"]} == told
    assert (await lookout.only_incident()).status is Status.FIRING
    (await lookout.repeats_captured(PATH, captured(resolved))).raise_for_status()
    over = {alert["fingerprint"] for alert in told_alerts(resolved) if alert["status"] == "resolved"}
    alerts = await lookout.alerts_of((await lookout.only_incident()).id)
    assert {alert.fingerprint for alert in alerts if alert.ends_at is not None} == over & told


async def test_i7_the_same_real_group_again_is_silent(lookout: Driver) -> None:
    body = captured("alertmanager-0.33-webhook-firing.json")
    await lookout.repeats_captured(PATH, body)
    events = await lookout.feed()
    receipts = (await lookout.repeats_captured(PATH, body)).json()["receipts"]
    assert {receipt["reason"] for receipt in receipts} == {"duplicate"}
    assert await lookout.feed() == events


async def test_i7_the_second_of_two_real_ha_peers_is_silent(lookout: Driver) -> None:
    """The peers' starts differ by a fraction of a second."""
    for half in ("1of2", "2of2"):
        await lookout.repeats_captured(PATH, captured(f"alertmanager-0.33-webhook-ha-duplicate-{half}.json"))
    assert await lookout.types() == ["opened"]


async def test_a_truncated_real_message_keeps_what_it_has(lookout: Driver) -> None:
    name = "alertmanager-0.25-webhook-truncated-max_alerts-2.json"
    answer = (await lookout.repeats_captured(PATH, captured(name))).raise_for_status()
    assert len(answer.json()["receipts"]) == len(told_alerts(name)) == 2


async def test_what_a_real_prometheus_sends_is_the_same_alert_as_what_its_alertmanager_sends(lookout: Driver) -> None:
    body = captured("prometheus-2.42-post-alerts-firing.json")
    assert (await lookout.repeats_captured("/api/v2/alerts", body)).status_code == 200
    told = told_alerts("prometheus-2.42-post-alerts-firing.json")
    answer = await lookout.webhook(*({"labels": alert["labels"], "startsAt": alert["startsAt"]} for alert in told))
    assert {receipt["reason"] for receipt in answer.json()["receipts"]} <= {"duplicate", "stale"}
