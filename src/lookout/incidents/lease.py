"""Leases: what was last heard of an alert, from whom. An alert fires while one of its leases lives.

Each sender's word about one firing is a lease of its own, told apart by source, replica and start, and of what is told
of it the later time counts. So the order and the number of messages do not matter (I3): HA twins hold a lease each, a
restarted Prometheus opens another beside the one that runs out, and a late message finds its own lease ended. Two words
go the other way: an end cuts a promise that no resend makes, and a webhook takes an end back that it told before.
Leases are not in the log: a message that changes nothing else is silent (I7).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from lookout.alerts.alert import Alert, AlertStatus
from lookout.incidents.policy import Policy

ENDED_LEASES_KEPT = 16
"""Ended leases of an alert that are remembered, to know late messages by: of four senders the last four firings."""
LATENESS = timedelta(minutes=1)
"""How late a webhook's message may come after a newer one of its group, and still be known as late.

One Alertmanager sends a group's messages one after another, and its peers wait for each other 15 s each
(`--cluster.peer-timeout`).
"""
LIVE_LEASES_KEPT = 16
"""Leases of an alert that live at once. More come only from a sender that gives each message another start."""


_MOMENT = timedelta(microseconds=1)


class LeaseKey(NamedTuple):
    """Who says that the alert fires, and since when: one sender's word about one firing."""

    source: str
    replica: str
    starts_at: datetime


class Lease(msgspec.Struct, frozen=True, gc=False):
    """One sender's word.

    `ends_at` is how far it reaches: the sender's promise if `promised`, else our own limit since it was last heard, or
    the end that this sender itself told. What a source answered when it was asked promises nothing either, and is
    taken over by the first message about it. `resolved_at` is when it was told to have ended, by this sender or by
    another that speaks of the same firing. `expired` says that it ran out. `closed_at` is when an operator resolved the
    incident: the lease then counts no more, however often it is repeated.
    """

    source: str
    replica: str
    starts_at: datetime
    ends_at: datetime
    promised: bool
    last_received_at: datetime
    resolved_at: datetime | None = None
    expired: bool = False
    closed_at: datetime | None = None
    annotations: Mapping[str, str] | None = None
    """The latest annotations, where they differ from those that the log has."""

    @property
    def key(self) -> LeaseKey:
        return LeaseKey(self.source, self.replica, self.starts_at)

    def is_ended(self, policy: Policy) -> bool:
        """The sender's word no longer stands. A promise that reaches a whole lease beyond the end is newer than it."""
        if self.expired:
            return True
        if self.resolved_at is None:
            return False
        return not (self.promised and self.ends_at > self.resolved_at + policy.lease_length)

    @property
    def told_end(self) -> datetime | None:
        """The end that a webhook's sender itself told of this firing: then its word reaches no further than that."""
        if self.promised or self.expired or self.resolved_at is None or self.ends_at > self.resolved_at:
            return None
        return self.ends_at

    def is_alive(self, policy: Policy) -> bool:
        return self.closed_at is None and not self.is_ended(policy)

    def due_at(self, policy: Policy) -> datetime:
        """When it runs out without another word. One resend of grace: the next message is on its way by then."""
        return self.ends_at + policy.resend_delay if self.promised else self.ends_at


Leases = dict[LeaseKey, Lease]


def hear(leases: Leases, alert: Alert, now: datetime, policy: Policy) -> Leases:
    """The leases that `alert`, received at `now`, makes or changes: new values by key, a subset of all.

    An empty answer means that the message is late: it tells nothing that is not known to be over.
    """
    if alert.status is AlertStatus.FIRING:
        return _hear_firing(leases, alert, now, policy)
    return _hear_resolved(leases, alert, now, policy)


def expire(leases: Leases, now: datetime, listening_since: datetime, policy: Policy) -> Leases:
    """The leases that have run out at `now`, as expired. Silence counts only since Lookout has been listening."""
    return {
        key: msgspec.structs.replace(lease, expired=True)
        for key, lease in leases.items()
        if not lease.is_ended(policy) and max(lease.due_at(policy), listening_since + policy.resend_delay) <= now
    }


