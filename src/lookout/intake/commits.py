"""A batch is committed together. Of one that cannot be, each part is by itself: what fails costs the others nothing."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
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
from lookout.intake.queue import Job
from lookout.intake.tries import Attempt, Tries
from lookout.intake.ways import Way
from lookout.intake.work import Order, Outcome, Work, tenants_of
from lookout.store.database import ABORTS, PASSING_ERRORS, WAITED_FOR, passes
from lookout.store.log import Log, commit_seconds

TRIES = 3
RETRY_AFTER = timedelta(milliseconds=200)
_UNKNOWN = "nothing of this request is known to be stored"
HELD_SECONDS, HELD_LIMIT, HELD_LEAST = 0.5, 1.0, 0.01
"""How long to wait for rows that another writer held just now, for longer than anybody waits: it may be frozen. So long
for each tenant, and in all for those of one batch; then so long for each: all others wait behind that."""
HELD_FOR_SECONDS = 16.0
"""For how long that goes on unless a commit succeeds: by then PostgreSQL has ended whoever is frozen."""

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


class Commits:
    """Commits batches and answers each of their jobs, whatever comes of it."""

    def __init__(
        self,
        store: Log,
        clock: Clock,
        tries: Tries,
        *,
        tell: Callable[[Attempt], None],
        note_refusal: Callable[[str | None], None],
    ) -> None:
        """`tell` is told what was committed, once all are answered; `note_refusal` whose was not, "" for everybody."""
        self._store = store
        self._clock = clock
        self._tries = tries
        self._tell = tell
        self._note_refusal = note_refusal
        self._held: dict[str | None, float] = {}
        """Tenants whose rows another writer held for longer than anybody waits, None for what is of many; and until
        when, by the loop's clock, nobody waits for them so long."""

    async def commit(self, batch: Sequence[Job], way: Way) -> None:
        """Commit all together, but for tenants whose rows another writer held just now: each of those by itself."""
        free = [job for job in batch if not self._is_held(job)]
        held = _by_tenant(job for job in batch if self._is_held(job))
        await self._one_by_one([free, *held] if free else held, _Turn(way))

    def _is_held(self, job: Job) -> bool:
        now = asyncio.get_running_loop().time()
        whose = (job.tenant_id, *tenants_of(job.work)) if self._held else ()
        return any(self._held.get(tenant_id, now) > now for tenant_id in whose)

    async def _one_by_one(self, parts: Sequence[list[Job]], turn: _Turn) -> Exception | None:
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

    async def _take_apart(self, batch: Sequence[Job], error: Exception, turn: _Turn) -> Exception | None:
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

    async def _attempt(self, batch: Sequence[Job], turn: _Turn) -> Exception | None:
        """Commit, answer each, and tell what was committed. If that failed nobody is answered yet: returns why."""
        is_hurried = turn.is_hurried or self._is_held(batch[0])
        attempt = Attempt(turn.way, turn.held.patience() if is_hurried else None)
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
        self._tell(attempt)
        return None

    async def _try(self, batch: Sequence[Job], attempt: Attempt) -> list[Outcome]:
        """Commit, and again if that failed for a passing reason: alerts that are stored twice are stored once."""
        for number in range(1, TRIES + 1):
            try:
                with metrics.COMMIT_SECONDS.time():
                    return await self._tries.once([job.work for job in batch], attempt)
            except PASSING_ERRORS as error:
                # A note that may have been committed would stand there twice; what was aborted for certain was not.
                is_ambiguous = _is_once_only(batch[0].work) and not isinstance(error, ABORTS)
                if number == TRIES or is_ambiguous or isinstance(error, WAITED_FOR) or not passes(error):
                    raise
                log.info("intake", action="commit_retried", attempt=number, error=repr(error))
                await self._clock.sleep(RETRY_AFTER)
        raise AssertionError("unreachable")

    def _refuse(self, batch: Sequence[Job], error: Exception) -> None:
        """The database is away: say so at once, and count silence only from when it is back.

        Who only waited for too long, for somebody else's lock, is alone not heard.
        """
        log.warning("intake", action="commit_failed", error=repr(error), alerts=sum(job.size for job in batch))
        metrics.FAILED_COMMITS.inc()
        if _is_away(error):
            self._note_refusal("")
            refusal = Overloaded(f"the database does not answer; {_UNKNOWN}")
        else:
            refusal = RowsHeld(f"somebody else holds this tenant's rows in the database; {_UNKNOWN}")
        for job in batch:
            self._note_refusal(job.tenant_id)
            _answer(job, refusal)


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


def _is_once_only(work: Work) -> bool:
    return isinstance(work, Order) and type(work.action) not in REPEATABLE


async def _within(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """The result of `work`. Raises `TimeoutError` after `seconds` whatever it does: a hung database cancels nothing."""
    task = asyncio.create_task(work)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
        raise TimeoutError(f"no commit within {seconds:.0f} s")
    return task.result()


def _answer(job: Job, outcome: Outcome) -> None:
    if job.done.done():  # whoever asked has gone
        return
    if isinstance(outcome, Exception):
        job.done.set_exception(outcome)
    else:
        job.done.set_result(outcome)
