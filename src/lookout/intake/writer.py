"""The one writer of this process: it commits whatever gathered while the last commit was under way.

No timer, so nothing waits when it is idle. The queue says what is next, in two lanes at once, and a tenant is in one of
them at a time. The queue has a bound: what is beyond it is refused before anything is taken (I8).
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import chain

from lookout import metrics
from lookout.clock import Clock
from lookout.errors import Overloaded
from lookout.incidents.incident import Incident
from lookout.incidents.ledger import Receipt
from lookout.incidents.policy import Policy
from lookout.incidents.reconcile import Finding
from lookout.incidents.transitions import Reason
from lookout.intake.commits import Commits
from lookout.intake.listening import Listening
from lookout.intake.queue import Job, Lane, Queue, tenant_of
from lookout.intake.tally import Tally
from lookout.intake.tries import Attempt, Grown, Tries
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
    tenants_of,
)
from lookout.limits import USUAL, Limits
from lookout.store.log import Log

QUIET_PART = 5
"""One part in so many of the queue is kept for tenants of which no more than a share waits."""


class Intake:
    """The one writer of this process."""

    def __init__(
        self, store: Log, clock: Clock, policy: Policy, fresh_id: Callable[[], str], limits: Limits = USUAL
    ) -> None:
        self.listening = Listening(clock.now())
        self.tally = Tally(store)
        self.on_return: Callable[[str, str], None] = _nobody
        """Told the tenant and the source when one that was silent is heard again, after the commit is answered."""
        self.on_commit: Callable[[Grown], None] = _nobody_follows
        """Told by what which tenant's log has grown, after the commit is answered."""
        self._store = store
        self._clock = clock
        self._limits = limits
        self._queue = Queue(limits)
        self._wakes = {lane: asyncio.Event() for lane in Lane}
        self._ways = Ways()
        self._tries = Tries(store, clock, policy, fresh_id, self.listening)
        self._commits = Commits(store, clock, self._tries, tell=self._tell, note_refusal=self.note_refusal)
        self._closed = False

    @property
    def policy(self) -> Policy:
        """What decides. Another may be put here at any time: a commit goes to its end with the one it began with."""
        return self._tries.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._tries.policy = policy

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
                        await self._commits.commit(batch, way)
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

    def _tell(self, attempt: Attempt) -> None:
        """After the answers: there may be a thousand who follow."""
        loop = asyncio.get_running_loop()
        for tenant_id, source in attempt.returned:
            loop.call_soon(self.on_return, tenant_id, source)
        if attempt.grown:
            loop.call_soon(self.on_commit, attempt.grown)


def _nobody(_tenant_id: str, _source: str) -> None:
    pass


def _nobody_follows(_grown: Grown) -> None:
    pass
