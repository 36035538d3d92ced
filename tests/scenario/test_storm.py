"""I8: 50,000 alerts in 10 seconds add a bounded number of events, and in the end all counts are exact."""

from collections import Counter
from datetime import timedelta

from tests.driver import Driver

from lookout.incidents.policy import Pace

JOBS = 5
STEPS = 100
ALERTS_OF_A_STEP = 500
STEP = 0.1
BEGINNINGS = 80
"""Steps in which alerts begin; in the others those of the first steps end."""


def _alerts(lookout: Driver, step: int, began: float, *, ended: bool) -> list[dict[str, object]]:
    starts_at = lookout.clock.now() - timedelta(seconds=began)
    return [
        lookout.alert(
            {"job": str(number % JOBS), "instance": f"{step}-{number}"},
            starts_at=starts_at,
            ends_at=lookout.clock.now() if ended else None,
        )
        for number in range(ALERTS_OF_A_STEP)
    ]


async def test_i8_a_storm_is_told_in_a_bounded_number_of_events_and_in_full(lookout: Driver) -> None:
    for step in range(STEPS):
        begins = step < BEGINNINGS
        which = step if begins else step - BEGINNINGS
        alerts = _alerts(lookout, which, (step - which) * STEP, ended=not begins)
        (await lookout.post_alerts(*alerts)).raise_for_status()
        lookout.clock.move(seconds=STEP)
    lookout.clock.move(seconds=1)
    await lookout.ticks()
    incidents = await lookout.incidents()
    told = BEGINNINGS * ALERTS_OF_A_STEP // JOBS
    fire = told - (STEPS - BEGINNINGS) * ALERTS_OF_A_STEP // JOBS
    assert [(i.firing_alerts, i.total_alerts) for i in incidents] == [(fire, told)] * JOBS
    pace, seconds = Pace(), (STEPS * STEP + 1)
    events = Counter(event.incident.id for event in await lookout.feed())
    assert max(events.values()) <= pace.burst + seconds / pace.interval.total_seconds() + 1
    shown = await lookout.http.get("/api/v2/alerts")
    assert len(shown.json()) == fire * JOBS
    report = await lookout.rebuild()
    assert report.equal, report.lines
