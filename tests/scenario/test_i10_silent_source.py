"""I10: when a source with a heartbeat dies, its alerts are kept as stale; nothing resolves."""

import pytest
from tests.driver import Driver

from lookout.incidents.incident import Status

pytestmark = pytest.mark.anyio


async def test_i10_a_prometheus_that_dies_is_told_and_resolves_nothing(lookout: Driver) -> None:
    await lookout.fires(alertname="Watchdog", severity="none")
    await lookout.fires(job="a")
    assert await lookout.types() == ["opened"]
    lookout.clock.move(minutes=3)
    await lookout.ticks()
    assert await lookout.types() == ["opened", "opened"]
    silent, down = await lookout.incidents()
    assert silent.title == "SourceSilent"
    assert silent.severity == "critical"
    assert silent.summary == "prometheus is silent: its heartbeat Watchdog was last heard at 2026-01-01T12:00:00Z"
    for _ in range(50):
        lookout.clock.move(hours=1)
        await lookout.ticks()
    assert await lookout.types() == ["opened", "opened"]
    assert (await lookout.incident(down.id)).status is Status.FIRING
    report = await lookout.rebuild()
    assert report.equal