def check_at(lease: Lease, policy: Policy, *, is_known: bool) -> datetime | None:
    """When time will change this lease, None for never: it runs out, or, of an alert nobody knows, may be forgotten."""
    if not lease.is_ended(policy):
        return lease.due_at(policy)
    if is_known or lease.resolved_at is None:
        return None
    return lease.resolved_at + policy.webhook_expiry


def close(leases: Leases, now: datetime, policy: Policy) -> Leases:
    """The living leases, as closed by an operator at `now`."""
    return {
        key: msgspec.structs.replace(lease, closed_at=now) for key, lease in leases.items() if lease.is_alive(policy)
    }


def surplus(leases: Leases, policy: Policy) -> list[LeaseKey]:
    """The keys of leases to forget, so that an alert's number of them is bounded: those that ended first."""
    ended = [lease for lease in leases.values() if lease.is_ended(policy)]
    living = [lease for lease in leases.values() if not lease.is_ended(policy)]
    # By their ends: what fired for days and has just ended is what a late message may still tell of.
    ended.sort(key=lambda lease: (lease.resolved_at or lease.ends_at, lease.starts_at), reverse=True)
    # What an operator closed only silences repeats; what is alive holds the alert.
    living.sort(key=lambda lease: (lease.closed_at is None, lease.ends_at), reverse=True)
    return [lease.key for lease in ended[ENDED_LEASES_KEPT:] + living[LIVE_LEASES_KEPT:]]


def _hear_firing(leases: Leases, alert: Alert, now: datetime, policy: Policy) -> Leases:
    key = _key_of_firing(leases, alert, now, policy)
    ends_at = alert.ends_at if alert.ends_at is not None else now + policy.expiry_of(alert.source)
    known = leases.get(key)
    if known is None:
        lease = Lease(
            *key, ends_at, alert.leased, now, _resolution(leases, key, alert.leased, now), False, _closure(leases, key)
        )
    elif known.told_end is not None and now > known.last_received_at + LATENESS:
        # No message is that late: its sender takes the end back, as Alertmanager does after a partition.
        lease = Lease(*key, ends_at, alert.leased, now)
    else:
        lease = msgspec.structs.replace(
            known,
            ends_at=max(known.ends_at, ends_at),
            promised=known.promised or alert.leased,
            expired=known.expired and known.promised and ends_at <= known.ends_at,
            last_received_at=max(known.last_received_at, now),
        )
    if lease.is_ended(policy):
        return {}
    return {key: msgspec.structs.replace(lease, annotations=alert.annotations)}


def _hear_resolved(leases: Leases, alert: Alert, now: datetime, policy: Policy) -> Leases:
    ended_at = alert.ends_at or now
    replica = alert.label_set.replica
    changed: Leases = {}
    is_told = False
    for key, lease in leases.items():
        if lease.replica == replica and _is_ended_by(lease, alert, ended_at):
            is_own = lease.source == alert.source and alert.starts_at in (None, lease.starts_at)
            is_told = is_told or is_own
            changed[key] = _resolve(lease, ended_at, is_own, now, policy)
    if not is_told:
        # Remembered, so that a firing message that comes after it is known to be late.
        key = LeaseKey(alert.source, replica, alert.starts_at or ended_at)
        # As late an end as was told of this firing: one that comes by another path later would end this lease too.
        told = _resolution(leases, key, alert.leased, now) if alert.leased else None
        changed[key] = Lease(*key, ended_at, alert.leased, now, resolved_at=max(told or ended_at, ended_at))
    return {key: lease for key, lease in changed.items() if leases.get(key) != lease}


