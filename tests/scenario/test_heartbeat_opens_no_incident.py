"""A heartbeat opens no incident, whatever path it comes by."""

from typing import Any

import pytest
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.alerts.source import Source
from lookout.incidents.policy import Policy

WATCHDOG: dict[str, Any] = {"status": "firing", "labels": {"alertname": "Watchdog", "severity": "none"}}


async def test_from_prometheus(lookout: Driver) -> None:
    await lookout.beats()
    await lookout.beats()
    assert await lookout.types() == []


@pytest.mark.parametrize(("path", "version"), [("/v1/alertmanager", "4"), ("/v1/grafana", "1")])
async def test_from_a_webhook_whose_other_alerts_are_taken(lookout: Driver, path: str, version: str) -> None:
    other = {"status": "firing", "labels": {"alertname": "Down"}}
    answer = await lookout.http.post(path, json={"version": version, "alerts": [WATCHDOG, other, WATCHDOG]})
    receipts = answer.json()["receipts"]
    assert [(receipt["outcome"], receipt["reason"]) for receipt in receipts] == [
        ("silent", "heartbeat"),
        ("recorded", "opened"),
        ("silent", "heartbeat"),
    ]
    assert receipts[0]["incident_id"] is None
    assert await lookout.types() == ["opened"]


async def test_a_source_may_have_another_name_for_it_or_none(start: Start) -> None:
    policy = Policy(sources={"prometheus": Source(heartbeat="AlwaysOn"), "alertmanager": Source(heartbeat="")})
    async with start(policy) as lookout:
        await lookout.fires(alertname="AlwaysOn")
        assert await lookout.types() == []
        await lookout.beats()
        await lookout.webhook({"labels": {"alertname": "Watchdog", "job": "other"}})
        await lookout.webhook({"labels": {"job": "without a name"}})
        assert await lookout.types() == ["opened", "opened", "opened"]


async def test_an_alert_that_the_policy_names_from_now_on_is_an_incident_no_more(start: Start) -> None:
    async with start() as lookout:
        await lookout.fires(alertname="AlwaysOn")
        assert await lookout.types() == ["opened"]
    async with start(Policy(sources={"prometheus": Source(heartbeat="AlwaysOn")})) as lookout:
        await lookout.post_alerts(*[lookout.alert({"alertname": "AlwaysOn"})] * 2)
        assert await lookout.types() == ["opened", "resolved"]
        assert (await lookout.rebuild()).equal


async def test_a_heartbeat_that_the_policy_names_no_more_is_watched_no_more(start: Start) -> None:
    async with start() as lookout:
        await lookout.beats()
        lookout.clock.move(minutes=3)
        await lookout.ticks()
        assert await lookout.types() == ["opened"]
    async with start(Policy(sources={"prometheus": Source(heartbeat="")})) as lookout:
        await lookout.ticks()
        await lookout.ticks()
        assert await lookout.types() == ["opened", "resolved"]
        assert await lookout.sql("SELECT * FROM heartbeats") == []
