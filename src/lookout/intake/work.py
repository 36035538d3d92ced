"""What can be asked of the intake, and what it needs of the store."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import assert_never

import msgspec

from lookout.alerts.alert import Alert, RejectedAlert
from lookout.incidents.actions import Action, AttachInvestigation, Resolve
from lookout.incidents.grouping import dedup_key_of
from lookout.incidents.heartbeat import Heartbeat, HeartbeatKey, is_heartbeat, silence_labels
from lookout.incidents.incident import Incident
from lookout.incidents.ledger import Receipt
from lookout.incidents.policy import Policy
from lookout.incidents.reconcile import NOTHING, Comparison, Finding
from lookout.incidents.transitions import Reason
from lookout.store.transaction import Needs, Rejection


class Delivery(msgspec.Struct, frozen=True):
    """The alerts of one request. `rejected` of a place below 0 is the whole body."""

    tenant_id: str
    source: str
    received_at: datetime
    alerts: Sequence[Alert] = ()
    rejected: Sequence[RejectedAlert] = ()

    @property
    def size(self) -> int:
        return len(self.alerts) + len(self.rejected)


class Order(msgspec.Struct, frozen=True):
    """A person's, or a program's, action on an incident."""

    tenant_id: str
    incident_id: str
    action: Action
    received_at: datetime

    @property
    def size(self) -> int:
        return 1


class Expiry(msgspec.Struct, frozen=True):
    """Alerts, by tenant, of which a lease may have run out at `now`."""

    fingerprints: Mapping[str, Sequence[str]]
    now: datetime
    listening_since: datetime

    @property
    def size(self) -> int:
        return sum(len(fingerprints) for fingerprints in self.fingerprints.values())


class Telling(msgspec.Struct, frozen=True):
    """Groups, by tenant, of which something postponed is due at `now`. `size` counts the alerts."""

    dedup_keys: Mapping[str, Sequence[str]]
    now: datetime
    size: int


class Calm(msgspec.Struct, frozen=True):
    """Incidents, by tenant, that may flap no more at `now`."""

    incident_ids: Mapping[str, Sequence[str]]
    now: datetime

    @property
    def size(self) -> int:
        return sum(len(incident_ids) for incident_ids in self.incident_ids.values())


class Watch(msgspec.Struct, frozen=True):
    """Heartbeats, by tenant, that may be missing at `now`."""

    heartbeats: Mapping[str, Sequence[Heartbeat]]
    now: datetime
    listening_since: datetime

    @property
    def size(self) -> int:
        return sum(len(heartbeats) for heartbeats in self.heartbeats.values())


class Forget(msgspec.Struct, frozen=True):
    """A person says that the source of a heartbeat is gone for good."""

    tenant_id: str
    heartbeat: Heartbeat
    received_at: datetime

    @property
    def size(self) -> int:
        return 1


class Reconciliation(msgspec.Struct, frozen=True):
    """Alerts to compare with what their source answered."""

    tenant_id: str
    comparison: Comparison
    fingerprints: Sequence[str]
    now: datetime

    @property
    def size(self) -> int:
        return len(self.fingerprints)


class Findings(msgspec.Struct, frozen=True):
    """What a reconciliation found."""

    alerts: list[Finding]


Work = Delivery | Order | Expiry | Telling | Calm | Watch | Forget | Reconciliation
Outcome = list[Receipt] | tuple[Incident, Reason] | Findings | Exception | None
"""What a delivery, an order, a reconciliation, what cannot be done, and all other work comes to."""


def tenants_of(work: Work) -> Set[str]:
    """Whose it is: what time alone changes may be of many."""
    match work:
        case Expiry():
            return work.fingerprints.keys()
        case Telling():
            return work.dedup_keys.keys()
        case Calm():
            return work.incident_ids.keys()
        case Watch():
            return work.heartbeats.keys()
        case _:
            return {work.tenant_id}


def needs_of(batch: Iterable[Work], policy: Policy) -> dict[str, Needs]:
    """What has to be loaded to decide the batch, by tenant."""
    needs: dict[str, Needs] = defaultdict(Needs)
    for work in batch:
        match work:
            case Delivery():
                _need_alerts(needs[work.tenant_id], work.alerts, policy)
            case Order():
                _need_for_order(work, needs[work.tenant_id])
            case Expiry() | Telling() | Calm() | Watch():
                _need_as_time_passes(work, needs, policy)
            case Forget():
                _need_heartbeats(needs[work.tenant_id], [work.heartbeat], policy)
            case Reconciliation():
                _need_reconciled(needs[work.tenant_id], work, policy)
            case _:
                assert_never(work)
    return dict(needs)


def _need_alerts(need: Needs, alerts: Iterable[Alert], policy: Policy) -> None:
    for alert in alerts:
        need.fingerprints.add(alert.fingerprint)
        need.dedup_keys.add(dedup_key_of(alert.label_set, policy))
        if is_heartbeat(alert.source, alert.labels, policy):
            _need_heartbeat(need, HeartbeatKey(alert.source, alert.fingerprint), alert.labels, policy)


def _need_reconciled(need: Needs, work: Reconciliation, policy: Policy) -> None:
    need.fingerprints.update(work.fingerprints)
    need.every_heartbeat = True
    for fingerprint in work.fingerprints:
        for alert in work.comparison.said.get(fingerprint, NOTHING).fires.values():
            need.dedup_keys.add(dedup_key_of(alert.label_set, policy))


def _need_heartbeats(need: Needs, heartbeats: Iterable[Heartbeat], policy: Policy) -> None:
    for heartbeat in heartbeats:
        _need_heartbeat(need, heartbeat.key, heartbeat.labels, policy)


def _need_heartbeat(need: Needs, key: HeartbeatKey, labels: Mapping[str, str], policy: Policy) -> None:
    """A heartbeat is needed with the alert that tells of its silence: any word of it may begin or end that."""
    silence = silence_labels(key.source, labels)
    need.heartbeats.add(key)
    need.fingerprints.add(silence.fingerprint)
    need.dedup_keys.add(dedup_key_of(silence, policy))


def _need_for_order(order: Order, need: Needs) -> None:
    need.incident_ids.add(order.incident_id)
    if isinstance(order.action, Resolve):
        need.all_firing_of.add(order.incident_id)
    if isinstance(order.action, AttachInvestigation):
        need.reports.add((order.incident_id, order.action.investigation.report_id))


def _need_as_time_passes(work: Expiry | Telling | Calm | Watch, needs: dict[str, Needs], policy: Policy) -> None:
    match work:
        case Expiry(fingerprints=names):
            for tenant_id, fingerprints in names.items():
                needs[tenant_id].fingerprints.update(fingerprints)
                needs[tenant_id].every_heartbeat = True
        case Telling(dedup_keys=keys):
            for tenant_id, dedup_keys in keys.items():
                needs[tenant_id].dedup_keys.update(dedup_keys)
        case Calm(incident_ids=ids):
            for tenant_id, incident_ids in ids.items():
                needs[tenant_id].incident_ids.update(incident_ids)
        case Watch(heartbeats=missing):
            for tenant_id, heartbeats in missing.items():
                _need_heartbeats(needs[tenant_id], heartbeats, policy)
        case _:
            assert_never(work)


def rejections_of(batch: Iterable[Work]) -> list[Rejection]:
    """What the deliveries of the batch had refused."""
    return [
        Rejection(
            work.tenant_id,
            work.source,
            work.received_at,
            rejected.index if rejected.index >= 0 else None,
            rejected.reason,
            rejected.excerpt,
        )
        for work in batch
        if isinstance(work, Delivery)
        for rejected in work.rejected
    ]
