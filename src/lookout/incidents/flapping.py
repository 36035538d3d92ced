"""Flapping: an incident that resolves and fires again, over and over. Counted by Lookout's time, as people are told."""

from datetime import datetime
from typing import NamedTuple

from lookout.incidents.incident import Incident
from lookout.incidents.policy import Pace


class Swing(NamedTuple):
    """An incident's last changes of state, and until when it flaps, None if it does not."""

    state_changes: tuple[datetime, ...]
    flapping_until: datetime | None


def swing(incident: Incident, now: datetime, pace: Pace) -> Swing:
    """What another change of state at `now` makes of `incident`.

    More changes than the policy admits within its window mark it, for a window from the last one that was too many.
    """
    changes = (*incident.state_changes, now)[-pace.flapping_changes - 1 :]
    if len(changes) > pace.flapping_changes and now - changes[0] <= pace.flapping_window:
        return Swing(changes, now + pace.flapping_window)
    return Swing(changes, incident.flapping_until if _flaps(incident, now) else None)


def _flaps(incident: Incident, now: datetime) -> bool:
    return incident.flapping_until is not None and incident.flapping_until > now
