"""What waits for the writer, by tenant, and which of it is next. No I/O.

One tenant's storm must not delay another's alert. So commits are made in two lanes at once: one takes all tenants, the
other only those that are quiet, of which the least waits. As long as there is a storm, of one tenant or of many, or
much that time alone changes, the first lane leaves those to the other, and they are in none of its commits. A tenant is
in one lane at a time and keeps its own order.

A commit takes from its tenants in turn, a bounded share of each. What is larger than a share, and a person's action, is
a commit of its own: such commits and shared ones take turns. The bounds that follow: whoever is quiet waits for the
quiet lane's commit under way, for one action, and is in the next. Whoever is not, and has nothing else waiting, waits
for the commit under way, for one that stands alone, and is in the next, where fewer than `commit / tenant_share` other
tenants have a whole share waiting; each so many more are one commit more.

What time alone changes is of many tenants. It waits until all that came before it is committed, as silence is only
certain when everything that was said is heard. What was postponed is told at once: it is no news of silence.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from enum import Enum
from itertools import chain

import msgspec

from lookout.intake.work import Calm, Expiry, Order, Outcome, Telling, Watch, Work
from lookout.limits import USUAL, Limits

QUIET = 32
"""Alerts of a tenant that wait, up to which it is quiet."""
QUIET_BATCH = 64
"""The same of all that are quiet together: a small commit, which all of them are in. Where more have little waiting, as
in a storm over many tenants, those are quiet of which the least waits."""


class Lane(Enum):
    """Whose jobs it takes."""

    ALL = "all"
    QUIET = "quiet"


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
    def waits_for_all(self) -> bool:
        """Whether all that came before it has to be committed first."""
        return not isinstance(self.work, Telling)


class Queue:
    """Jobs in the order in which the lanes take them. What is taken counts as waiting until it is done."""

    def __init__(self, limits: Limits = USUAL) -> None:
        self._commit = limits.commit
        self._share_size = limits.tenant_share
        self._tenants: dict[str, deque[Job]] = {}
        """In the order of their turns. None is empty."""
        self._of_many: list[Job] = []
        self._under_way: dict[int, Job] = {}
        self._busy: set[str | None] = set()
        self._waiting: Counter[str | None] = Counter()
        self._sum = 0
        self._number = 0
        self._alone_is_next = dict.fromkeys(Lane, True)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits, and nothing is under way."""
        return not (self._tenants or self._of_many or self._under_way)

    @property
    def waiting(self) -> int:
        """Alerts that wait for a commit, those of the commits under way too."""
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

    def take(self, lane: Lane = Lane.ALL) -> list[Job]:
        """The next batch of a lane; empty if there is nothing for it. Tell `done` when it is committed.

        The tenants of a batch that is not done are passed over, so a tenant's commits are one after the other.
        """
        batch = self._next(lane)
        self._under_way.update((job.number, job) for job in batch)
        self._busy.update(job.tenant_id for job in batch)
        return batch

    def done(self, batch: Sequence[Job]) -> None:
        """These wait no more."""
        for job in batch:
            del self._under_way[job.number]
            self._busy.discard(job.tenant_id)
            self._sum -= job.size
            self._waiting[job.tenant_id] -= job.size
            if not self._waiting[job.tenant_id]:
                del self._waiting[job.tenant_id]

    def _next(self, lane: Lane) -> list[Job]:
        turns = self._turns(lane)
        alone = next((tenant_id for tenant_id in turns if self._stands_alone(self._tenants[tenant_id][0])), None)
        if alone is None or not self._alone_is_next[lane]:
            if batch := self._share(deque(turns), lane):
                self._alone_is_next[lane] = True
                return batch
            if alone is None:
                return []
        self._alone_is_next[lane] = False
        return [self._pop(alone)]

    def _turns(self, lane: Lane) -> list[str]:
        """The tenants of which a lane may take something, in the order of their turns."""
        free = [tenant_id for tenant_id in self._tenants if tenant_id not in self._busy]
        quiet = self._quiet(free)
        if lane is Lane.QUIET or (len(quiet) == len(free) and self._waiting[None] <= QUIET):
            return [tenant_id for tenant_id in free if tenant_id in quiet]
        return [tenant_id for tenant_id in free if tenant_id not in quiet]

    def _quiet(self, free: Sequence[str]) -> set[str]:
        """Those of which the least waits, and the one that has waited for the longest: it is in the next commit."""
        small = sorted((each for each in free if self._waiting[each] <= QUIET), key=self._waiting.__getitem__)
        oldest = min(small, key=lambda tenant_id: self._tenants[tenant_id][0].number, default="")
        quiet = {oldest} if small else set[str]()
        waiting = self._waiting[oldest] if small else 0
        for tenant_id in small:
            waiting += self._waiting[tenant_id] if tenant_id != oldest else 0
            if waiting > QUIET_BATCH:
                break
            quiet.add(tenant_id)
        return quiet

    def _share(self, turns: deque[str], lane: Lane) -> list[Job]:
        batch: list[Job] = []
        room = self._commit if lane is Lane.QUIET else self._take_of_many(batch, self._commit)
        taken: Counter[str] = Counter()
        while turns:
            tenant_id = turns.popleft()
            job = self._tenants[tenant_id][0]
            if self._stands_alone(job) or job.size > room or taken[tenant_id] + job.size > self._share_size:
                continue
            batch.append(self._pop(tenant_id))
            taken[tenant_id] += job.size
            room -= job.size
            if tenant_id in self._tenants:
                turns.append(tenant_id)
        if lane is Lane.ALL:
            self._take_of_many(batch, room)
        return batch

    def _stands_alone(self, job: Job) -> bool:
        """Whether it is a commit of its own. Actions are, as most are never tried twice."""
        return job.size > self._share_size or isinstance(job.work, Order)

    def _take_of_many(self, batch: list[Job], room: int) -> int:
        """Take what waits for nothing that came before it. Returns the room that is left."""
        if not self._of_many or None in self._busy:
            return room
        heads = (jobs[0].number for jobs in self._tenants.values())
        earliest = min(chain(heads, self._under_way), default=self._number)
        for job in list(self._of_many):
            if (job.number < earliest or not job.waits_for_all) and (job.size <= room or not batch):
                self._of_many.remove(job)
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
