"""Two Alertmanager peers that do not hear of each other tell one group, each a little late: no flapping (I3, I7)."""

from datetime import datetime, timedelta
from typing import Any

from tests.driver import Driver

from lookout.incidents.incident import Status

PEER_TIMEOUT = timedelta(seconds=15)
"""What each peer waits for the ones before it (`--cluster.peer-timeout`)."""


def told(starts_at: datetime, ends_at: datetime | None = None, peer: int = 0) -> dict[str, Any]:
    """The group's one alert in a peer's words: each stamps the start with its own fraction of a second."""
    started = (starts_at + timedelta(microseconds=137 * peer)).isoformat()
    alert = {"labels": {"alertname": "Down", "job": "a"}, "startsAt": started}
    return alert if ends_at is None else alert | {"status": "resolved", "endsAt": ends_at.isoformat()}


async def _reasons(lookout: Driver, *alerts: dict[str, Any]) -> list[str]:
    return [receipt["reason"] for receipt in (await lookout.webhook(*alerts)).json()["receipts"]]


async def test_i3_firing_resolved_firing_resolved_of_two_peers_is_one_firing(lookout: Driver) -> None:
    started = lookout.clock.now()
    ended = started + timedelta(minutes=1)
    assert await _reasons(lookout, told(started)) == ["opened"]
    lookout.clock.move(minutes=2)
    assert await _reasons(lookout, told(started, ended)) == ["resolved"]
    lookout.clock.move(seconds=15)
    assert await _reasons(lookout, told(started, peer=1)) == ["stale"]
    lookout.clock.move(seconds=15)
    assert await _reasons(lookout, told(started, ended, peer=1)) == ["duplicate"]
    assert await lookout.types() == ["opened", "resolved"]


async def test_i3_the_slow_peers_firing_after_the_quick_peers_second_firing_is_silent(lookout: Driver) -> None:
    started = lookout.clock.now()
    again = started + timedelta(minutes=2)
    await lookout.webhook(told(started))
    await lookout.webhook(told(started, started + timedelta(minutes=1)))
    lookout.clock.move(minutes=2)
    assert await _reasons(lookout, told(again)) == ["reopened"]
    lookout.clock.move(seconds=15)
    assert await _reasons(lookout, told(started, started + timedelta(minutes=1), peer=1)) == ["held"]
    assert await _reasons(lookout, told(again, peer=1)) == ["duplicate"]
    assert (await lookout.only_incident()).status is Status.FIRING
    assert await lookout.types() == ["opened", "resolved", "reopened"]


async def test_what_both_peers_hold_ends_with_the_first_resolve_of_either(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.webhook(told(started))
    await lookout.webhook(told(started, peer=1))
    lookout.clock.move(minutes=5)
    await lookout.webhook(told(started, lookout.clock.now(), peer=1))
    assert (await lookout.only_incident()).status is Status.RESOLVED
