"""`send_resolved: false`, and Grafana's "Disable resolved message": firings are told and ends are not."""

from typing import Any

import httpx
import pytest
from tests.driver import Driver

from lookout.incidents.incident import Resolution, Status

SENDERS = ["alertmanager", "grafana"]


async def _tells(lookout: Driver, sender: str, starts_at: str) -> None:
    if sender == "alertmanager":
        answer = await lookout.webhook({"labels": {"alertname": "Down", "job": "a"}, "startsAt": starts_at})
    else:
        answer = await _grafana(lookout, {"labels": {"alertname": "Down", "job": "a"}, "startsAt": starts_at})
    assert answer.raise_for_status().json()["rejected"] == []


async def _grafana(lookout: Driver, alert: dict[str, Any]) -> httpx.Response:
    told = {"status": "firing", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "57c6d9296de2ad39", **alert}
    return await lookout.http.post("/v1/grafana", json={"version": "1", "state": "alerting", "alerts": [told]})


@pytest.mark.parametrize("sender", SENDERS)
async def test_it_expires_twelve_hours_after_its_last_repeat(lookout: Driver, sender: str) -> None:
    started = lookout.clock.now().isoformat()
    for _ in range(3):
        await _tells(lookout, sender, started)
        lookout.clock.move(hours=4)
    lookout.clock.move(hours=7, minutes=59)
    await lookout.ticks()
    assert (await lookout.only_incident()).status is Status.FIRING
    lookout.clock.move(minutes=1)
    await lookout.ticks()
    assert (await lookout.only_incident()).resolution is Resolution.EXPIRED
    assert await lookout.types() == ["opened", "resolved"]


@pytest.mark.parametrize("sender", SENDERS)
async def test_i7_another_firing_before_that_cannot_be_told_from_the_first(lookout: Driver, sender: str) -> None:
    for _ in range(3):
        await _tells(lookout, sender, lookout.clock.now().isoformat())
        lookout.clock.move(hours=3)
        await lookout.ticks()
    incident = await lookout.only_incident()
    assert (incident.status, incident.total_alerts) == (Status.FIRING, 1)
    assert await lookout.types() == ["opened"]
