"""I7: a request that is sent again, byte for byte, adds no event, whichever path it comes by."""

from datetime import UTC, datetime

import pytest
from tests.clock import FakeClock
from tests.driver import Driver
from tests.unit.payloads import captured

REQUESTS = {
    "prometheus-2.42-post-alerts-firing.json": "/api/v2/alerts",
    "prometheus-2.42-post-alerts-full-batch-64.json": "/api/v2/alerts",
    "prometheus-2.42-post-alerts-resolved.json": "/api/v2/alerts",
    "prometheus-3.5-post-alerts-firing.json": "/api/v2/alerts",
    "alertmanager-0.25-webhook-firing.json": "/v1/alertmanager",
    "alertmanager-0.33-webhook-resolved.json": "/v1/alertmanager",
    "grafana-webhook-firing-from-docs.json": "/v1/grafana",
    "grafana-webhook-resolved-constructed.json": "/v1/grafana",
    "pagerduty-v2-trigger-from-openapi.json": "/v2/enqueue",
    "pagerduty-from-alertmanager-0.25-resolve.json": "/v2/enqueue",
}


@pytest.fixture
def clock() -> FakeClock:
    """After the captured end, and before the leases of the captured firings ran out."""
    return FakeClock(datetime(2026, 11, 23, 3, 55, 50, tzinfo=UTC))


@pytest.mark.parametrize("name", REQUESTS)
async def test_i7_a_real_request_again_is_silent(lookout: Driver, name: str) -> None:
    assert (await lookout.repeats_captured(REQUESTS[name], captured(name))).is_success
    incidents, events = await lookout.incidents(), await lookout.feed()
    assert bool(events) is ("resolve" not in name)
    for _ in range(3):
        lookout.clock.move(seconds=1)
        assert (await lookout.repeats_captured(REQUESTS[name], captured(name))).is_success
    assert (await lookout.incidents(), await lookout.feed()) == (incidents, events)
