"""A batch in the hands of the ledgers: no I/O, so that it can run in a thread."""

from collections.abc import Callable, Mapping, Sequence
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
    Forget,
    Order,
    Outcome,
    Reconciliation,
    Telling,
    Watch,
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
            case Expiry() | Watch() | Telling() | Calm():
                _let_time_pass(work, ledgers)
                outcomes.append(None)
            case Forget():
                outcomes.append(_forget(work, ledgers[work.tenant_id]))
            case Reconciliation():
                ledger = ledgers[work.tenant_id]
                outcomes.append(Findings(ledger.reconcile(work.fingerprints, work.comparison, work.now)))
            case _:
                assert_never(work)
    return outcomes


def settle_in_thread(
    batch: Sequence[Work], ledgers: Mapping[str, Ledger], breathe: Callable[[], None]
) -> list[Outcome]:
    """The same where `breathe` may be waited for between two steps."""
    for ledger in ledgers.values():
        ledger.breathe = breathe
    return settle(batch, ledgers)


def _let_time_pass(work: Expiry | Watch | Telling | Calm, ledgers: Mapping[str, Ledger]) -> None:
    match work:
        case Expiry():
            for tenant_id, fingerprints in work.fingerprints.items():
                ledgers[tenant_id].expire(fingerprints, work.now, work.listening_since)
        case Watch():
            for tenant_id, heartbeats in work.heartbeats.items():
                keys = [heartbeat.key for heartbeat in heartbeats]
                ledgers[tenant_id].watch(keys, work.now, work.listening_since)
        case Telling():
            for tenant_id in work.dedup_keys:
                ledgers[tenant_id].tell(work.now)
        case Calm():
            for tenant_id, incident_ids in work.incident_ids.items():
                ledgers[tenant_id].calm(incident_ids, work.now)
        case _:
            assert_never(work)


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


def _forget(work: Forget, ledger: Ledger) -> NotFound | None:
    if ledger.forget(work.heartbeat.key, work.received_at):
        return None
    return NotFound(f"there is no heartbeat {work.heartbeat.fingerprint[:64]!r} of the source {work.heartbeat.source}")


def _act(order: Order, ledger: Ledger) -> tuple[Incident, Reason] | NotFound:
    if order.incident_id not in ledger.by_id:
        return NotFound(f"there is no incident {order.incident_id[:64]!r}")
    return ledger.act(order.incident_id, order.action, order.received_at)
