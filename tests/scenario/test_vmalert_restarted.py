"""vmalert restarted without `-remoteRead.url` has forgotten its alerts: they pend anew and start anew, or never end."""

from datetime import datetime, timedelta
from typing import Any

from tests.driver import Driver

from lookout.incidents.incident import Resolution, Status

INTERVAL = timedelta(seconds=30)


def evaluated(lookout: Driver, starts_at: datetime, ends_at: datetime | None = None) -> dict[str, Any]:
    """One alert in vmalert's form: nanoseconds, its own label, `endsAt` four intervals ahead."""
    ends_at = ends_at or lookout.clock.now() + 4 * INTERVAL
    return {
        "startsAt": f"{starts_at:%Y-%m-%dT%H:%M:%S}.{starts_at.microsecond:06}123Z",
        "generatorURL": "http://127.0.0.1:8880/vmalert/alert?group_id=1&alert_id=2",
        "endsAt": f"{ends_at:%Y-%m-%dT%H:%M:%S}.{ends_at.microsecond:06}456Z",
        "labels": {"alertgroup": "infra", "alertname": "Down", "job": "a"},
        "annotations": {},
    }


async def _evaluates(lookout: Driver, starts_at: datetime, times: int) -> None:
    for _ in range(times):
        (await lookout.post_alerts(evaluated(lookout, starts_at))).raise_for_status()
        lookout.clock.move(seconds=30)
        await lookout.ticks()


async def test_with_for_the_alert_pends_anew_and_the_incident_reopens(lookout: Driver) -> None:
    started = lookout.clock.now()
    await _evaluates(lookout, started, 4)
    lookout.clock.move(minutes=5)  # `for: 5m`: nothing is sent while it pends
    await lookout.ticks()
    assert (await lookout.only_incident()).resolution is Resolution.EXPIRED
    await _evaluates(lookout, lookout.clock.now() - INTERVAL, 4)
    incident = await lookout.only_incident()
    assert (incident.status, incident.reopen_count) == (Status.FIRING, 1)


async def test_without_for_the_new_start_goes_on_in_the_same_firing(lookout: Driver) -> None:
    started = lookout.clock.now()
    await _evaluates(lookout, started, 4)
    lookout.clock.move(seconds=20)
    again = lookout.clock.now()
    await _evaluates(lookout, again, 8)
    assert await lookout.types() == ["opened"]
    [alert] = await lookout.alerts_of((await lookout.only_incident()).id)
    assert alert.starts_at == started
    over = evaluated(lookout, again, lookout.clock.now())
    await lookout.post_alerts(over)
    assert (await lookout.only_incident()).resolution is Resolution.SOURCE


async def test_what_had_ended_before_it_was_back_is_never_told_and_expires(lookout: Driver) -> None:
    await _evaluates(lookout, lookout.clock.now(), 4)
    lookout.clock.move(minutes=10)
    await lookout.ticks()
    assert (await lookout.only_incident()).resolution is Resolution.EXPIRED
