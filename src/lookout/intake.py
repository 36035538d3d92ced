"""The shell around the core: load, decide, append. Requests are answered only after the commit (I1).

One writer per process commits whatever gathered while the last commit was under way: no timer, so nothing waits when
it is idle. A repeat of a firing that this process has seen is one renewal in one batched update; the database says
whether it stood, and everything else goes through a ledger. The queue has a bound: what is beyond it is refused before
anything is taken (I8).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import assert_never

import msgspec
import structlog

from lookout import metrics
from lookout.alerts.alert import Alert, AlertStatus, RejectedAlert
from lookout.clock import Clock
from lookout.errors import NotFound, Overloaded
from lookout.incidents.actions import Action, Resolve
from lookout.incidents.grouping import group_of
from lookout.incidents.incident import Incident
from lookout.incidents.lease import LeaseKey
from lookout.incidents.ledger import Ledger, Receipt
from lookout.incidents.policy import Policy
from lookout.incidents.transitions import Reason
from lookout.store.database import PASSING_ERRORS, passes
from lookout.store.log import Log, Needs, Rejection, Renewal

QUEUE_LIMIT = 250_000
"""Alerts that may wait for a commit. One request always fits into an empty queue: the body limit bounds it."""
BATCH_LIMIT = 20_000
"""Alerts in one commit, but for a single request that has more: it is one commit, whole."""
REPEATS_KNOWN = 200_000
"""Firings whose repeats are recognised without loading them. About 400 bytes each."""
TRIES = 3
RETRY_AFTER = timedelta(milliseconds=200)
THREAD_FROM = 2_000
"""From this many alerts on a ledger decides in a thread, so that the server goes on answering."""

log = structlog.get_logger()


class Delivery(msgspec.Struct, frozen=True):
    """The alerts of one request. `rejected` of a place below 0 is the whole body."""

    tenant_id: str
    source: str
    received_at: datetime
    alerts: Sequence[Alert] = ()
    rejected: Sequence[RejectedAlert] = ()


class Order(msgspec.Struct, frozen=True):
    """A person's action on an incident."""

    tenant_id: str
    incident_id: str
    action: Action
    received_at: datetime


class Expiry(msgspec.Struct, frozen=True):
    """Alerts, by tenant, of which a lease may have run out at `now`."""

    fingerprints: Mapping[str, Sequence[str]]
    now: datetime
    listening_since: datetime


Work = Delivery | Order | Expiry
Outcome = list[Receipt] | tuple[Incident, Reason] | None


class _Job(msgspec.Struct):
    work: Work
    size: int
    done: "asyncio.Future[Outcome]"


class _Known(msgspec.Struct, frozen=True, gc=False):
    """A firing that this process has seen decided: its repeats are silent as long as they say the same."""

    annotations: Mapping[str, str]
    receipt: Receipt


