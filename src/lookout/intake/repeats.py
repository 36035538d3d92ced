"""Firings that this process has seen decided. As long as a sender says the same, its repeats only renew a lease.

It is a guess, and the database has the last word: what does not stand there is decided anew.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from lookout.alerts.alert import Alert, AlertStatus
from lookout.incidents.ledger import Receipt
from lookout.incidents.policy import Policy
from lookout.incidents.transitions import Reason
from lookout.intake.work import Delivery, Outcome, Work
from lookout.store.log import Log, Renewal

REPEATS_KNOWN = 200_000
"""Firings whose repeats are recognised without loading them. About 400 bytes each."""

_EVERY = 16
"""One key in so many is forgotten when there are too many, and then others."""

Receipts = dict[int, dict[int, Receipt]]
"""By place in the batch, and in the alerts of that delivery."""

_FIRES = frozenset(
    {Reason.OPENED, Reason.JOINED, Reason.ESCALATED, Reason.REOPENED, Reason.DUPLICATE, Reason.POSTPONED}
)


_Key = tuple[str, str, str, str, datetime]
"""Tenant, fingerprint, and the lease's source, replica and start. A plain tuple: with 200,000 of its subclasses to look
through, the garbage collector would hold everybody up."""


class _Known(msgspec.Struct, frozen=True, gc=False):
    told: int
    """`_told_by` the alert: its annotations themselves may be megabytes."""
    receipt: Receipt


class _Wanted(msgspec.Struct, gc=False):
    """One renewal, however often the batch has the repeat: the latest end, and the places of all of them."""

    ends_at: datetime
    receipt: Receipt
    places: list[tuple[int, int]]


class Repeats:
    """What is known of firings, and their renewal."""

    def __init__(self, store: Log) -> None:
        self._store = store
        self._known: dict[_Key, _Known] = {}
        self._forgettable: list[_Key] = []
        self._offset = 0
        self._policy_version = ""

    async def renew(
        self, batch: Sequence[Work], now: datetime, policy: Policy, lock_seconds: float | None = None
    ) -> Receipts:
        """Renew the leases of the batch's repeats. Returns the receipts of those that stood.

        Under another policy than before each is decided anew: its severity may be another.
        """
        if policy.version != self._policy_version:
            self._known.clear()
            self._policy_version = policy.version
        wanted = self._find(batch, now, policy)
        if not wanted:
            return {}
        renewals = [Renewal(*key, repeat.ends_at) for key, repeat in wanted.items()]
        stood = await self._store.renew(renewals, now, lock_seconds)
        receipts: Receipts = {}
        for number, (key, repeat) in enumerate(wanted.items()):
            if number not in stood:
                self._known.pop(key, None)  # the other lane may have forgotten it
                continue
            for index, place in repeat.places:
                receipts.setdefault(index, {})[place] = repeat.receipt
        return receipts

    def _find(self, batch: Sequence[Work], now: datetime, policy: Policy) -> dict[_Key, _Wanted]:
        wanted: dict[_Key, _Wanted] = {}
        for index, work in enumerate(batch):
            if not isinstance(work, Delivery):
                continue
            for place, alert in enumerate(work.alerts):
                key = _key_of(work.tenant_id, alert) if alert.status is AlertStatus.FIRING else None
                known = self._known.get(key) if key is not None else None
                if key is None or known is None or known.told != _told_by(alert):
                    continue
                ends_at = alert.ends_at or now + policy.expiry_of(alert.source)
                repeat = wanted.setdefault(key, _Wanted(ends_at, known.receipt, []))
                repeat.ends_at = max(repeat.ends_at, ends_at)
                repeat.places.append((index, place))
        return wanted

    def goes_by(self, policy: Policy) -> bool:
        """Whether what is known was decided by this policy."""
        return policy.version == self._policy_version

    def remember(self, batch: Sequence[Work], outcomes: Sequence[Outcome]) -> None:
        """Know the firings that were decided, and no more those that ended, or are too many."""
        for work, outcome in zip(batch, outcomes, strict=True):
            if not isinstance(work, Delivery) or not isinstance(outcome, list):
                continue
            for alert, receipt in zip(work.alerts, outcome, strict=True):
                if (key := _key_of(work.tenant_id, alert)) is None:
                    continue
                if alert.status is AlertStatus.RESOLVED:
                    self._known.pop(key, None)
                elif receipt.reason in _FIRES:
                    repeat = Receipt(receipt.fingerprint, False, Reason.DUPLICATE, receipt.incident_id)
                    self._known[key] = _Known(_told_by(alert), repeat)
        self._forget(len(self._known) - REPEATS_KNOWN)

    def _forget(self, count: int) -> None:
        """Forget so many, whichever: all come again in the same order, and the oldest would be the next to come."""
        while count > 0:
            if not self._forgettable:
                keys = list(self._known)
                self._forgettable = keys[self._offset :: _EVERY]
                self._offset = (self._offset + 1) % _EVERY
            if self._known.pop(self._forgettable.pop(), None) is not None:
                count -= 1


def _told_by(alert: Alert) -> int:
    """What stands for its annotations, in this process: 64 bits, in any order."""
    return hash(frozenset(alert.annotations.items()))


def _key_of(tenant_id: str, alert: Alert) -> _Key | None:
    """By which a repeat of this alert, or of the firing that it ends, is recognised; None if nothing says so."""
    if alert.starts_at is None:
        return None
    return tenant_id, alert.fingerprint, alert.source, alert.label_set.replica, alert.starts_at
