"""The working set of one commit: what was loaded of one tenant, and what is decided on it. Pure.

The shell loads a ledger, hands it the alerts, and appends what it gives out. Tests hand it the same without a database.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from lookout.alerts.alert import Alert, AlertStatus
from lookout.alerts.text import one_line
from lookout.incidents.actions import Action, AttachInvestigation, Resolve
from lookout.incidents.decide import Decision, decide, decide_action, decide_calm, decide_repeat
from lookout.incidents.events import AlertChange, Event, Fact, Record, number
from lookout.incidents.evolve import evolve
from lookout.incidents.grouping import VALUE_LIMIT, dedup_key_of
from lookout.incidents.heartbeat import (
    HEARTBEATS_LIMIT,
    Heartbeat,
    HeartbeatKey,
    Watching,
    after_silence,
    after_word,
    held_until,
    is_heartbeat,
    silence_of,
)
from lookout.incidents.incident import Incident, Resolution
from lookout.incidents.lease import Lease, LeaseKey, Leases, check_at, close, expire, hear, surplus
from lookout.incidents.policy import Policy
from lookout.incidents.postponed import Postponed, Postponements, waits_until
from lookout.incidents.reconcile import Comparison, Finding, reconcile
from lookout.incidents.transitions import Reason


class AlertState(msgspec.Struct, frozen=True, gc=False):
    """An alert as the log tells it: its last firing. `alert` is what was received when that began."""

    fingerprint: str
    status: AlertStatus
    incident_id: str
    starts_at: datetime
    ends_at: datetime | None
    position: int
    alert: Alert


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What became of one alert: whether it added to the log, why, and the incident that it belongs to, if any."""

    fingerprint: str
    recorded: bool
    reason: Reason
    incident_id: str | None = None


class _Gathered(msgspec.Struct, frozen=True, gc=False):
    """A change that is not decided yet, where its receipt goes if anybody waits for one, and how it came to its end."""

    change: AlertChange
    index: int | None = None
    resolution: Resolution = Resolution.SOURCE