class Intake:
    """The one writer of this process."""

    def __init__(self, store: Log, clock: Clock, policy: Policy, fresh_id: Callable[[], str]) -> None:
        self.policy = policy
        self.listening_since = clock.now()
        self._store = store
        self._clock = clock
        self._fresh_id = fresh_id
        self._jobs: list[_Job] = []
        self._waiting = 0
        self._arrived = asyncio.Event()
        self._known: dict[tuple[str, str, LeaseKey], _Known] = {}
        self._closed = False

    @property
    def waiting(self) -> int:
        """Alerts that wait for a commit."""
        return self._waiting

    async def deliver(self, delivery: Delivery) -> list[Receipt]:
        """Store the alerts of one request; returns after the commit, with a receipt for each. Raises `Overloaded`."""
        outcome = await self._submit(delivery, len(delivery.alerts) + len(delivery.rejected))
        assert isinstance(outcome, list)
        return outcome

    async def order(self, order: Order) -> tuple[Incident, Reason]:
        """Do a person's action; returns the incident after it, and why. Raises `NotFound`, `Overloaded`."""
        outcome = await self._submit(order, 1)
        assert isinstance(outcome, tuple)
        return outcome

    async def expire(self, expiry: Expiry) -> None:
        """End what has run out."""
        await self._submit(expiry, sum(len(fingerprints) for fingerprints in expiry.fingerprints.values()))

    async def _submit(self, work: Work, size: int) -> Outcome:
        if self._closed or (self._waiting and self._waiting + size > QUEUE_LIMIT):
            metrics.OVERLOADED.inc()
            raise Overloaded("Lookout has more to store than it can at the moment; nothing of this request was taken")
        job = _Job(work, size, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._waiting += size
        self._arrived.set()
        return await job.done

    async def run(self) -> None:
        """Commit batch after batch, until `close`. What was taken by then is committed first."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._jobs:
                batch = self._gather()
                try:
                    await self._commit(batch)
                finally:
                    self._waiting -= sum(job.size for job in batch)
            if self._closed:
                return

    def close(self) -> None:
        """Take nothing more."""
        self._closed = True
        self._arrived.set()

    def _gather(self) -> list[_Job]:
        """The next batch, in the order of arrival. An action is a commit of its own: it is never tried twice."""
        size = count = 0
        for job in self._jobs:
            is_order = isinstance(job.work, Order)
            if count and (is_order or size + job.size > BATCH_LIMIT):
                break
            size += job.size
            count += 1
            if is_order:
                break
        batch, self._jobs = self._jobs[:count], self._jobs[count:]
        metrics.BATCH_SIZE.observe(size)
        return batch

    async def _commit(self, batch: list[_Job]) -> None:
        try:
            outcomes = await self._try(batch)
        except Exception as error:  # noqa: BLE001 - the writer outlives whatever one batch does to it
            if passes(error):
                self._refuse(batch, error)
            else:
                await self._isolate(batch, error)
        else:
            for job, outcome in zip(batch, outcomes, strict=True):
                _answer(job, outcome)

    async def _isolate(self, batch: list[_Job], error: Exception) -> None:
        """One job of the batch cannot be done: commit each alone, so that it costs the others nothing."""
        if len(batch) > 1:
            for job in batch:
                await self._commit([job])
            return
        log.error("intake", action="job_failed", error=repr(error), exc_info=error)
        metrics.FAILED_COMMITS.inc()
        _answer(batch[0], error)

    def _refuse(self, batch: list[_Job], error: Exception) -> None:
        """The database is away: say so at once, and count silence only from when it is back."""
        log.warning("intake", action="commit_failed", error=repr(error), alerts=sum(job.size for job in batch))
        metrics.FAILED_COMMITS.inc()
        self.listening_since = self._clock.now()
        for job in batch:
            _answer(job, Overloaded("the database does not answer; nothing of this request is known to be stored"))

    async def _try(self, batch: list[_Job]) -> list[Outcome | Exception]:
        """Commit, and again if that failed for a passing reason: alerts that are stored twice are stored once."""
        for attempt in range(1, TRIES + 1):
            try:
                with metrics.COMMIT_SECONDS.time():
                    return await self._settle([job.work for job in batch])
            except PASSING_ERRORS as error:
                # A note that may have been committed would stand there twice.
                if attempt == TRIES or isinstance(batch[0].work, Order) or not passes(error):
                    raise
                log.info("intake", action="commit_retried", attempt=attempt, error=repr(error))
                await self._clock.sleep(RETRY_AFTER)
        raise AssertionError("unreachable")

    async def _settle(self, batch: list[Work]) -> list[Outcome | Exception]:
        renewed = await self._renew(batch)
        rest = [_without(work, renewed.get(index, {})) for index, work in enumerate(batch)]
        outcomes: list[Outcome | Exception] = [[] if isinstance(work, Delivery) else None for work in batch]
        if any(_has_work(work) for work in rest):
            outcomes = await self._decide(rest)
        for index, receipts in renewed.items():
            decided = outcomes[index]
            assert isinstance(decided, list)
            outcomes[index] = _interleave(receipts, decided)
        return outcomes

    async def _renew(self, batch: list[Work]) -> dict[int, dict[int, Receipt]]:
        """Renew the leases of known repeats. Returns the receipts, by place in the batch and in its alerts."""
        wanted: dict[tuple[str, str, LeaseKey], tuple[datetime, list[tuple[int, int]], Receipt]] = {}
        now = self._clock.now()
        for index, work in enumerate(batch):
            for place, alert in enumerate(work.alerts if isinstance(work, Delivery) else ()):
                key = _repeat_key(work.tenant_id, alert) if isinstance(work, Delivery) else None
                known = self._known.get(key) if key is not None else None
                if key is None or known is None or known.annotations != alert.annotations:
                    continue
                ends_at = alert.ends_at or now + self.policy.webhook_expiry
                _, places, _ = entry = wanted.get(key) or (ends_at, [], known.receipt)
                places.append((index, place))
                wanted[key] = (max(ends_at, entry[0]), places, known.receipt)
        if not wanted:
            return {}
        renewals = [Renewal(key[0], key[1], key[2], ends_at) for key, (ends_at, _, _) in wanted.items()]
        stood = await self._store.renew(renewals, now)
        receipts: dict[int, dict[int, Receipt]] = {}
        for number, (key, (_, places, receipt)) in enumerate(wanted.items()):
            if number not in stood:
                del self._known[key]
                continue
            for index, place in places:
                receipts.setdefault(index, {})[place] = receipt
        metrics.DECIDED.labels(Reason.DUPLICATE).inc(sum(len(found) for found in receipts.values()))
        return receipts

    async def _decide(self, batch: list[Work]) -> list[Outcome | Exception]:
        needs = _needs_of(batch, self.policy)
        await self._store.open_feeds(needs)
        async with self._store.transaction() as transaction:
            ledgers = await transaction.load(needs, self.policy, self._fresh_id)
            if sum(len(need.fingerprints) for need in needs.values()) >= THREAD_FROM:
                outcomes = await asyncio.to_thread(_settle, batch, ledgers)
            else:
                outcomes = _settle(batch, ledgers)
            await transaction.append(ledgers.values(), self.policy)
            await transaction.append_rejected(_rejections_of(batch))
        _count(outcomes, ledgers.values())
        self._remember(batch, outcomes)
        return outcomes

    def _remember(self, batch: list[Work], outcomes: list[Outcome | Exception]) -> None:
        for work, outcome in zip(batch, outcomes, strict=True):
            if not isinstance(work, Delivery) or not isinstance(outcome, list):
                continue
            for alert, receipt in zip(work.alerts, outcome, strict=True):
                key = _repeat_key(work.tenant_id, alert)
                if key is not None and receipt.reason in _FIRES:
                    self._known[key] = _Known(
                        alert.annotations,
                        Receipt(receipt.fingerprint, False, Reason.DUPLICATE, receipt.incident_id),
                    )
        for key in list(self._known)[: max(0, len(self._known) - REPEATS_KNOWN)]:
            del self._known[key]


_FIRES = frozenset({Reason.OPENED, Reason.JOINED, Reason.ESCALATED, Reason.REOPENED, Reason.DUPLICATE})


def _settle(batch: list[Work], ledgers: Mapping[str, Ledger]) -> list[Outcome | Exception]:
    """Let the ledgers decide. The alerts of one tenant are decided together, and their receipts parted again."""
    taken = _take(batch, ledgers)
    outcomes: list[Outcome | Exception] = []
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
            case _:
                assert_never(work)
    return outcomes


def _take(batch: list[Work], ledgers: Mapping[str, Ledger]) -> dict[int, list[Receipt]]:
    together: dict[str, tuple[list[Alert], list[tuple[int, int]], datetime]] = {}
    for index, work in enumerate(batch):
        if isinstance(work, Delivery):
            alerts, spans, received_at = together.get(work.tenant_id, ([], [], work.received_at))
            spans.append((index, len(work.alerts)))
            alerts.extend(work.alerts)
            together[work.tenant_id] = (alerts, spans, max(received_at, work.received_at))
    parted: dict[int, list[Receipt]] = {}
    for tenant_id, (alerts, spans, received_at) in together.items():
        receipts = ledgers[tenant_id].take(alerts, received_at) if alerts else []
        start = 0
        for index, length in spans:
            parted[index] = receipts[start : start + length]
            start += length
    return parted


def _act(order: Order, ledger: Ledger) -> tuple[Incident, Reason] | Exception:
    if order.incident_id not in ledger.by_id:
        return NotFound(f"there is no incident {order.incident_id[:64]!r}")
    return ledger.act(order.incident_id, order.action, order.received_at)


def _needs_of(batch: Iterable[Work], policy: Policy) -> dict[str, Needs]:
    needs: dict[str, Needs] = {}
    for work in batch:
        match work:
            case Delivery():
                need = needs.setdefault(work.tenant_id, Needs())
                for alert in work.alerts:
                    need.fingerprints.add(alert.fingerprint)
                    need.dedup_keys.add(group_of(alert.label_set, policy).dedup_key)
            case Order():
                need = needs.setdefault(work.tenant_id, Needs())
                need.incident_ids.add(work.incident_id)
                if isinstance(work.action, Resolve):
                    need.all_firing_of.add(work.incident_id)
            case Expiry():
                for tenant_id, fingerprints in work.fingerprints.items():
                    needs.setdefault(tenant_id, Needs()).fingerprints.update(fingerprints)
            case _:
                assert_never(work)
    return needs


def _rejections_of(batch: Iterable[Work]) -> list[Rejection]:
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


def _repeat_key(tenant_id: str, alert: Alert) -> tuple[str, str, LeaseKey] | None:
    """By which a repeat of this alert is recognised, None if it can be none."""
    if alert.status is not AlertStatus.FIRING or alert.starts_at is None:
        return None
    return tenant_id, alert.fingerprint, LeaseKey(alert.source, alert.label_set.replica, alert.starts_at)


def _without(work: Work, renewed: Mapping[int, Receipt]) -> Work:
    """What is left to decide of a delivery."""
    if not renewed or not isinstance(work, Delivery):
        return work
    left = [alert for place, alert in enumerate(work.alerts) if place not in renewed]
    return msgspec.structs.replace(work, alerts=left)


def _has_work(work: Work) -> bool:
    return not isinstance(work, Delivery) or bool(work.alerts) or bool(work.rejected)


def _interleave(renewed: Mapping[int, Receipt], decided: Sequence[Receipt]) -> list[Receipt]:
    others = iter(decided)
    return [renewed[place] if place in renewed else next(others) for place in range(len(renewed) + len(decided))]


def _count(outcomes: Iterable[Outcome | Exception], ledgers: Iterable[Ledger]) -> None:
    for outcome in outcomes:
        for receipt in outcome if isinstance(outcome, list) else ():
            metrics.DECIDED.labels(receipt.reason).inc()
    for ledger in ledgers:
        for record in ledger.records:
            metrics.EVENTS.labels(record.event.event_type).inc()


def _answer(job: _Job, outcome: Outcome | Exception) -> None:
    if job.done.done():  # whoever asked has gone
        return
    if isinstance(outcome, Exception):
        job.done.set_exception(outcome)
    else:
        job.done.set_result(outcome)
