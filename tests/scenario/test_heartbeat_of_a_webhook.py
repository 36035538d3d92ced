"""A webhook's heartbeat may stay away for three fifths of the expiry, or for as long as is set."""

from datetime import datetime, timedelta
from typing import Any

from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.alerts.source import Source
from lookout.incidents.policy import Policy


def _watchdog(starts_at: datetime) -> dict[str, Any]:
    return {"labels": {"alertname": "Watchdog"}, "startsAt": starts_at.isoformat()}


async def test_with_default_repeat_intervals_one_repeat_may_be_late(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.webhook(_watchdog(started), {"labels": {"alertname": "Down"}, "startsAt": started.isoformat()})
    for _ in range(4):
        lookout.clock.move(hours=4, minutes=5)
        await lookout.ticks()
        await lookout.webhook(_watchdog(started), {"labels": {"alertname": "Down"}, "startsAt": started.isoformat()})
    assert await lookout.types() == ["opened"]
    lookout.clock.move(hours=7, minutes=12)
    await lookout.ticks()
    assert await lookout.types() == ["opened", "opened"]
    lookout.clock.move(hours=24)
    await lookout.ticks()
    assert await lookout.types() == ["opened", "opened"]


async def test_a_source_may_have_a_timeout_of_its_own(start: Start) -> None:
    policy = Policy(sources={"alertmanager": Source(heartbeat_timeout=timedelta(minutes=15))})
    async with start(policy) as lookout:
        await lookout.webhook(_watchdog(lookout.clock.now()))
        lookout.clock.move(minutes=14)
        await lookout.ticks()
        assert await lookout.types() == []
        lookout.clock.move(minutes=1)
        await lookout.ticks()
        assert await lookout.types() == ["opened"]


async def test_after_its_return_a_webhook_has_its_whole_expiry_to_repeat_what_fires(lookout: Driver) -> None:
    started = lookout.clock.now()
    message = {"labels": {"alertname": "Down"}, "startsAt": started.isoformat()}
    await lookout.webhook(_watchdog(started), message)
    lookout.clock.move(hours=24)
    await lookout.ticks()
    for _ in range(3):
        await lookout.webhook(_watchdog(started))
        lookout.clock.move(hours=4)
        await lookout.ticks()
    assert await lookout.stale() == {"Down": False}
    await lookout.webhook(_watchdog(started))
    lookout.clock.move(hours=1)
    await lookout.webhook(_watchdog(started))
    await lookout.ticks()
    assert await lookout.stale() == {}
