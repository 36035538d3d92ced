"""What is postponed: changes of alerts whose incident has told enough for the moment.

They stand beside the log, as leases do, and are told together when they are due: one event for all that is so by then.
What has been undone in the meantime is not told at all.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from lookout.alerts.alert import AlertStatus
from lookout.incidents.events import AlertChange, AlertsChanged, Change, Escalated, Opened, Reopened
from lookout.incidents.incident import Incident, Resolution
from lookout.incidents.policy import Pace


class Postponed(msgspec.Struct, frozen=True, gc=False):
    """A change that is not told yet. `due_at` is the same for all of a dedup key; `resolution` is how an end came."""

    dedup_key: str
    due_at: datetime
    change: AlertChange
    resolution: Resolution = Resolution.SOURCE

    @property
    def status(self) -> AlertStatus:
        return self.change.status


class Postponements:
    """Those of a working set, one for each alert. `changed` and `forgotten` are what is to be written."""

    def __init__(self) -> None:
        self.changed: dict[str, Postponed] = {}
        self.forgotten: set[str] = set()
        self._known: dict[str, Postponed] = {}
        self._of_key: dict[str, set[str]] = {}
        self._due_at: dict[str, datetime] = {}

    def know(self, postponed: Postponed) -> None:
        """Take one in as it is stored."""
        self._known[postponed.change.fingerprint] = postponed
        self._of_key.setdefault(postponed.dedup_key, set()).add(postponed.change.fingerprint)
        self._due_at[postponed.dedup_key] = postponed.due_at

    def of(self, fingerprint: str) -> Postponed | None:
        """What is postponed about an alert."""
        return self._known.get(fingerprint)

    def due_at(self, dedup_key: str) -> datetime | None:
        """When what is postponed of a group is due, None if nothing is."""
        return self._due_at.get(dedup_key)

    def put(self, postponed: Postponed) -> None:
        """Postpone a change, in the place of what was postponed about the same alert."""
        self.drop(postponed.change.fingerprint)
        self.know(postponed)
        self.changed[postponed.change.fingerprint] = postponed
        self.forgotten.discard(postponed.change.fingerprint)

    def drop(self, fingerprint: str) -> Postponed | None:
        """Postpone nothing about an alert any more. Returns what was."""
        postponed = self._known.pop(fingerprint, None)
        if postponed is not None:
            self._of_key[postponed.dedup_key].discard(fingerprint)
            self.changed.pop(fingerprint, None)
            self.forgotten.add(fingerprint)
        return postponed

    def due_keys(self, now: datetime, pace: Pace) -> list[str]:
        """The dedup keys of what is due at `now`.

        Nothing waits for as long as `pace` remembers: it was postponed by a process whose clock was ahead.
        """
        return [key for key, due_at in self._due_at.items() if not now < due_at <= now + pace.memory]

    def take(self, dedup_key: str) -> list[Postponed]:
        """All of a group. It is postponed no more."""
        self._due_at.pop(dedup_key, None)
        dropped = [self.drop(fingerprint) for fingerprint in sorted(self._of_key.get(dedup_key, ()))]
        return [postponed for postponed in dropped if postponed is not None]


def waits_until(
    incident: Incident,
    change: Change,
    told: Sequence[datetime],
    due_at: datetime | None,
    pace: Pace,
    now: datetime,
) -> datetime | None:
    """Until when a decided `change` of `incident` waits, None if it is told at once.

    `told` are the times of the incident's last events, those that alerts made, in order; `due_at` is when what waits
    already is due. First news never wait: an opening, a rise of the severity. All else waits with what waits, so that
    it is told in order; and else while the incident has told enough. What was told by a clock that was ahead was told
    now at the latest.
    """
    if isinstance(change, Opened | Escalated) or _is_worse(change, incident):
        return None
    if due_at is not None:
        return due_at
    if not told:
        return None
    if incident.flapping_until is not None and incident.flapping_until > now:
        free_at = min(told[-1], now) + pace.flapping_interval
    elif isinstance(change, AlertsChanged) and _is_much(told, pace, now):
        free_at = min(told[-1], now) + pace.interval
    else:
        return None
    return free_at if free_at > now else None


def _is_worse(change: Change, incident: Incident) -> bool:
    return isinstance(change, Reopened) and change.severity.rank > incident.severity.rank


def _is_much(told: Sequence[datetime], pace: Pace, now: datetime) -> bool:
    """Whether the burst that may come at once is used up."""
    return len(told) >= pace.burst and told[-pace.burst] > now - pace.burst * pace.interval
