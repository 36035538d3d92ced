"""What waits for the writer, by tenant, and which of it is next. No I/O.

One tenant's storm must not delay another's alert. So a commit takes from all tenants in turn, a bounded share of each,
and a tenant keeps its own order. What is larger than a share, and a person's action, is a commit of its own: such
commits and shared ones take turns. The bound that follows: whoever has nothing else waiting waits for the commit under
way, for one that stands alone, and is in the next, where fewer than `BATCH_LIMIT / SHARE` other tenants have a
whole share waiting; each so many more are one commit more.

What time alone changes is of many tenants. It waits until all that came before it is committed, as silence is only
certain when everything that was said is heard.
"""

import asyncio
from collections import Counter, deque

import msgspec

from lookout.intake.work import Calm, Expiry, Order, Outcome, Telling, Watch, Work

BATCH_LIMIT = 20_000
"""Alerts in one commit, but for a single request that has more: it is one commit, whole."""
SHARE = 2_000
"""Alerts of one tenant in one commit, but for such a request: about a fifth of a second."""


class Job(msgspec.Struct):
    """Work, whose it is (None for what is of many tenants), and who waits for it.

    `number` is its place in the order of arrival.
    """

    work: Work
    tenant_id: str | None
    size: int
    done: "asyncio.Future[Outcome]"
    number: int = 0

    @property
    def stands_alone(self) -> bool:
        """Whether it is a commit of its own. Actions are, as most are never tried twice."""
        return self.size > SHARE or isinstance(self.work, Order)


class Queue:
    """Jobs in the order in which the writer takes them. What it has taken counts as waiting until it is done."""

    def __init__(self) -> None:
        self._tenants: dict[str, deque[Job]] = {}
        """In the order of their turns. None is empty."""
        self._of_many: deque[Job] = deque()
        self._waiting: Counter[str | None] = Counter()
        self._sum = 0
        self._number = 0
        self._alone_is_next = True

    def __bool__(self) -> bool:
        return bool(self._tenants or self._of_many)

    @property
    def waiting(self) -> int:
        """Alerts that wait for a commit, those of the commit under way too."""
        return self._sum

    def waiting_of(self, tenant_id: str | None) -> int:
        """The same of one tenant."""
        return self._waiting[tenant_id]

    def put(self, job: Job) -> None:
        """Let a job wait."""
        job.number = self._number
        self._number += 1
        self._sum += job.size
        self._waiting[job.tenant_id] += job.size
        if job.tenant_id is None:
            self._of_many.append(job)
        else:
            self._tenants.setdefault(job.tenant_id, deque()).append(job)

    def take(self) -> list[Job]:
        """The next batch, never empty while something waits. Tell `done` when it is committed."""
        alone = next((tenant_id for tenant_id, jobs in self._tenants.items() if jobs[0].stands_alone), None)
        if alone is None or not self._alone_is_next:
            self._alone_is_next = True
            if batch := self._take_shared():
                return batch
        self._alone_is_next = False
        assert alone is not None
        return [self._pop(alone)]

    def done(self, batch: list[Job]) -> None:
        """These wait no more."""
        for job in batch:
            self._sum -= job.size
            self._waiting[job.tenant_id] -= job.size
            if not self._waiting[job.tenant_id]:
                del self._waiting[job.tenant_id]

    def _take_shared(self) -> list[Job]:
        batch: list[Job] = []
        room = self._take_of_many(batch, BATCH_LIMIT)
        taken: Counter[str] = Counter()
        turns = deque(self._tenants)
        while turns:
            tenant_id = turns.popleft()
            job = self._tenants[tenant_id][0]
            if job.stands_alone or job.size > room or taken[tenant_id] + job.size > SHARE:
                continue
            batch.append(self._pop(tenant_id))
            taken[tenant_id] += job.size
            room -= job.size
            if tenant_id in self._tenants:
                turns.append(tenant_id)
        self._take_of_many(batch, room)
        return batch

    def _take_of_many(self, batch: list[Job], room: int) -> int:
        """Take what waits for nothing that came before it. Returns the room that is left."""
        earliest = min((jobs[0].number for jobs in self._tenants.values()), default=self._number)
        while self._of_many and self._of_many[0].number < earliest and (self._of_many[0].size <= room or not batch):
            job = self._of_many.popleft()
            batch.append(job)
            room -= job.size
        return room

    def _pop(self, tenant_id: str) -> Job:
        """The first job of a tenant, whose next turn comes after all others'."""
        jobs = self._tenants.pop(tenant_id)
        job = jobs.popleft()
        if jobs:
            self._tenants[tenant_id] = jobs
        return job


def tenant_of(work: Work) -> str | None:
    """Whose work it is, None for what is of many tenants."""
    match work:
        case Expiry() | Telling() | Calm() | Watch():
            return None
        case _:
            return work.tenant_id
