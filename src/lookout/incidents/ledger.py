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
from lookout.incidents.decide import Decision, decide, decide_action, decide_repeat
from lookout.incidents.events import AlertChange, Event, Fact, Record, number
from lookout.incidents.evolve import evolve
from lookout.incidents.grouping import VALUE_LIMIT, group_of
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


class _Pending(msgspec.Struct, gc=False):
    """Changes of one group that are not decided yet, and where the receipt of each goes, if anywhere."""

    changes: list[AlertChange]
    receipts: list[int | None]


class Ledger:
    """One tenant's alerts, leases and incidents, as far as a batch needs them.

    `incidents` holds, for each dedup key in play, the open incident or else the last one; `by_id` all that are known.
    `heartbeats` are those in play, of `heartbeats_known` that the tenant has; `attached` are investigations that
    incidents have, by the incident's and the report's id. `fresh_id` gives out the id for an incident that opens: ids
    are random, and this module is not. `records`, `changed_leases`, `forgotten_leases`, `changed_heartbeats` (None: it
    is watched no more) and `silences` are what is to be written; the last are, by fingerprint, the receipts of what was
    decided and added nothing to the log, with the time. `returned` are sources that were silent and are heard again.
    """

    def __init__(self, tenant_id: str, last_position: int, policy: Policy, fresh_id: Callable[[], str]) -> None:
        self.tenant_id = tenant_id
        self.last_position = last_position
        self.alerts: dict[str, AlertState] = {}
        self.leases: dict[str, Leases] = {}
        self.incidents: dict[str, Incident] = {}
        self.by_id: dict[str, Incident] = {}
        self.attached: set[tuple[str, str]] = set()
        self.records: list[Record] = []
        self.changed_leases: dict[tuple[str, LeaseKey], Lease] = {}
        self.forgotten_leases: set[tuple[str, LeaseKey]] = set()
        self.heartbeats: dict[HeartbeatKey, Heartbeat] = {}
        self.heartbeats_known = 0
        self.changed_heartbeats: dict[HeartbeatKey, Heartbeat | None] = {}
        self.returned: set[str] = set()
        self._held: dict[tuple[str, LeaseKey], datetime] = {}
        self.silences: dict[str, tuple[Receipt, datetime]] = {}
        self._policy = policy
        self._fresh_id = fresh_id
        self._pending: dict[str, _Pending] = {}
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
        for index, alert in enumerate(alerts):
            is_sign = is_heartbeat(alert.source, alert.labels, self._policy)
            if not (is_sign and self._hear_heartbeat(index, alert, now)):
                self._hear(index, alert, now)
        self._decide_pending(now)
        receipts = [receipt for receipt in self._receipts if receipt is not None]
        for receipt in receipts:
            if receipt.recorded:
                self.silences.pop(receipt.fingerprint, None)
            elif receipt.incident_id is not None:
                self.silences[receipt.fingerprint] = (receipt, now)
        return receipts

    def watch(self, keys: Iterable[HeartbeatKey], now: datetime, listening_since: datetime) -> None:
        """Tell which of these heartbeats are missing at `now`; those that the policy does not name are forgotten."""
        for key in keys:
            known = self.heartbeats.get(key)
            if known is None:
                continue
            is_named = is_heartbeat(key.source, known.labels, self._policy)
            after = after_silence(known, now, listening_since) if is_named else None
            if after != known:
                self._keep_heartbeat(key, after, now)
        self._decide_pending(now)

    def forget(self, key: HeartbeatKey, now: datetime) -> bool:
        """Watch a heartbeat no more, until it is heard again: its source is gone for good. False if there is none."""
        if key not in self.heartbeats:
            return False
        self._keep_heartbeat(key, None, now)
        self._decide_pending(now)
        return True

    def expire(self, fingerprints: Iterable[str], now: datetime, listening_since: datetime) -> None:
        """End what has run out at `now`, of these alerts. Silence counts only since Lookout has been listening."""
        watching = Watching(self.heartbeats.values())
        for fingerprint in fingerprints:
            leases = self.leases.get(fingerprint, {})
            state = self.alerts.get(fingerprint)
            expired = expire(leases, now, listening_since, self._policy)
            if state is not None:
                expired = self._without_held(state, expired, watching, now)
            # All of them: when to look again is written anew, and none is looked at for ever.
            self._keep(fingerprint, {**leases, **expired})
            if state is not None and state.status is AlertStatus.FIRING and not self._is_firing(fingerprint):
                # It ended when the last promise did, not when that was noticed.
                ended_at = max((lease.ends_at for lease in expired.values()), default=now)
                self._end(state, max(ended_at, state.starts_at), None)
        self._decide_pending(now, Resolution.EXPIRED)

    def reconcile(self, fingerprints: Sequence[str], comparison: Comparison, now: datetime) -> list[Finding]:
        """Begin and end what the source's answers say, of these alerts. Tells those that changed."""
        self._receipts = [None] * len(fingerprints)
        watching = Watching(self.heartbeats.values())
        for index, fingerprint in enumerate(fingerprints):
            state = self.alerts.get(fingerprint)
            labels: Mapping[str, str] = state.alert.labels if state is not None else {}
            leases = self.leases.get(fingerprint, {})
            is_stale = self._is_firing(fingerprint) and watching.is_silent(comparison.source, labels)
            changed = reconcile(fingerprint, labels, leases, comparison, self._policy, is_stale=is_stale)
            if not changed:
                continue
            self._keep(fingerprint, changed)
            was_firing = state is not None and state.status is AlertStatus.FIRING
            is_firing = self._is_firing(fingerprint)
            if is_firing and not was_firing:
                self._start(next(iter(comparison.said[fingerprint].fires.values())), index, now)
            elif was_firing and not is_firing:
                assert state is not None
                self._end(state, max(comparison.asked_at, state.starts_at), index)
        self._decide_pending(now, Resolution.RECONCILED)
        return [self._finding(receipt) for receipt in self._receipts if receipt is not None]

    def act(self, incident_id: str, action: Action, now: datetime) -> tuple[Incident, Reason]:
        """What a person does. A resolve closes the incident's firing alerts: all are in the working set then."""
        incident = self.by_id[incident_id]
        ends = [
            AlertChange(state.fingerprint, AlertStatus.RESOLVED, state.starts_at, max(now, state.starts_at))
            for state in self.alerts.values()
            if state.incident_id == incident_id and state.status is AlertStatus.FIRING
        ]
        ends = ends if isinstance(action, Resolve) else []
        report_id = action.investigation.report_id if isinstance(action, AttachInvestigation) else None
        decision = decide_action(incident, action, now, ends, is_attached=(incident_id, report_id) in self.attached)
        for change in ends if decision.facts else ():
            self._keep(change.fingerprint, close(self.leases.get(change.fingerprint, {}), now, self._policy))
        return self._record(incident, decision, now), decision.started

    def check_at(self, fingerprint: str, lease: Lease) -> datetime | None:
        """When time will change a lease, None for never: a heartbeat's is watched by its heartbeat."""
        state = self.alerts.get(fingerprint)
        if HeartbeatKey(lease.source, fingerprint) in self.changed_heartbeats:
            return None
        return self._held.get((fingerprint, lease.key)) or check_at(lease, self._policy, is_known=state is not None)

    def _without_held(self, state: AlertState, expired: Leases, watching: Watching, now: datetime) -> Leases:
        """What has run out of an alert, but for what is held because its source has not been heard since."""
        left: Leases = {}
        for key, lease in expired.items():
            until = held_until(lease, state.alert.labels, watching, now, self._policy)
            if until is None:
                left[key] = lease
            else:
                self._held[state.fingerprint, key] = until
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
        state = self.alerts.get(fingerprint)
        if state is not None and state.status is AlertStatus.FIRING and fingerprint not in self._undecided:
            self._end(state, max(now, state.starts_at), None)  # it was an alert until the policy named it
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
        if alert.fingerprint in self._undecided:
            self._decide_pending(now)
        if alert.status is AlertStatus.RESOLVED and alert.ends_at is not None and alert.ends_at > now:
            # An end that has not come yet would make everything until then a late message.
            alert = replace(alert, ends_at=now)
        fingerprint = alert.fingerprint
        state = self.alerts.get(fingerprint)
        was_firing = state is not None and state.status is AlertStatus.FIRING
        heard = hear(self.leases.get(fingerprint, {}), alert, now, self._policy)
        self._keep(fingerprint, heard)
        is_firing = self._is_firing(fingerprint)
        if is_firing and not was_firing:
            self._start(alert, index, now)
        elif was_firing and not is_firing:
            assert state is not None
            self._end(state, max(alert.ends_at or now, state.starts_at), index)
        elif state is not None and is_firing and heard and alert.status is AlertStatus.FIRING:
            self._repeat(index, alert, state, now)
        else:
            reason = self._reason_of_silence(alert, state, bool(heard), is_firing)
            incident_id = state.incident_id if state is not None else None
            self._answer(index, Receipt(fingerprint, False, reason, incident_id))

    def _repeat(self, index: int | None, alert: Alert, state: AlertState, now: datetime) -> None:
        """Another word of a firing that goes on."""
        incident = self.by_id[state.incident_id]
        change = AlertChange(alert.fingerprint, AlertStatus.FIRING, state.starts_at, None, alert)
        decision = decide_repeat(incident, change, self._policy, now)
        if decision.facts:
            self._decide_pending(now)  # what came before it comes before it in the log
            incident = self.by_id[state.incident_id]
            decision = decide_repeat(incident, change, self._policy, now)
        self._record(incident, decision, now)
        self._answer(index, Receipt(alert.fingerprint, bool(decision.facts), decision.started, incident.id))

    def _reason_of_silence(self, alert: Alert, state: AlertState | None, heard: bool, is_firing: bool) -> Reason:
        if alert.status is AlertStatus.FIRING:
            return Reason.CLOSED if heard else Reason.STALE
        if state is None:
            return Reason.UNKNOWN_RESOLVE
        if is_firing:
            return Reason.HELD if heard else Reason.STALE
        return Reason.DUPLICATE

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
        key = group_of(alert.label_set, self._policy).dedup_key
        change = AlertChange(fingerprint, AlertStatus.FIRING, starts_at, None, alert)
        self._postpone(key, change, index)

    def _end(self, state: AlertState, ended_at: datetime, index: int | None) -> None:
        key = self.by_id[state.incident_id].dedup_key
        change = AlertChange(state.fingerprint, AlertStatus.RESOLVED, state.starts_at, ended_at)
        self._postpone(key, change, index)

    def _postpone(self, key: str, change: AlertChange, index: int | None) -> None:
        """Keep a change until all of the batch are known: what changes together is decided together."""
        pending = self._pending.setdefault(key, _Pending([], []))
        pending.changes.append(change)
        pending.receipts.append(index)
        self._undecided.add(change.fingerprint)

    def _decide_pending(self, now: datetime, resolution: Resolution = Resolution.SOURCE) -> None:
        pending, self._pending = self._pending, {}
        self._undecided.clear()
        for key, group in pending.items():
            incident = self.incidents.get(key)
            changes = [self._with_novelty(change, incident) for change in group.changes]
            decision = decide(incident, changes, self._policy, resolution=resolution)
            after = self._record(incident, decision, now)
            for change, index in zip(changes, group.receipts, strict=True):
                reason = decision.started if change.status is AlertStatus.FIRING else decision.ended
                self._answer(index, Receipt(change.fingerprint, True, reason, after.id))

    def _with_novelty(self, change: AlertChange, incident: Incident | None) -> AlertChange:
        state = self.alerts.get(change.fingerprint)
        is_known = state is not None and incident is not None and state.incident_id == incident.id
        return change if is_known or change.status is AlertStatus.RESOLVED else replace(change, is_new=True)

    def _finding(self, receipt: Receipt) -> Finding:
        state = self.alerts[receipt.fingerprint]
        name = one_line(state.alert.name, VALUE_LIMIT)
        is_firing = state.status is AlertStatus.FIRING
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
