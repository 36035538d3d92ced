"""What the answers of a source mean for the leases that are held. Pure.

A source that was not heard for a while is asked what fires. What it fires and nobody holds begins, by a lease of our
own making that its sender's next word takes over; what is held by its word alone, and it does not fire, ends. Absence
is proof only where the answer speaks of the alert; in doubt nothing changes, and the lease runs out by itself.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec
from msgspec.structs import replace

from lookout.alerts.alert import Alert, LabelSet
from lookout.alerts.answer import Answer, Rule
from lookout.incidents.heartbeat import is_heartbeat
from lookout.incidents.lease import Lease, Leases, hear
from lookout.incidents.policy import Policy
from lookout.incidents.transitions import Reason


class Finding(msgspec.Struct, frozen=True):
    """An alert that differed, whether it fires now, and why."""

    fingerprint: str
    name: str
    is_firing: bool
    reason: Reason
    incident_id: str | None


class Held(msgspec.Struct, frozen=True, gc=False):
    """A firing alert in short: the replicas by which the source holds it, and how far any sender's word reaches."""

    fingerprint: str
    replicas: tuple[str, ...]
    ends_at: datetime | None


class Said(msgspec.Struct, gc=False):
    """What was said of one alert, by replica; `present` are those that are not said to have ended."""

    fires: dict[str, Alert] = {}
    muted: dict[str, Alert] = {}
    present: set[str] = set()


NOTHING = Said()


class Comparison(msgspec.Struct, frozen=True):
    """What the addresses of one source said, all asked from `asked_at` on. `is_whole`: all of them answered."""

    source: str
    asked_at: datetime
    answers: tuple[Answer, ...]
    said: Mapping[str, Said]
    is_whole: bool


def comparison_of(source: str, asked_at: datetime, answers: Iterable[Answer], *, is_whole: bool) -> Comparison:
    """The answers, ready to be looked up by fingerprint."""
    known = tuple(answers)
    said: dict[str, Said] = {}

    def of(labels: LabelSet) -> Said:
        one = said.setdefault(labels.fingerprint, Said())
        one.present.add(labels.replica)
        return one

    for answer in known:
        for alert in answer.alerts:
            of(alert.label_set).fires.setdefault(alert.label_set.replica, alert)
        for alert in answer.muted:
            of(alert.label_set).muted.setdefault(alert.label_set.replica, alert)
        for labels in answer.unsettled:
            of(labels)
    return Comparison(source, asked_at, known, said, is_whole)


def differing(held: Iterable[Held], comparison: Comparison, policy: Policy) -> list[str]:
    """The fingerprints of the alerts to look at, by a first glance at all that fire: each is decided on its leases."""
    missing = {
        fingerprint: None
        for fingerprint, said in comparison.said.items()
        if said.fires and not _is_sign(comparison.source, said, policy)
    }
    differ: list[str] = []
    for alert in held:
        missing.pop(alert.fingerprint, None)
        said = comparison.said.get(alert.fingerprint, NOTHING)
        is_absent = not said.present.issuperset(alert.replicas)
        runs_out = alert.ends_at is None or alert.ends_at <= comparison.asked_at + policy.resend_delay
        if is_absent or (runs_out and (said.fires or said.muted)):
            differ.append(alert.fingerprint)
    return [*differ, *missing]


def _is_sign(source: str, said: Said, policy: Policy) -> bool:
    """Whether it is a heartbeat: only its source's own word counts, not that it could be asked."""
    return any(is_heartbeat(source, alert.labels, policy) for alert in said.fires.values())


def reconcile(
    fingerprint: str,
    labels: Mapping[str, str],
    leases: Leases,
    comparison: Comparison,
    policy: Policy,
    *,
    is_stale: bool = False,
) -> Leases:
    """The leases of one alert that the answers make or change: new values by key, as of `hear`.

    `labels` are those of the alert as it is held, `is_stale` says that it does not run out. What was heard of it since
    the source was asked is newer than the answer: then it is left alone.
    """
    said = comparison.said.get(fingerprint, NOTHING)
    own = {key: lease for key, lease in leases.items() if key.source == comparison.source}
    if any(lease.last_received_at >= comparison.asked_at for lease in own.values()):
        return {}
    changed: Leases = {
        key: _end(lease, comparison.asked_at, policy)
        for key, lease in own.items()
        if not lease.is_ended(policy)
        and key.replica not in said.present
        and _is_over(lease, labels, comparison, policy)
    }
    if _is_safe(leases | changed, comparison.asked_at, policy) or (is_stale and not changed):
        return changed
    # What is muted holds what was told before, and begins nothing: its source tells nobody of it.
    is_firing = any(lease.is_alive(policy) for lease in leases.values())
    for alert in [*said.fires.values(), *(said.muted.values() if is_firing else ())]:
        changed |= hear(leases | changed, _held(alert, comparison.asked_at, policy), comparison.asked_at, policy)
    return changed


def _is_over(lease: Lease, labels: Mapping[str, str], comparison: Comparison, policy: Policy) -> bool:
    """Whether the answers prove that what the lease says has ended: all that speak of it, and one at least."""
    speaking = [
        answer
        for answer in comparison.answers
        if answer.replica in (None, lease.replica) and _speaks_of(answer.rules, labels)
    ]
    # Whoever did not answer might speak of it too, but for a twin that has a name of its own and has answered.
    is_named = bool(lease.replica) and all(answer.replica is not None for answer in speaking)
    return (
        bool(speaking)
        and (comparison.is_whole or is_named)
        and all(_proves(answer, lease, labels, comparison.asked_at, policy) for answer in speaking)
    )


def _speaks_of(rules: Mapping[str, Rule] | None, labels: Mapping[str, str]) -> bool:
    if rules is None:
        return True
    rule = rules.get(labels.get("alertname", ""))
    return rule is not None and rule.labels.items() <= labels.items()


def _proves(answer: Answer, lease: Lease, labels: Mapping[str, str], asked_at: datetime, policy: Policy) -> bool:
    """Whether absence from the answer is an end: not if the rule does not work, nor soon after a restart."""
    if answer.rules is not None and not answer.rules[labels["alertname"]].is_evaluated:
        return False
    # Whoever told it in this life has not merely forgotten it; whoever has run for longer has looked since.
    return answer.running_since < lease.last_received_at or answer.running_since + policy.lease_length <= asked_at


def _end(lease: Lease, asked_at: datetime, policy: Policy) -> Lease:
    """The lease as its own sender would have ended it. A later word of it begins anew, as after every end."""
    if not lease.promised:
        return replace(lease, resolved_at=asked_at, ends_at=asked_at, last_received_at=asked_at)
    # A promise that reaches beyond a whole lease would be taken for newer than the end.
    ends_at = lease.ends_at if lease.ends_at <= asked_at + policy.lease_length else asked_at
    return replace(lease, resolved_at=asked_at, ends_at=ends_at)


def _is_safe(leases: Leases, asked_at: datetime, policy: Policy) -> bool:
    """Whether the alert fires on without our help until its sender has had the time for another word."""
    return any(
        lease.is_alive(policy) and lease.due_at(policy) > asked_at + policy.resend_delay for lease in leases.values()
    )


def _held(alert: Alert, asked_at: datetime, policy: Policy) -> Alert:
    """The alert with a limit of our own where its source usually promises one: as far as a promise and its grace."""
    if not alert.leased:
        return alert
    lives_for = policy.source(alert.source).expiry or policy.lease_length + policy.resend_delay
    return replace(alert, leased=False, ends_at=asked_at + lives_for)
