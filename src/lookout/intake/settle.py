"""A batch in the hands of the ledgers: no I/O, so that it can run in a thread."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_never

from lookout.alerts.alert import Alert
from lookout.errors import NotFound
from lookout.incidents.incident import Incident
from lookout.incidents.ledger import Ledger, Receipt
from lookout.incidents.transitions import Reason
from lookout.intake.work import (
    Calm,
    Delivery,
    Expiry,
    Findings,
    Order,
    Outcome,
    Reconciliation,
    Telling,
    Work,
)


def settle(batch: Sequence[Work], ledgers: Mapping[str, Ledger]) -> list[Outcome]:
    """Let the ledgers decide. The alerts of one tenant are decided together, and their receipts parted again."""
    taken = _take(batch, ledgers)
    outcomes: list[Outcome] = []
    for index, work in enumerate(batch):
        match work:
            case Delivery():
                outcomes.append(taken[index])
            case Order():
                outcomes.append(_act(work, ledgers[work.tenant_id]))
            case Expiry():
                for tenant_id, fingerprints in work.fingerprints.items():
                    ledgers[tenant_id].expire(fingerprints, work.now, work.listening_since)
                outcomes.append(None)
            case Reconciliation():
                ledger = ledgers[work.tenant_id]
                outcomes.append(Findings(ledger.reconcile(work.fingerprints, work.comparison, work.now)))
            case Telling():
                for tenant_id in work.dedup_keys:
                    ledgers[tenant_id].tell(work.now)
                outcomes.append(None)
            case Calm():
                for tenant_id, incident_ids in work.incident_ids.items():
                    ledgers[tenant_id].calm(incident_ids, work.now)
                outcomes.append(None)
            case _:
                assert_never(work)
    return outcomes


def _take(batch: Sequence[Work], ledgers: Mapping[str, Ledger]) -> dict[int, list[Receipt]]:
    together: dict[str, tuple[list[Alert], list[tuple[int, int]], datetime]] = {}
    for index, work in enumerate(batch):
        if isinstance(work, Delivery):
            alerts, spans, received_at = together.get(work.tenant_id, ([], [], work.received_at))
            spans.append((index, len(work.alerts)))
            alerts.extend(work.alerts)
            together[work.tenant_id] = (alerts, spans, max(received_at, work.received_at))
    parted: dict[int, list[Receipt]] = {}
    for tenant_id, (alerts, spans, received_at) in together.items():
        receipts = ledgers[tenant_id].take(alerts, received_at)
        start = 0
        for index, length in spans:
            parted[index] = receipts[start : start + length]
            start += length
    return parted


def _act(order: Order, ledger: Ledger) -> tuple[Incident, Reason] | NotFound:
    if order.incident_id not in ledger.by_id:
        return NotFound(f"there is no incident {order.incident_id[:64]!r}")
    return ledger.act(order.incident_id, order.action, order.received_at)
