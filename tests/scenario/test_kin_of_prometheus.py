"""vmalert, the rulers of Loki, Mimir and Thanos, and Grafana's own: nothing special is needed for any of them."""

from datetime import datetime

import httpx
import pytest
from tests.clock import FakeClock
from tests.driver import Driver
from tests.unit.payloads import KIN, captured, captured_headers, told_alerts

from lookout.incidents.incident import Status

NAMES = [name for name in KIN if "resolved" not in name]


@pytest.fixture
def clock(name: str) -> FakeClock:
    """When it was sent: all of it has just begun."""
    return FakeClock(datetime.fromisoformat(max(alert["startsAt"] for alert in told_alerts(name))))


async def _posts(lookout: Driver, name: str) -> httpx.Response:
    return await lookout.http.post("/api/v2/alerts", content=captured(name), headers=captured_headers(name))


@pytest.mark.parametrize("name", NAMES)
async def test_its_alerts_are_one_incident_and_its_resend_is_silent(lookout: Driver, name: str) -> None:
    for _ in range(2):
        answer = await _posts(lookout, name)
        assert (answer.status_code, answer.content) == (200, b"")
    incident = await lookout.only_incident()
    assert (incident.status, incident.firing_alerts) == (Status.FIRING, len(told_alerts(name)))
    assert await lookout.types() == ["opened"]


@pytest.mark.parametrize(
    "name", ["loki-ruler-post-alerts-constructed.json", "mimir-ruler-post-alerts-constructed.json"]
)
async def test_the_tenant_of_a_ruler_is_a_header_that_moves_no_alert(lookout: Driver, name: str) -> None:
    """Whose alert it is comes from who sends: a header that anybody can write does not place it."""
    assert "X-Scope-OrgID" in captured_headers(name)
    await _posts(lookout, name)
    rows = await lookout.sql("SELECT DISTINCT tenant_id FROM incidents")
    assert [row["tenant_id"] for row in rows] == ["default"]
    others = await lookout.http.get("/v1/incidents", headers={"X-Scope-OrgID": "another"})
    assert len(others.json()["incidents"]) == 1
