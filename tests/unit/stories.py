"""Timelines: alerts arrive, time passes, people act, and the incidents are looked at. All in memory."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from tests.unit.times import NOW, at

from lookout.alerts.alert import Alert, AlertStatus, label_set
from lookout.incidents.actions import Acknowledge, Action, AddNote, Assign, AttachInvestigation, Resolve
from lookout.incidents.events import EventType
from lookout.incidents.incident import Incident
from lookout.incidents.investigation import Investigation
from lookout.incidents.ledger import Ledger, Receipt
from lookout.incidents.policy import Pace, Policy
from lookout.incidents.transitions import Reason

POLICY = Policy()
TALKATIVE = Policy(pace=Pace(flapping_changes=10_000, burst=10_000))
"""Every change is told at once, however many there are."""
TERSE = Policy(
    pace=Pace(flapping_changes=1, flapping_interval=timedelta(seconds=2), burst=1, interval=timedelta(seconds=1))
)
"""Nearly every change is postponed, for no longer than a message may be late."""
LEASE = timedelta(minutes=4)
"""What Prometheus promises with its default settings."""


def leased(
    *, since: float | None, until: float, now: datetime, source: str = "prometheus", replica: str = "", **labels: str
) -> Alert:
    """An alert as the Alertmanager API brings it; times in minutes from `NOW`."""
    return Alert(
        source=source,
        label_set=label_set({"alertname": "Down", "prometheus_replica": replica} | labels),
        annotations={},
        status=AlertStatus.RESOLVED if at(until) <= now else AlertStatus.FIRING,
        starts_at=at(since) if since is not None else None,
        ends_at=at(until),
        leased=True,
    )


def told(*, since: float | None, until: float | None = None, source: str = "alertmanager", **labels: str) -> Alert:
    """An alert as a webhook brings it: resolved if it has an end."""
    return Alert(
        source=source,
        label_set=label_set({"alertname": "Down"} | labels),
        annotations={},
        status=AlertStatus.FIRING if until is None else AlertStatus.RESOLVED,
        starts_at=at(since) if since is not None else None,
        ends_at=at(until) if until is not None else None,
        leased=False,
    )


class Story:
    """One tenant's ledger and a clock that goes where it is told. The story begins at minute 0."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.now = NOW
        self.listening_since = at(-60)
        numbers = count(1)
        self.fresh_id = lambda: f"incident-{next(numbers)}"
        self.ledger = Ledger("acme", 0, policy, self.fresh_id)

    @property
    def minute(self) -> float:
        return (self.now - NOW) / timedelta(minutes=1)

    def passes(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)

    def turns_to(self, policy: Policy) -> None:
        """The policy is replaced between two commits: the next ledger goes by the new one, with all that was stored."""
        before = self.ledger
        self.policy = policy
        self.ledger = Ledger(before.tenant_id, before.last_position, policy, self.fresh_id)
        self.ledger.alerts, self.ledger.leases = before.alerts, before.leases
        self.ledger.records = before.records
        for incident in before.by_id.values():
            self.ledger.know(incident)

    def alert(self, since: float | None = 0, *, lease: float = 4, **labels: str) -> Alert:
        """A firing alert as Prometheus sends it now."""
        return leased(since=since, until=self.minute + lease, now=self.now, **labels)

    def hears(self, *alerts: Alert) -> list[Receipt]:
        return self.ledger.take(alerts, self.now)

    def fires(
        self, since: float | None = 0, *, lease: float = 4, source: str = "prometheus", replica: str = "", **labels: str
    ) -> Reason:
        """Prometheus sends or resends a firing alert."""
        until = self.minute + lease
        alert = leased(since=since, until=until, now=self.now, source=source, replica=replica, **labels)
        return self.hears(alert)[0].reason

    def resolves(
        self, since: float | None = 0, *, until: float | None = None, replica: str = "", **labels: str
    ) -> Reason:
        """Prometheus sends the end of an alert, which is now if not told."""
        until = until if until is not None else self.minute
        return self.hears(leased(since=since, until=until, now=self.now, replica=replica, **labels))[0].reason

    def tells(
        self, since: float | None = 0, until: float | None = None, *, source: str = "alertmanager", **labels: str
    ) -> Reason:
        """A webhook tells of a firing alert, or of a resolved one if it has an end."""
        return self.hears(told(since=since, until=until, source=source, **labels))[0].reason

    def expires(self, fingerprints: Iterable[str] | None = None) -> None:
        """The timer looks at what has run out."""
        names = list(self.ledger.leases) if fingerprints is None else fingerprints
        self.ledger.expire(names, self.now, self.listening_since)

    def tells_what_waits(self) -> None:
        """Time passes until nothing is postponed."""
        postponed = self.ledger.postponed
        while keys := postponed.due_keys(self.now + timedelta(days=1), POLICY.pace):
            self.now = max(self.now, *filter(None, map(postponed.due_at, keys)))
            self.ledger.tell(self.now)

    def calms(self) -> None:
        """The timer looks at what flaps no more."""
        self.ledger.calm([incident.id for incident in self.incidents], self.now)

    def watches(self) -> None:
        """The timer looks at which heartbeats are missing."""
        self.ledger.watch(list(self.ledger.heartbeats), self.now, self.listening_since)

    def acts(self, action: Action, incident_id: str | None = None) -> Reason:
        return self.ledger.act(incident_id or self.incident.id, action, self.now)[1]

    def operator_resolves(self) -> Reason:
        return self.acts(Resolve("ann", "fixed by hand"))

    def operator_acknowledges(self) -> Reason:
        return self.acts(Acknowledge("ann"))

    def operator_assigns(self, assignee: str | None) -> Reason:
        return self.acts(Assign("ann", assignee))

    def operator_notes(self, text: str) -> Reason:
        return self.acts(AddNote("ann", text))

    def skipper_attaches(self, report_id: str = "report-1", summary: str = "the disk is full", **more: Any) -> Reason:
        return self.acts(AttachInvestigation("ann", Investigation(report_id, "skipper", summary, **more)))

    @property
    def incidents(self) -> list[Incident]:
        return list(self.ledger.by_id.values())

    @property
    def incident(self) -> Incident:
        """The last incident."""
        return self.incidents[-1]

    @property
    def open_incidents(self) -> list[Incident]:
        return [incident for incident in self.incidents if incident.is_open]

    @property
    def firing(self) -> set[str]:
        """The fingerprints of all that fires."""
        return {state.fingerprint for state in self.ledger.alerts.values() if state.status is AlertStatus.FIRING}

    @property
    def decided(self) -> set[str]:
        """The fingerprints of all that fires, whether it is told or postponed."""
        postponed, told = self.ledger.postponed, self.ledger.alerts
        names = self.ledger.leases.keys() | told.keys()
        states = {name: postponed.of(name) or told.get(name) for name in names}
        return {name for name, state in states.items() if state is not None and state.status is AlertStatus.FIRING}

    @property
    def told_events(self) -> list[EventType]:
        return [record.event.event_type for record in self.ledger.records]


def open_keys(ledger: Ledger) -> dict[str, set[str]]:
    """The dedup keys of the open incidents, with the alerts that fire in them."""
    keys: dict[str, set[str]] = {}
    for state in ledger.alerts.values():
        if state.status is AlertStatus.FIRING:
            keys.setdefault(ledger.by_id[state.incident_id].dedup_key, set()).add(state.fingerprint)
    assert keys.keys() == {incident.dedup_key for incident in ledger.by_id.values() if incident.is_open}
    return keys
