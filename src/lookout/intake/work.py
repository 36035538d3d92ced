"""What can be asked of the intake, and what it needs of the store."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import assert_never

import msgspec

from lookout.alerts.alert import Alert, RejectedAlert
from lookout.incidents.actions import Action, AttachInvestigation, Resolve
from lookout.incidents.grouping import group_of
from lookout.incidents.incident import Incident
from lookout.incidents.ledger import Receipt
from lookout.incidents.policy import Policy
from lookout.incidents.reconcile import NOTHING, Comparison, Finding
from lookout.incidents.transitions import Reason
from lookout.store.log import Needs, Rejection


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


Work = Delivery | Order | Expiry | Telling | Calm | Reconciliation
Outcome = list[Receipt] | tuple[Incident, Reason] | Findings | Exception | None
"""What a delivery, an order, a reconciliation, one that cannot be done, what time alone changes comes to."""


def needs_of(batch: Iterable[Work], policy: Policy) -> dict[str, Needs]:
    """What has to be loaded to decide the batch, by tenant."""
    needs: dict[str, Needs] = {}
    for work in batch:
        match work:
            case Delivery():
                need = needs.setdefault(work.tenant_id, Needs())
                for alert in work.alerts:
                    need.fingerprints.add(alert.fingerprint)
                    need.dedup_keys.add(group_of(alert.label_set, policy).dedup_key)
            case Order():
                _need_for_order(work, needs.setdefault(work.tenant_id, Needs()))
            case Expiry():
                for tenant_id, fingerprints in work.fingerprints.items():
                    needs.setdefault(tenant_id, Needs()).fingerprints.update(fingerprints)
            case Telling():
                for tenant_id, dedup_keys in work.dedup_keys.items():
                    needs.setdefault(tenant_id, Needs()).dedup_keys.update(dedup_keys)
            case Calm():
                for tenant_id, incident_ids in work.incident_ids.items():
                    needs.setdefault(tenant_id, Needs()).incident_ids.update(incident_ids)
            case Reconciliation():
                _need_for_reconciliation(work, needs.setdefault(work.tenant_id, Needs()), policy)
            case _:
                assert_never(work)
    return needs


def _need_for_order(order: Order, need: Needs) -> None:
    need.incident_ids.add(order.incident_id)
    if isinstance(order.action, Resolve):
        need.all_firing_of.add(order.incident_id)
    if isinstance(order.action, AttachInvestigation):
        need.reports.add((order.incident_id, order.action.investigation.report_id))


def _need_for_reconciliation(reconciliation: Reconciliation, need: Needs, policy: Policy) -> None:
    need.fingerprints.update(reconciliation.fingerprints)
    for fingerprint in reconciliation.fingerprints:
        for alert in reconciliation.comparison.said.get(fingerprint, NOTHING).fires.values():
            need.dedup_keys.add(group_of(alert.label_set, policy).dedup_key)


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