def _resolve(lease: Lease, ended_at: datetime, is_own: bool, now: datetime, policy: Policy) -> Lease:
    """The lease after it was told, in the words of its own sender or of another, to have ended."""
    ends_at = lease.ends_at
    is_later = lease.resolved_at is None or ended_at > lease.resolved_at
    if not lease.promised and is_own:
        ends_at = max(lease.told_end or ended_at, ended_at)
    elif not lease.promised and lease.told_end is None:
        ends_at = max(ends_at, ended_at + _MOMENT)  # or it would look as if its own sender had told of this end
    elif lease.promised and is_later and _is_made_before(lease, ended_at, now, policy):
        ends_at = ended_at
    resolved_at = max(lease.resolved_at or ended_at, ended_at)
    # Another path may have told the same end before: by its own sender's word a webhook's firing is known to be over.
    is_first = not lease.promised and not lease.expired and lease.told_end is None
    is_news = is_own and (is_first or lease.resolved_at != resolved_at)
    received_at = max(lease.last_received_at, now) if is_news else lease.last_received_at
    return msgspec.structs.replace(lease, ends_at=ends_at, resolved_at=resolved_at, last_received_at=received_at)


def _is_made_before(lease: Lease, ended_at: datetime, now: datetime, policy: Policy) -> bool:
    """Whether the promise was made before this end, though it is too long to be known by its own end.

    No resend promises that much (`amtool alert add --end`, no `endsAt` at all, a long interval): it was sent before
    now, and before this end too if nothing was heard since then.
    """
    made_by = ended_at if lease.last_received_at <= ended_at else now
    return lease.ends_at > made_by + policy.lease_length


def _is_ended_by(lease: Lease, alert: Alert, ended_at: datetime) -> bool:
    """Whether the resolved `alert` is about the firing that `lease` is about."""
    if lease.starts_at == alert.starts_at:
        return True
    if lease.source != alert.source or (alert.ends_at is not None and lease.starts_at > ended_at):
        return False
    # Who states no start speaks of all there is; a webhook's sender has merged the starts, and peers differ in them;
    # and of what a leasing source was asked for, the start is a guess.
    return alert.starts_at is None or not lease.promised


def _key_of_firing(leases: Leases, alert: Alert, now: datetime, policy: Policy) -> LeaseKey:
    replica = alert.label_set.replica
    if alert.starts_at is not None:
        return LeaseKey(alert.source, replica, alert.starts_at)
    own = [lease for key, lease in leases.items() if key.source == alert.source and key.replica == replica]
    # Who promises nothing either has only the order of its messages: after an end, whoever made it, each begins anew.
    standing = [lease.key for lease in own if not lease.is_ended(policy) and (alert.leased or lease.closed_at is None)]
    closings = [lease.closed_at + _MOMENT for lease in leases.values() if lease.closed_at is not None]
    starts_at = now if alert.leased else max([now, *map(_beyond, own), *closings])
    return max(standing, key=lambda key: key.starts_at, default=LeaseKey(alert.source, replica, starts_at))


def _beyond(lease: Lease) -> datetime:
    """The first moment after all that was told of a lease's firing."""
    return max(lease.starts_at, lease.resolved_at or lease.starts_at, lease.closed_at or lease.starts_at) + _MOMENT


def _resolution(leases: Leases, key: LeaseKey, promised: bool, now: datetime) -> datetime | None:
    """When the firing that a new lease speaks of was told to have ended, by this path or another.

    Only what a sender itself said counts, so that one end does not spread further when it is heard first; and for a
    webhook's word only what was said just now, as it has no other sign of being newer.
    """
    told: list[datetime] = []
    for lease in leases.values():
        end = lease.resolved_at if lease.promised else lease.told_end
        if lease.replica != key.replica or end is None or (not promised and now > lease.last_received_at + LATENESS):
            continue
        # A webhook's sender told that all had ended by a time at which the firing of `key` had begun.
        is_within = not promised and not lease.promised and lease.source == key.source and key.starts_at <= end
        if lease.starts_at == key.starts_at or is_within:
            told.append(end)
    return max(told, default=None)


def _closure(leases: Leases, key: LeaseKey) -> datetime | None:
    """When an operator closed the firing that a new lease continues: overlapping leases are one firing."""
    for lease in leases.values():
        if lease.closed_at is None:
            continue
        reach = lease.closed_at
        if lease.promised and lease.resolved_at is None and not lease.expired:
            reach = max(reach, lease.ends_at)
        if key.starts_at <= reach:
            return lease.closed_at
    return None