class Ledger:
    """One tenant's alerts, leases and incidents, as far as a batch needs them.

    `incidents` holds, for each dedup key in play, the open incident or else the last one; `by_id` all that are known.
    `heartbeats` are those in play, of `heartbeats_known` that the tenant has; `attached` are investigations that
    incidents have, by the incident's and the report's id. `told` are the times at which incidents last told something
    that alerts did, in order. `fresh_id` gives out the id for an incident that opens: ids are random, and this module
    is not. `records`, `changed_leases`, `forgotten_leases`, `changed_heartbeats` (None: it is watched no more), what
    `postponed` has and `silences` are what is to be written; the last are, by fingerprint, the receipts of what was
    decided and added nothing to the log, with the time. `returned` are sources that were silent and are heard again.
    `breathe` is called between two steps where there may be many, so that whoever decides them can let others go first.
    """

    def __init__(self, tenant_id: str, last_position: int, policy: Policy, fresh_id: Callable[[], str]) -> None:
        self.tenant_id = tenant_id
        self.last_position = last_position
        self.alerts: dict[str, AlertState] = {}
        self.leases: dict[str, Leases] = {}
        self.incidents: dict[str, Incident] = {}
        self.by_id: dict[str, Incident] = {}
        self.attached: set[tuple[str, str]] = set()
        self.postponed = Postponements()
        self.told: dict[str, list[datetime]] = {}
        self.records: list[Record] = []
        self.changed_leases: dict[tuple[str, LeaseKey], Lease] = {}
        self.forgotten_leases: set[tuple[str, LeaseKey]] = set()
        self.heartbeats: dict[HeartbeatKey, Heartbeat] = {}
        self.heartbeats_known = 0
        self.changed_heartbeats: dict[HeartbeatKey, Heartbeat | None] = {}
        self.returned: set[str] = set()
        self._held: dict[tuple[str, LeaseKey], datetime] = {}
        self.silences: dict[str, tuple[Receipt, datetime]] = {}
        self.breathe: Callable[[], None] = _at_once
        self._policy = policy
        self._fresh_id = fresh_id
        self._gathered: dict[str, list[_Gathered]] = {}
        self._due: set[str] = set()
        self._undecided: set[str] = set()
        self._receipts: list[Receipt | None] = []

    def know(self, incident: Incident) -> None:
        """Take an incident into the working set, in the state given."""
        self.by_id[incident.id] = incident
        last = self.incidents.get(incident.dedup_key)
        if last is None or last.opened_position <= incident.opened_position:
            self.incidents[incident.dedup_key] = incident

    def take(self, alerts: Sequence[Alert], now: datetime) -> list[Receipt]:
        """Hear the alerts, received at `now`, and decide what they mean. One receipt for each, in their order."""
        self._receipts = [None] * len(alerts)
        self._gather_due(now)
        for index, alert in enumerate(alerts):
            self.breathe()
            is_sign = is_heartbeat(alert.source, alert.labels, self._policy)
            if not (is_sign and self._hear_heartbeat(index, alert, now)):
                self._hear(index, alert, now)
        self._decide_gathered(now)
        receipts = [receipt for receipt in self._receipts if receipt is not None]
        for receipt in receipts:
            if receipt.recorded:
                self.silences.pop(receipt.fingerprint, None)
            elif receipt.incident_id is not None:
                self.silences[receipt.fingerprint] = (receipt, now)
        return receipts

    def watch(self, keys: Iterable[HeartbeatKey], now: datetime, listening_since: datetime) -> None:
        """Tell which of these heartbeats are missing at `now`; those that the policy does not name are forgotten."""
        self._gather_due(now)
        for key in keys:
            known = self.heartbeats.get(key)
            if known is None:
                continue
            is_named = is_heartbeat(key.source, known.labels, self._policy)
            after = after_silence(known, now, listening_since) if is_named else None
            if after != known:
                self._keep_heartbeat(key, after, now)
        self._decide_gathered(now)

    def forget(self, key: HeartbeatKey, now: datetime) -> bool:
        """Watch a heartbeat no more, until it is heard again: its source is gone for good. False if there is none."""
        self._gather_due(now)
        if key not in self.heartbeats:
            return False
        self._keep_heartbeat(key, None, now)
        self._decide_gathered(now)
        return True

    def expire(self, fingerprints: Iterable[str], now: datetime, listening_since: datetime) -> None:
        """End what has run out at `now`, of these alerts. Silence counts only since Lookout has been listening."""
        self._gather_due(now)
        watching = Watching(self.heartbeats.values())
        for fingerprint in fingerprints:
            self.breathe()
            self._decide_what_is_gathered_of(fingerprint, now)
            was_firing = self._was_firing(fingerprint)
            leases = self.leases.get(fingerprint, {})
            known = self._alert_of(fingerprint)
            expired = expire(leases, now, listening_since, self._policy)
            if known is not None:
                expired = self._without_held(known, expired, watching, now)
            # All of them: when to look again is written anew, and none is looked at for ever.
            self._keep(fingerprint, {**leases, **expired})
            if was_firing and not self._is_firing(fingerprint):
                # It ended when the last promise did, not when that was noticed.
                ended_at = max((lease.ends_at for lease in expired.values()), default=now)
                self._end(fingerprint, ended_at, resolution=Resolution.EXPIRED)
        self._decide_gathered(now)

    def reconcile(self, fingerprints: Sequence[str], comparison: Comparison, now: datetime) -> list[Finding]:
        """Begin and end what the source's answers say, of these alerts. Tells those that changed."""
        self._receipts = [None] * len(fingerprints)
        self._gather_due(now)
        watching = Watching(self.heartbeats.values())
        for index, fingerprint in enumerate(fingerprints):
            self._decide_what_is_gathered_of(fingerprint, now)
            known = self._alert_of(fingerprint)
            labels: Mapping[str, str] = known.labels if known is not None else {}
            leases = self.leases.get(fingerprint, {})
            is_stale = self._is_firing(fingerprint) and watching.is_silent(comparison.source, labels)
            changed = reconcile(fingerprint, labels, leases, comparison, self._policy, is_stale=is_stale)
            if not changed:
                continue
            self._keep(fingerprint, changed)
            was_firing = self._was_firing(fingerprint)
            is_firing = self._is_firing(fingerprint)
            if is_firing and not was_firing:
                self._fire(next(iter(comparison.said[fingerprint].fires.values())), index, now)
            elif was_firing and not is_firing:
                self._end(fingerprint, comparison.asked_at, index, Resolution.RECONCILED)
        self._decide_gathered(now)
        return [self._finding(receipt) for receipt in self._receipts if receipt is not None]

    def tell(self, now: datetime) -> None:
        """Tell what was postponed and is due."""
        self._gather_due(now)
        self._decide_gathered(now)

    def act(self, incident_id: str, action: Action, now: datetime) -> tuple[Incident, Reason]:
        """What a person does. A resolve closes the incident's firing alerts: all are in the working set then.

        What was postponed of them is told before it: it is closed with them.
        """
        if isinstance(action, Resolve):
            self._gather_postponed(self.by_id[incident_id].dedup_key)
        self.tell(now)
        incident = self.by_id[incident_id]
        ends = [
            AlertChange(state.fingerprint, AlertStatus.RESOLVED, state.starts_at, max(now, state.starts_at))
            for state in self.alerts.values()
            if state.incident_id == incident_id and state.status is AlertStatus.FIRING
        ]
        ends = ends if isinstance(action, Resolve) else []
        report_id = action.investigation.report_id if isinstance(action, AttachInvestigation) else None
        is_attached = (incident_id, report_id) in self.attached
        decision = decide_action(incident, action, self._policy, now, ends, is_attached=is_attached)
        for change in ends if decision.facts else ():
            self._keep(change.fingerprint, close(self.leases.get(change.fingerprint, {}), now, self._policy))
        return self._record(incident, decision, now), decision.started

    def calm(self, incident_ids: Iterable[str], now: datetime) -> None:
        """Take the mark from those of these incidents that flap no more."""
        for incident_id in incident_ids:
            if incident_id in self.by_id:
                incident = self.by_id[incident_id]
                self._record(incident, decide_calm(incident, now), now)

    def check_at(self, fingerprint: str, lease: Lease) -> datetime | None:
        """When time will change a lease, None for never: a heartbeat's is watched by its heartbeat."""
        state = self.alerts.get(fingerprint)
        if HeartbeatKey(lease.source, fingerprint) in self.changed_heartbeats:
            return None
        return self._held.get((fingerprint, lease.key)) or check_at(lease, self._policy, is_known=state is not None)

    def _without_held(self, alert: Alert, expired: Leases, watching: Watching, now: datetime) -> Leases:
        """What has run out of an alert, but for what is held because its source has not been heard since."""
        left: Leases = {}
        for key, lease in expired.items():
            until = held_until(lease, alert.labels, watching, now, self._policy)
            if until is None:
                left[key] = lease
            else:
                self._held[alert.fingerprint, key] = until
        return left

    def _hear_heartbeat(self, index: int, alert: Alert, now: datetime) -> bool:
        """Take a source's sign of life. False if there are too many: then it is an alert like others, and is seen."""
        fingerprint, key = alert.fingerprint, HeartbeatKey(alert.source, alert.fingerprint)
        known = self.heartbeats.get(key)
        if known is None and self.heartbeats_known >= HEARTBEATS_LIMIT:
            return False
        own = {key: lease for key, lease in self.leases.get(fingerprint, {}).items() if key.source == alert.source}
        heard = hear(own, alert, now, self._policy)
        self._keep(fingerprint, heard)
        if heard:
            self._keep_heartbeat(key, after_word(known, alert, own | heard, now, self._policy), now)
        if self._was_firing(fingerprint) and fingerprint not in self._undecided:
            self._end(fingerprint, now)  # it was an alert until the policy named it
        self._answer(index, Receipt(fingerprint, False, Reason.HEARTBEAT if heard else Reason.STALE))
        return True

    def _keep_heartbeat(self, key: HeartbeatKey, after: Heartbeat | None, now: datetime) -> None:
        """Take a changed heartbeat in, and tell when its silence begins or ends."""
        before = self.heartbeats.pop(key, None)
        if after is not None:
            self.heartbeats[key] = after
        self.heartbeats_known += (after is not None) - (before is not None)
        self.changed_heartbeats[key] = after
        was_silent = before is not None and before.silent_since is not None
        is_silent = after is not None and after.silent_since is not None
        if before is not None and was_silent and not is_silent:
            if after is not None:
                self.returned.add(key.source)
            self._hear(None, silence_of(before, ended_at=now), now)
        elif after is not None and is_silent and not was_silent:
            self._hear(None, silence_of(after), now)

    def _answer(self, index: int | None, receipt: Receipt) -> None:
        if index is not None:
            self._receipts[index] = receipt

    def _hear(self, index: int | None, alert: Alert, now: datetime) -> None:
        """Take an alert in; what it changes is decided later. Without an index nobody waits for its receipt."""
        self._decide_what_is_gathered_of(alert.fingerprint, now)
        if alert.status is AlertStatus.RESOLVED and alert.ends_at is not None and alert.ends_at > now:
            # An end that has not come yet would make everything until then a late message.
            alert = replace(alert, ends_at=now)
        fingerprint = alert.fingerprint
        state = self.alerts.get(fingerprint)
        was_firing = self._was_firing(fingerprint)
        heard = hear(self.leases.get(fingerprint, {}), alert, now, self._policy)
        self._keep(fingerprint, heard)
        is_firing = self._is_firing(fingerprint)
        if was_firing and not is_firing:
            self._end(fingerprint, alert.ends_at or now, index)
        elif is_firing and heard and alert.status is AlertStatus.FIRING:
            self._fire(alert, index, now)
        else:
            reason = self._reason_of_silence(alert, state, bool(heard), is_firing)
            incident_id = state.incident_id if state is not None else None
            self._answer(index, Receipt(fingerprint, False, reason, incident_id))

    def _fire(self, alert: Alert, index: int | None, now: datetime) -> None:
        """Word of a firing: a beginning, as far as was told, or a repeat."""
        state = self.alerts.get(alert.fingerprint)
        if state is not None and state.status is AlertStatus.FIRING:
            self._repeat(index, alert, state, now)
        else:
            self._start(alert, index, now)

    def _repeat(self, index: int | None, alert: Alert, state: AlertState, now: datetime) -> None:
        """Another word of a firing that goes on, as far as was told: if its end was postponed, that is not told now."""
        reason = Reason.POSTPONED if self.postponed.drop(alert.fingerprint) else Reason.DUPLICATE
        incident = self.by_id[state.incident_id]
        change = AlertChange(alert.fingerprint, AlertStatus.FIRING, state.starts_at, None, alert)
        decision = decide_repeat(incident, change, self._policy, now)
        if decision.facts:
            self._decide_gathered(now)  # what came before it comes before it in the log
            incident = self.by_id[state.incident_id]
            decision = decide_repeat(incident, change, self._policy, now)
        self._tell(incident, decision, now)
        reason = decision.started if decision.facts else reason
        self._answer(index, Receipt(alert.fingerprint, bool(decision.facts), reason, incident.id))

    def _reason_of_silence(self, alert: Alert, state: AlertState | None, heard: bool, is_firing: bool) -> Reason:
        if alert.status is AlertStatus.FIRING:
            return Reason.CLOSED if heard else Reason.STALE
        if is_firing:
            return Reason.HELD if heard else Reason.STALE
        is_known = state is not None or self.postponed.of(alert.fingerprint) is not None
        return Reason.DUPLICATE if is_known else Reason.UNKNOWN_RESOLVE

    def _was_firing(self, fingerprint: str) -> bool:
        """Whether the alert fires as far as is decided, told or postponed."""
        told = self.postponed.of(fingerprint) or self.alerts.get(fingerprint)
        return told is not None and told.status is AlertStatus.FIRING

    def _alert_of(self, fingerprint: str) -> Alert | None:
        """What was received when the alert began to fire, as far as is decided."""
        postponed, state = self.postponed.of(fingerprint), self.alerts.get(fingerprint)
        if postponed is not None and postponed.change.alert is not None:
            return postponed.change.alert
        return state.alert if state is not None else None

    def _is_firing(self, fingerprint: str) -> bool:
        return any(lease.is_alive(self._policy) for lease in self.leases.get(fingerprint, {}).values())

    def _keep(self, fingerprint: str, changed: Leases) -> None:
        """Take changed leases in, and forget what is beyond the bound."""
        leases = self.leases.setdefault(fingerprint, {})
        leases.update(changed)
        for key, lease in changed.items():
            self.changed_leases[fingerprint, key] = lease
            self.forgotten_leases.discard((fingerprint, key))
        for key in surplus(leases, self._policy):
            del leases[key]
            self.changed_leases.pop((fingerprint, key), None)
            self.forgotten_leases.add((fingerprint, key))

    def _start(self, alert: Alert, index: int | None, now: datetime) -> None:
        fingerprint = alert.fingerprint
        alive = [lease for lease in self.leases[fingerprint].values() if lease.is_alive(self._policy)]
        # Nothing began later than it was told: a sender's clock can be ahead.
        starts_at = min(now, *(lease.starts_at for lease in alive))
        key = dedup_key_of(alert.label_set, self._policy)
        change = AlertChange(fingerprint, AlertStatus.FIRING, starts_at, None, alert)
        self._gather(key, _Gathered(change, index))

    def _end(
        self,
        fingerprint: str,
        ended_at: datetime,
        index: int | None = None,
        resolution: Resolution = Resolution.SOURCE,
    ) -> None:
        postponed = self.postponed.of(fingerprint)
        if postponed is not None:
            self._pass(postponed, ended_at, index)
            return
        state = self.alerts[fingerprint]
        change = AlertChange(fingerprint, AlertStatus.RESOLVED, state.starts_at, max(ended_at, state.starts_at))
        self._gather(self.by_id[state.incident_id].dedup_key, _Gathered(change, index, resolution))

    def _pass(self, postponed: Postponed, ended_at: datetime, index: int | None) -> None:
        """What begins and ends before it is told is told together."""
        change = postponed.change
        passed = replace(change, status=AlertStatus.RESOLVED, ends_at=max(ended_at, change.starts_at))
        self.postponed.put(replace(postponed, change=passed))
        incident = self.incidents.get(postponed.dedup_key)
        incident_id = incident.id if incident is not None else None
        self._answer(index, Receipt(change.fingerprint, False, Reason.PASSED, incident_id))

    def _gather(self, key: str, gathered: _Gathered) -> None:
        """Keep a change until all of the batch are known: what changes together is decided together."""
        self._gathered.setdefault(key, []).append(gathered)
        self._undecided.add(gathered.change.fingerprint)

    def _gather_due(self, now: datetime) -> None:
        for key in self.postponed.due_keys(now, self._policy.pace):
            self._gather_postponed(key)

    def _gather_postponed(self, key: str) -> None:
        """Let what was postponed of a group be decided with what else changes, and told."""
        for postponed in self.postponed.take(key):
            if self._is_news(key, postponed.change):
                self._gather(key, _Gathered(postponed.change, resolution=postponed.resolution))
                self._due.add(key)

    def _is_news(self, key: str, change: AlertChange) -> bool:
        """Whether the tables do not say so already: after a repair; or of one that passed, and was there before."""
        state = self.alerts.get(change.fingerprint)
        if change.has_passed:
            return state is None or state.incident_id != self.incidents[key].id
        was_firing = state is not None and state.status is AlertStatus.FIRING
        return was_firing is not (change.status is AlertStatus.FIRING)

    def _decide_what_is_gathered_of(self, fingerprint: str, now: datetime) -> None:
        """An alert that changes twice in a batch changes twice."""
        if fingerprint in self._undecided:
            self._decide_gathered(now)

    def _decide_gathered(self, now: datetime) -> None:
        groups, self._gathered = self._gathered, {}
        due, self._due = self._due, set()
        self._undecided.clear()
        for key, group in groups.items():
            self.breathe()
            self._decide_group(key, group, now, is_due=key in due)

    def _decide_group(self, key: str, group: Sequence[_Gathered], now: datetime, *, is_due: bool) -> None:
        incident = self.incidents.get(key)
        changes = [self._with_novelty(gathered.change, incident) for gathered in group]
        decision = decide(incident, changes, self._policy, now, resolution=_resolution_of(group))
        until = None if is_due or incident is None else self._waits_until(incident, decision, now)
        if until is not None and incident is not None:
            for gathered in group:
                self.postponed.put(Postponed(key, until, gathered.change, gathered.resolution))
                receipt = Receipt(gathered.change.fingerprint, False, Reason.POSTPONED, incident.id)
                self._answer(gathered.index, receipt)
            return
        after = self._tell(incident, decision, now)
        for change, gathered in zip(changes, group, strict=True):
            self.postponed.drop(change.fingerprint)
            reason = decision.started if change.status is AlertStatus.FIRING else decision.ended
            self._answer(gathered.index, Receipt(change.fingerprint, True, reason, after.id))

    def _waits_until(self, incident: Incident, decision: Decision, now: datetime) -> datetime | None:
        told, due_at = self.told.get(incident.id, []), self.postponed.due_at(incident.dedup_key)
        (fact,) = decision.facts
        return waits_until(incident, fact.change, told, due_at, self._policy.pace, now)

    def _with_novelty(self, change: AlertChange, incident: Incident | None) -> AlertChange:
        state = self.alerts.get(change.fingerprint)
        is_known = state is not None and incident is not None and state.incident_id == incident.id
        return change if is_known or change.alert is None else replace(change, is_new=True)

    def _tell(self, incident: Incident | None, decision: Decision, now: datetime) -> Incident:
        """Record what alerts did, and when: how much an incident tells is bounded."""
        after = self._record(incident, decision, now)
        if decision.facts:
            self.told.setdefault(after.id, []).append(now)
        return after

    def _finding(self, receipt: Receipt) -> Finding:
        alert = self._alert_of(receipt.fingerprint)
        name = one_line(alert.name, VALUE_LIMIT) if alert is not None else receipt.fingerprint
        is_firing = self._was_firing(receipt.fingerprint)
        return Finding(receipt.fingerprint, name, is_firing, receipt.reason, receipt.incident_id)

    def _record(self, incident: Incident | None, decision: Decision, now: datetime) -> Incident:
        """Number the decided facts and let them happen."""
        after = None if decision.is_new else incident
        incident_id = self._fresh_id() if after is None else after.id
        for fact in decision.facts:
            self.last_position += 1
            event = number(fact, self.tenant_id, self.last_position, incident_id, now)
            after = evolve(after, event)
            self.know(after)
            self.records.append(Record(event, after, fact.alerts, fact.investigation))
            self._apply(event, fact)
        assert after is not None
        return after

    def _apply(self, event: Event, fact: Fact) -> None:
        for change in fact.alerts:
            self.alerts[change.fingerprint] = alert_after(self.alerts.get(change.fingerprint), change, event)
        if fact.investigation is not None:
            self.attached.add((event.incident_id, fact.investigation.report_id))


def _at_once() -> None:
    """Where nobody else has to go first."""


def _resolution_of(group: Sequence[_Gathered]) -> Resolution:
    """How what changes at once ends, if it does: as the last of its alerts."""
    changes = [(gathered.change, gathered.resolution) for gathered in group if not gathered.change.has_passed]
    ends = [(change.ends_at, resolution) for change, resolution in changes if change.ends_at is not None]
    return max(ends)[1] if ends else Resolution.SOURCE


def alert_after(state: AlertState | None, change: AlertChange, event: Event) -> AlertState:
    """The alert after an event about it."""
    alert = change.alert if change.alert is not None else state.alert if state is not None else None
    assert alert is not None, f"{change.fingerprint} ends before it began"
    return AlertState(
        fingerprint=change.fingerprint,
        status=change.status,
        incident_id=event.incident_id,
        starts_at=change.starts_at,
        ends_at=change.ends_at,
        position=event.position,
        alert=alert,
    )
