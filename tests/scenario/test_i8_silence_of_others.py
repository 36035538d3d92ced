"""I8: while one tenant is refused its silence proves nothing, and that of all others counts as ever."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.access import ACCESS, SERVICE, bearer, make_tenants
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.api import bodies
from lookout.limits import BURST_SECONDS, USUAL, Limits

TENANTS = ("storm", "quiet")


@pytest.fixture
async def lookout(start: Start) -> AsyncIterator[Driver]:
    """A Lookout where the Watchdog of each of two tenants fires."""
    async with start(access=ACCESS, limits=Limits(ingest_rate=1)) as driver:
        await make_tenants(driver, *TENANTS)
        for tenant_id in TENANTS:
            await post(driver, tenant_id, {"alertname": "Watchdog"})
        yield driver


def of(tenant_id: str) -> dict[str, str]:
    return bearer(SERVICE, **{"X-Tenant-ID": tenant_id})


async def post(lookout: Driver, tenant_id: str, *labels: dict[str, str]) -> int:
    alerts = [lookout.alert(each) for each in labels]
    return (await lookout.http.post("/api/v2/alerts", json=alerts, headers=of(tenant_id))).status_code


async def open_titles(lookout: Driver, tenant_id: str) -> set[str]:
    answer = await lookout.http.get("/v1/incidents", params={"status": "open"}, headers=of(tenant_id))
    found: list[dict[str, Any]] = answer.json()["incidents"]
    return {incident["title"].partition(" ")[0] for incident in found}


async def refused_by_the_queue(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not for longer: the timers, too, hand in what they found, and their own may do so beside the test's.
    with monkeypatch.context() as patch:
        patch.setattr(lookout.running.parts.intake, "_limits", Limits(tenant_queue=1))
        async with lookout.feed_is_locked("storm"):
            waiting = asyncio.create_task(post(lookout, "storm", {"job": "x"}))
            await lookout.until_waiting(1)
            assert await post(lookout, "storm", {}) == 503
        assert await waiting == 200


async def refused_by_the_rate(lookout: Driver, _: pytest.MonkeyPatch) -> None:
    statuses = [await post(lookout, "storm") for _ in range(BURST_SECONDS + 1)]
    assert statuses[-1] == 503


async def refused_by_size(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(bodies, "TENANT_PART", 2 * USUAL.bodies_bytes)
        assert await post(lookout, "storm", {}) == 503


@pytest.mark.parametrize("refused", [refused_by_the_queue, refused_by_the_rate, refused_by_size])
async def test_i8_a_refused_tenant_is_not_taken_for_silent_and_the_others_are(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch, refused: Callable[[Driver, pytest.MonkeyPatch], Any]
) -> None:
    lookout.clock.move(minutes=2, seconds=50)
    await refused(lookout, monkeypatch)
    lookout.clock.move(seconds=15)
    await lookout.ticks()
    assert "SourceSilent" in await open_titles(lookout, "quiet")
    assert "SourceSilent" not in await open_titles(lookout, "storm")
    # From the last refusal on its silence counts.
    lookout.clock.move(minutes=3)
    await lookout.ticks()
    assert "SourceSilent" in await open_titles(lookout, "storm")


async def test_i8_an_alert_of_another_tenant_runs_out_while_one_is_refused(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start(access=ACCESS) as lookout:
        await make_tenants(lookout, *TENANTS)
        for tenant_id in TENANTS:
            await post(lookout, tenant_id, {})
        lookout.clock.move(minutes=4, seconds=50)
        await refused_by_size(lookout, monkeypatch)
        lookout.clock.move(seconds=15)
        await lookout.ticks()
        assert [await open_titles(lookout, tenant_id) for tenant_id in TENANTS] == [{"Down"}, set()]
        lookout.clock.move(minutes=1)
        await lookout.ticks()
        assert await open_titles(lookout, "storm") == set()
