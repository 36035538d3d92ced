"""What time alone changes: heartbeats stay away, leases run out, marks end, what waits is due, what is old goes.

Every process looks, and the log decides once.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate
from typing import TypeVar

import structlog

from lookout.clock import Clock
from lookout.errors import Overloaded, RowsHeld
from lookout.incidents.heartbeat import Heartbeat
from lookout.intake.work import Calm, Expiry, Telling, Watch
from lookout.intake.writer import Intake
from lookout.store.database import PASSING_ERRORS
from lookout.store.log import Log
from lookout.store.retention import Retention

INTERVAL = timedelta(seconds=5)
"""How often to look: an alert ends at most this long after its lease and the grace."""
STANDSTILL = timedelta(seconds=20)
"""Who looks so much later than meant has heard nothing meanwhile: silence counts from then on."""
BATCH_LIMIT = 1_000
"""Alerts whose ends are decided in one commit, which takes a fifth of a second; also incidents whose mark ends in one.
"""
WATCH_LIMIT = 1_000
"""Heartbeats whose silence is decided in one commit."""
TELLING_INTERVAL = timedelta(seconds=0.5)
"""How often to look for what was postponed: it is told at most this long after it is due."""
GROUPS_LIMIT = 500
"""Groups whose postponed changes are told in one commit, and no more alerts than `BATCH_LIMIT`, but for the last."""
CLEANING_INTERVAL = timedelta(minutes=10)

Due = list[tuple[str, str]]
"""Tenant, and what of it has run out."""
T = TypeVar("T")

log = structlog.get_logger()


class Timers:
    """The clock's part in deciding."""

    def __init__(self, store: Log, intake: Intake, clock: Clock, retention: Retention, kept_for: timedelta) -> None:
        self._store = store
        self._retention = retention
        self._kept_for = kept_for
        self._may_prune = True
        self._looking = asyncio.Lock()
        self._intake = intake
        self._clock = clock
        self._cleaned_at = clock.now()

    async def run(self) -> None:
        """Look for what has run out, for ever."""
        while True:
            await self._clock.sleep(INTERVAL)
            try:
                await self.tick()
            except (*PASSING_ERRORS, Overloaded) as error:
                log.warning("timers", action="tick_failed", error=repr(error))

    async def run_telling(self) -> None:
        """Look for what is due to be told, for ever."""
        wait = TELLING_INTERVAL
        while True:
            await self._clock.sleep(wait)
            try:
                await self.tell()
                wait = TELLING_INTERVAL
            except (*PASSING_ERRORS, Overloaded) as error:
                log.warning("telling", action="telling_failed", error=repr(error))
                wait = INTERVAL

    async def run_listening(self) -> None:
        """Notice when nothing ran, for ever. It does nothing else, so that it sleeps whenever that may happen."""
        while True:
            late = await self._clock.sleep(INTERVAL)
            if late >= STANDSTILL:  # the machine was asleep, or its clock was moved: nobody was heard meanwhile
                log.warning("timers", action="stood_still", seconds=round(late.total_seconds()))
                self._intake.note_refusal("")

    async def tell(self) -> None:
        """Tell what was postponed and is due by now."""
        now = self._clock.now()
        told: Due = []
        while groups := await self._store.due_groups(now, self._intake.policy.pace, GROUPS_LIMIT):
            before = [0, *accumulate(alerts for _, _, alerts in groups)]
            due = [groups[place][:2] for place in range(len(groups)) if before[place] < BATCH_LIMIT]
            if due == told:
                return
            told = due
            await self._expire(due, partial(Telling, now=now, size=before[len(due)]))

    async def tick(self) -> None:
        """Write the tally down, tell what waits and who is silent, end what has run out, forget some of what is old.

        While Lookout has not listened for a resend, silence proves nothing yet.
        """
        async with self._looking:  # what one look leaves to the next is its own
            await self._look()

    async def _look(self) -> None:
        now = self._clock.now()  # before anything that may take long: what was not heard by then is not missing
        await self._intake.tally.flush()
        await self.tell()
        grace = self._intake.policy.resend_delay
        listening_since = self._intake.listening.since
        await self._watch(now, listening_since)
        if now >= listening_since + grace:
            due: Due = []
            unheard = [tenant_id for tenant_id, at in self._intake.listening.refusals() if at + grace > now]
            while (found := await self._store.due_leases(now, grace, unheard, BATCH_LIMIT)) and found != due:
                due = found
                await self._expire(due, partial(Expiry, now=now, listening_since=listening_since))
        if calm := await self._store.due_incidents(now, BATCH_LIMIT):
            await self._expire(calm, partial(Calm, now=now))
        if now >= self._cleaned_at + CLEANING_INTERVAL:
            self._cleaned_at = now
            self._may_prune = True
            await self._store.forget_rejected_alerts()
        if self._may_prune:
            await self._prune(now - self._kept_for)

    async def _prune(self, cutoff: datetime) -> None:
        """Forget some of what is over since before `cutoff`. What cannot be forgotten stops nothing else."""
        try:
            self._may_prune = await self._retention.prune(cutoff)
        except PASSING_ERRORS:
            raise
        except Exception as error:
            self._may_prune = False
            log.exception("timers", action="prune_failed", error=repr(error))

    async def _watch(self, now: datetime, listening_since: datetime) -> None:
        missing: list[tuple[str, Heartbeat]] = []
        refusals = self._intake.listening.refusals()
        while found := await self._store.due_heartbeats(
            now, listening_since, refusals, self._intake.policy, WATCH_LIMIT
        ):
            if found == missing:  # it cannot be told: see the log
                return
            missing = found
            await self._tell_missing(missing, now, listening_since)

    async def _tell_missing(
        self, missing: list[tuple[str, Heartbeat]], now: datetime, listening_since: datetime
    ) -> None:
        """All in one commit: what falls silent together is one event. If that fails, each alone."""
        try:
            await self._intake.watch(Watch(_by_tenant(missing), now, listening_since))
        except RowsHeld as error:
            for some in _others_apart(missing, error):
                await self._tell_missing(some, now, listening_since)
        except (*PASSING_ERRORS, Overloaded):
            raise
        except Exception as error:
            if len(missing) == 1:
                log.exception("timers", action="watch_failed", source=missing[0][1].source, error=repr(error))
                return
            for one in missing:
                await self._tell_missing([one], now, listening_since)

    async def _expire(self, due: Due, work_of: Callable[[dict[str, list[str]]], Expiry | Telling | Calm]) -> None:
        """End them in one commit. One that cannot be ended costs the others nothing: halve until it is alone."""
        try:
            await self._intake.expire(work_of(_by_tenant(due)))
        except RowsHeld as error:
            for some in _others_apart(due, error):
                await self._expire(some, work_of)
        except (*PASSING_ERRORS, Overloaded):
            raise
        except Exception as error:
            if len(due) == 1:
                log.exception("timers", action="expiry_failed", what=due[0][1], error=repr(error))
                return
            middle = len(due) // 2
            await self._expire(due[:middle], work_of)
            await self._expire(due[middle:], work_of)


def _others_apart(due: list[tuple[str, T]], error: RowsHeld) -> list[list[tuple[str, T]]]:
    """Two halves by tenant, to find the one whose rows are held; nothing once that is found: it is looked at again."""
    tenants = list(_by_tenant(due))
    if len(tenants) == 1:
        log.warning("timers", action="tenant_held", tenant=tenants[0], error=str(error))
        return []
    first = frozenset(tenants[: len(tenants) // 2])
    return [[one for one in due if one[0] in first], [one for one in due if one[0] not in first]]


def _by_tenant(due: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    by_tenant: dict[str, list[T]] = {}
    for tenant_id, item in due:
        by_tenant.setdefault(tenant_id, []).append(item)
    return by_tenant
