"""The one writer of this process: it commits whatever gathered while the last commit was under way.

No timer, so nothing waits when it is idle. The queue says what is next, in two lanes at once, and a tenant is in one of
them at a time. A repeat of a firing that this process has seen is one renewal in one batched update, and everything
else goes through a ledger. The queue has a bound: what is beyond it is refused before anything is taken (I8).
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any, TypeVar

import asyncpg
import msgspec
import structlog

from lookout import metrics
from lookout.clock import Clock
from lookout.errors import Overloaded, RowsHeld
from lookout.incidents.actions import REPEATABLE
from lookout.incidents.events import Record
from lookout.incidents.incident import Incident
from lookout.incidents.ledger import Ledger, Receipt
from lookout.incidents.policy import Policy
from lookout.incidents.reconcile import Finding
from lookout.incidents.transitions import Reason
from lookout.intake.listening import Listening
from lookout.intake.queue import Job, Lane, Queue, tenant_of
from lookout.intake.repeats import Receipts, Repeats
from lookout.intake.settle import settle, settle_in_thread
from lookout.intake.tally import Tally
from lookout.intake.ways import Way, Ways
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
    needs_of,
    rejections_of,
    tenants_of,
)
from lookout.limits import USUAL, Limits
from lookout.store.database import ABORTS, PASSING_ERRORS, WAITED_FOR, passes
from lookout.store.log import Log, commit_seconds

QUIET_PART = 5
"""One part in so many of the queue is kept for tenants of which no more than a share waits."""
TRIES = 3
RETRY_AFTER = timedelta(milliseconds=200)
_UNKNOWN = "nothing of this request is known to be stored"
HELD_SECONDS, HELD_LIMIT, HELD_LEAST = 0.5, 1.0, 0.01
"""How long to wait for rows that another writer held just now, for longer than anybody waits: it may be frozen. So long
for each tenant, and in all for those of one batch; then so long for each: all others wait behind that."""
HELD_FOR_SECONDS = 16.0
"""For how long that goes on unless a commit succeeds: by then PostgreSQL has ended whoever is frozen."""
THREAD_FROM = 100
"""From this many alerts on a ledger decides in a thread, so that the server goes on answering: as many take 3 ms."""

Grown = Sequence[tuple[str, Sequence[Record]]]
"""By tenant what a commit has added to logs."""

T = TypeVar("T")

log = structlog.get_logger()


class _Held(msgspec.Struct):
    """How long a batch has `waited`, in seconds, for rows that others held."""

    waited: float = 0

    def patience(self) -> float:
        """How long it waits for those of the next tenant."""
        return max(HELD_LEAST, min(HELD_SECONDS, HELD_LIMIT - self.waited))


class _Turn(msgspec.Struct):
    """What a batch goes by. If it `is_hurried` somebody's rows are held, and nobody's are waited for as usual."""

    way: Way
    held: _Held = msgspec.field(default_factory=_Held)
    is_hurried: bool = False


class _Attempt(msgspec.Struct):
    """What a try to commit goes by, how long it waits for a lock if not as usual, and what the logs have grown by."""

    way: Way
    lock_seconds: float | None
    grown: list[tuple[str, Sequence[Record]]] = []


class Intake:
    """The one writer of this process."""

    def __init__(
        self, store: Log, clock: Clock, policy: Policy, fresh_id: Callable[[], str], limits: Limits = USUAL
    ) -> None:
        self.policy = policy
        """What decides. Another may be put here at any time: a commit goes to its end with the one it began with."""
        self.listening = Listening(clock.now())
        self.tally = Tally(store)
        self.on_return: Callable[[str, str], None] = _nobody
        """Told the tenant and the source when one that was silent is heard again, after the commit."""
        self.on_commit: Callable[[Grown], None] = _nobody_follows
        """Told by what which tenant's log has grown, after the commit is answered."""
        self._store = store
        self._clock = clock
        self._fresh_id = fresh_id
        self._limits = limits
        self._queue = Queue(limits)
        self._wakes = {lane: asyncio.Event() for lane in Lane}
        self._ways = Ways()
        self._repeats = Repeats(store)
        self._held: dict[str | None, float] = {}
        """Tenants whose rows another writer held for longer than anybody waits, None for what is of many; and until
        when, by the loop's clock, nobody waits for them so long."""
        self._closed = False

    @property
    def waiting(self) -> int:
        """Alerts that wait for a commit."""
        return self._queue.waiting

    def knows(self, tenant_id: str) -> bool:
        """Whether the tenant has a log, as far as this process has written to it."""
        return self._store.knows(tenant_id)

    async def deliver(self, delivery: Delivery) -> list[Receipt]:
        """Store the alerts of one request; returns after the commit, with a receipt for each. Raises `Overloaded`."""
        outcome = await self._submit(delivery)
        assert isinstance(outcome, list)
        return outcome

    async def deliver_all(self, deliveries: Sequence[Delivery]) -> list[list[Receipt] | BaseException]:
        """Store the alerts of one request, a delivery for each tenant; returns when all are committed or refused.

        Of each its receipts, or the error that `deliver` raises: one that cannot be stored costs the others nothing.
        """
        return await asyncio.gather(*map(self.deliver, deliveries), return_exceptions=True)

    async def order(self, order: Order) -> tuple[Incident, Reason]:
        """Do a person's action; returns the incident after it, and why. Raises `NotFound`, `Overloaded`."""
        outcome = await self._submit(order)
        assert isinstance(outcome, tuple)
        return outcome

    async def expire(self, due: Expiry | Telling | Calm) -> None:
        """End what has run out."""
        await self._submit(due)

    async def watch(self, watch: Watch) -> None:
        """Tell which heartbeats are missing."""
        await self._submit(watch)

    async def forget(self, forget: Forget) -> None:
        """Watch a heartbeat no more. Raises `NotFound`, `Overloaded`."""
        await self._submit(forget)

    async def reconcile(self, reconciliation: Reconciliation) -> Sequence[Finding]:
        """Begin and end what the source's answers say; returns after the commit what changed. Raises `Overloaded`."""
        outcome = await self._submit(reconciliation)
        assert isinstance(outcome, Findings)
        return outcome.alerts

    async def _submit(self, work: Work) -> Outcome:
        tenant_id, size = tenant_of(work), work.size
        if self._closed or not self._has_room(tenant_id, size):
            metrics.OVERLOADED.inc()
            self.note_refusal(tenant_id)
            raise Overloaded("Lookout has more to store than it can at the moment; nothing of this request was taken")
        job = Job(work, tenant_id, size, asyncio.get_running_loop().create_future())
        self._queue.put(job)
        self._wake()
        return await job.done

    def note_refusal(self, tenant_id: str | None) -> None:
        """A request of this tenant, "" for one of many, was refused here or before: its silence counts from now on."""
        if tenant_id is not None:
            self.listening.refused(tenant_id, self._clock.now())

    def _has_room(self, tenant_id: str | None, size: int) -> bool:
        """One request always fits where nothing waits, and a tenant in a storm cannot take the room of all others.

        What time does always fits: of that only the timers' next commit ever waits.
        """
        if tenant_id is None:
            return True
        waiting = self._queue.waiting
        of_tenant = self._queue.waiting_of(tenant_id)
        if of_tenant and of_tenant + size > self._limits.tenant_queue:
            return False
        is_quiet = of_tenant + size <= self._limits.tenant_share
        whole = self._limits.queue
        limit = whole if is_quiet else whole - whole // QUIET_PART
        return not waiting or waiting + size <= limit

    async def run(self) -> None:
        """Commit batch after batch, until `close`. What was taken by then is committed first."""
        await asyncio.gather(*map(self._run_lane, Lane))

    async def _run_lane(self, lane: Lane) -> None:
        while True:
            self._wakes[lane].clear()
            if batch := self._queue.take(lane):
                alerts = sum(job.size for job in batch)
                metrics.BATCH_SIZE.observe(alerts)
                try:
                    whose = frozenset(chain.from_iterable(tenants_of(job.work) for job in batch))
                    with self._ways.of(lane, alerts, whose) as way:
                        await self._commit(batch, way)
                        if lane is Lane.QUIET and self._ways.are_shared:
                            await asyncio.sleep(0)  # whoever is answered goes before the storm,
                            await asyncio.sleep(0)  # and then whoever follows
                finally:
                    self._queue.done(batch)
                    self._wake()
            elif self._closed and self._queue.is_empty:
                return
            else:
                await self._wakes[lane].wait()

    async def give_way(self, began: float) -> None:
        """In a storm, return once no quiet tenant's commit is under way: before what takes long.

        But not later than a while after it `began`, by the loop's clock: those behind it wait too.
        """
        if self._ways.are_shared:
            await Way(self._ways, 0, spent=asyncio.get_running_loop().time() - began).give()

    def close(self) -> None:
        """Take nothing more."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        """Let both lanes look: there is more, or a tenant is free for the other lane."""
        for wake in self._wakes.values():
            wake.set()

    async def _commit(self, batch: Sequence[Job], way: Way) -> None:
        """Commit all together, but for tenants whose rows another writer held just now: each of those by itself."""
        free = [job for job in batch if not self._is_held(job)]
        held = _by_tenant(job for job in batch if self._is_held(job))
        await self._one_by_one([free, *held] if free else held, _Turn(way))

    def _is_held(self, job: Job) -> bool:
        now = asyncio.get_running_loop().time()
        whose = (job.tenant_id, *tenants_of(job.work)) if self._held else ()
        return any(self._held.get(tenant_id, now) > now for tenant_id in whose)

    async def _one_by_one(self, parts: Sequence[list[Job]], turn: "_Turn") -> Exception | None:
        """Commit each part, so that one that cannot be costs the others nothing.

        Once the database is away it is so for those behind too: they do not each wait for it. Returns why it is.
        """
        for place, part in enumerate(parts):
            error = await self._attempt(part, turn)
            if error is not None and not _is_away(error):
                error, behind = await self._take_apart(part, error, turn), place + 1
            else:
                behind = place
            if error is not None:
                self._refuse(list(chain.from_iterable(parts[behind:])), error)
                return error
        return None

    async def _take_apart(self, batch: Sequence[Job], error: Exception, turn: "_Turn") -> Exception | None:
        """Something of it cannot be done, or waits for a lock: find out what, and commit the rest.

        Returns why the database is away, if it is by now.
        """
        if isinstance(error, asyncpg.LockNotAvailableError):
            parts = _by_tenant(batch)
            if len(parts) == 1:
                self._held[batch[0].tenant_id] = asyncio.get_running_loop().time() + HELD_FOR_SECONDS
                self._refuse(batch, error)
                return None
            turn = msgspec.structs.replace(turn, is_hurried=True)
        else:
            parts = [[job] for job in batch]
            if len(parts) == 1:
                log.error("intake", action="job_failed", error=repr(error), exc_info=error)
                metrics.FAILED_COMMITS.inc()
                _answer(batch[0], error)
                return None
        return await self._one_by_one(parts, turn)

    async def _attempt(self, batch: Sequence[Job], turn: "_Turn") -> Exception | None:
        """Commit, answer each, and tell who follows. If that failed nobody is answered yet: returns why."""
        is_hurried = turn.is_hurried or self._is_held(batch[0])
        attempt = _Attempt(turn.way, turn.held.patience() if is_hurried else None)
        began = asyncio.get_running_loop().time()
        try:
            seconds = commit_seconds(sum(job.size for job in batch))
            outcomes = await _within(self._try(batch, attempt), seconds)
        except Exception as error:  # noqa: BLE001 - the writer outlives whatever one batch does to it
            if isinstance(error, TimeoutError):
                await self._store.give_up_connections()
            if is_hurried:
                turn.held.waited += asyncio.get_running_loop().time() - began
            return error
        for job, outcome in zip(batch, outcomes, strict=True):
            self._held.pop(job.tenant_id, None)
            _answer(job, outcome)
        if attempt.grown:  # after the answers: there may be a thousand who follow
            asyncio.get_running_loop().call_soon(self.on_commit, attempt.grown)
        return None

    def _refuse(self, batch: Sequence[Job], error: Exception) -> None:
        """The database is away: say so at once, and count silence only from when it is back.

        Who only waited for too long, for somebody else's lock, is alone not heard.
        """
        log.warning("intake", action="commit_failed", error=repr(error), alerts=sum(job.size for job in batch))
        metrics.FAILED_COMMITS.inc()
        if _is_away(error):
            self.note_refusal("")
            refusal = Overloaded(f"the database does not answer; {_UNKNOWN}")
        else:
            refusal = RowsHeld(f"somebody else holds this tenant's rows in the database; {_UNKNOWN}")
        for job in batch:
            self.note_refusal(job.tenant_id)
            _answer(job, refusal)

    async def _try(self, batch: Sequence[Job], attempt: "_Attempt") -> list[Outcome]:
        """Commit, and again if that failed for a passing reason: alerts that are stored twice are stored once."""
        for number in range(1, TRIES + 1):
            try:
                with metrics.COMMIT_SECONDS.time():
                    return await self._settle([job.work for job in batch], attempt)
            except PASSING_ERRORS as error:
                # A note that may have been committed would stand there twice; what was aborted for certain was not.
                is_ambiguous = _is_once_only(batch[0].work) and not isinstance(error, ABORTS)
                if number == TRIES or is_ambiguous or isinstance(error, WAITED_FOR) or not passes(error):
                    raise
                log.info("intake", action="commit_retried", attempt=number, error=repr(error))
                await self._clock.sleep(RETRY_AFTER)
        raise AssertionError("unreachable")

    async def _settle(self, batch: list[Work], attempt: "_Attempt") -> list[Outcome]:
        policy = self.policy
        batch = [self._as_heard(work) for work in batch]
        renewed = await self._repeats.renew(batch, self._clock.now(), policy, attempt.lock_seconds)
        rest = {
            index: _without(work, renewed.get(index, {}))
            for index, work in enumerate(batch)
            if _is_left(work, len(renewed.get(index, ())))
        }
        outcomes = await self._decide(list(rest.values()), policy, attempt) if rest else []
        decided = dict(zip(rest, outcomes, strict=True))
        _count_repeats(renewed)
        return [_joined(renewed.get(index, {}), decided.get(index, [])) for index in range(len(batch))]

    def _as_heard(self, work: Work) -> Work:
        """Without those of whom something was refused since the timers looked: it may have been what they miss."""
        if not isinstance(work, Expiry | Watch):
            return work
        since = max(work.listening_since, self.listening.since)
        refused = {tenant_id for tenant_id, at in self.listening.refusals() if at >= work.now}
        if isinstance(work, Expiry):
            fingerprints = {name: some for name, some in work.fingerprints.items() if name not in refused}
            return msgspec.structs.replace(work, fingerprints=fingerprints, listening_since=since)
        heartbeats = {name: some for name, some in work.heartbeats.items() if name not in refused}
        return msgspec.structs.replace(work, heartbeats=heartbeats, listening_since=since)

    async def _decide(self, batch: list[Work], policy: Policy, attempt: "_Attempt") -> list[Outcome]:
        way, lock_seconds = attempt.way, attempt.lock_seconds
        size = sum(work.size for work in batch)
        is_large = size >= THREAD_FROM
        needs = await asyncio.to_thread(needs_of, batch, policy) if is_large else needs_of(batch, policy)
        await self._store.open_feeds(needs, self._clock.now(), lock_seconds)
        async with self._store.transaction(needs, size, way.give, lock_seconds) as transaction:
            ledgers = await transaction.load(needs, policy, self._fresh_id, self._clock.now())
            await way.give()
            if is_large or sum(len(need.fingerprints) for need in needs.values()) >= THREAD_FROM:
                outcomes = await asyncio.to_thread(settle_in_thread, batch, ledgers, way.give_in_thread)
            else:
                outcomes = settle(batch, ledgers)
            await transaction.append(ledgers.values())
            await transaction.append_rejected(rejections_of(batch))
            await way.give()  # what is flushed to the disk with a commit, others wait for
        attempt.grown += [(ledger.tenant_id, ledger.records) for ledger in ledgers.values() if ledger.records]
        for ledger in ledgers.values():
            for source in ledger.returned:
                self.on_return(ledger.tenant_id, source)
        _count(outcomes, ledgers.values())
        if is_large:  # each of the two takes a millisecond for two thousand
            await asyncio.sleep(0)
        if self._repeats.goes_by(policy):  # in the other lane another one may have come into force
            self._repeats.remember(batch, outcomes)
        return outcomes


def _is_once_only(work: Work) -> bool:
    return isinstance(work, Order) and type(work.action) not in REPEATABLE


def _nobody(_tenant_id: str, _source: str) -> None:
    pass


def _nobody_follows(_grown: Grown) -> None:
    pass


def _by_tenant(jobs: Iterable[Job]) -> list[list[Job]]:
    """The jobs of each tenant, in their order; and then what is of many: all that was heard before it comes first."""
    parts: dict[str | None, list[Job]] = {}
    for job in jobs:
        parts.setdefault(job.tenant_id, []).append(job)
    of_many = parts.pop(None, [])
    return [*parts.values(), of_many] if of_many else list(parts.values())


def _is_away(error: Exception) -> bool:
    """Whether nothing else could be committed at the moment either."""
    return passes(error) and not isinstance(error, asyncpg.LockNotAvailableError)


async def _within(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """The result of `work`. Raises `TimeoutError` after `seconds` whatever it does: a hung database cancels nothing."""
    task = asyncio.create_task(work)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
        raise TimeoutError(f"no commit within {seconds:.0f} s")
    return task.result()


def _without(work: Work, renewed: Mapping[int, Receipt]) -> Work:
    """What is left to decide of a delivery."""
    if not renewed or not isinstance(work, Delivery):
        return work
    left = [alert for place, alert in enumerate(work.alerts) if place not in renewed]
    return msgspec.structs.replace(work, alerts=left)


def _is_left(work: Work, renewed: int) -> bool:
    """Whether there is more to do than to renew so many alerts."""
    return not isinstance(work, Delivery) or len(work.alerts) > renewed or bool(work.rejected)


def _joined(renewed: Mapping[int, Receipt], decided: Outcome) -> Outcome:
    """What a job came to: of a delivery the receipts of both kinds, in the order of its alerts."""
    if not isinstance(decided, list) or not renewed:
        return decided
    others = iter(decided)
    return [renewed[place] if place in renewed else next(others) for place in range(len(renewed) + len(decided))]


def _count_repeats(renewed: Receipts) -> None:
    metrics.DECIDED.labels(Reason.DUPLICATE).inc(sum(len(receipts) for receipts in renewed.values()))


def _count(outcomes: Iterable[Outcome], ledgers: Iterable[Ledger]) -> None:
    decided = (outcome.alerts if isinstance(outcome, Findings) else outcome for outcome in outcomes)
    reasons = Counter(receipt.reason for receipts in decided if isinstance(receipts, list) for receipt in receipts)
    for reason, count in reasons.items():
        metrics.DECIDED.labels(reason).inc(count)
    for event_type, count in Counter(
        record.event.event_type for ledger in ledgers for record in ledger.records
    ).items():
        metrics.EVENTS.labels(event_type).inc(count)


def _answer(job: Job, outcome: Outcome) -> None:
    if job.done.done():  # whoever asked has gone
        return
    if isinstance(outcome, Exception):
        job.done.set_exception(outcome)
    else:
        job.done.set_result(outcome)
