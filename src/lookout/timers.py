"""What time alone changes: heartbeats stay away, leases run out, and what is old enough is forgotten.

Every process looks, and the log decides once.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from lookout.clock import Clock
from lookout.errors import Overloaded
from lookout.incidents.heartbeat import Heartbeat
from lookout.intake.work import Expiry, Watch
from lookout.intake.writer import Intake
from lookout.store.database import PASSING_ERRORS
from lookout.store.log import Log
from lookout.store.retention import Retention

INTERVAL = timedelta(seconds=5)
"""How often to look: an alert ends at most this long after its lease and the grace."""
BATCH_LIMIT = 5_000
"""Alerts whose ends are decided in one commit."""
WATCH_LIMIT = 1_000
"""Heartbeats whose silence is decided in one commit."""
CLEANING_INTERVAL = timedelta(minutes=10)

T = TypeVar("T")

log = structlog.get_logger()


class Timers:
    """The clock's part in deciding."""

    def __init__(self, store: Log, intake: Intake, clock: Clock, retention: Retention, kept_for: timedelta) -> None:
        self._store = store
        self._retention = retention
        self._kept_for = kept_for
        self._may_prune = True
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

    async def tick(self) -> None:
        """Write the tally down, tell who is silent, end what has run out, and forget some of what is long over.

        While Lookout has not listened for a resend, silence proves nothing yet.
        """
        await self._intake.tally.flush()
        now = self._clock.now()
        grace = self._intake.policy.resend_delay
        listening_since = self._intake.listening_since
        await self._watch(now, listening_since)
        if now >= listening_since + grace:
            due: list[tuple[str, str]] = []
            while (found := await self._store.due_leases(now, grace, BATCH_LIMIT)) and found != due:
                due = found
                await self._expire(due, now, listening_since)
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
        while found := await self._store.due_heartbeats(now, listening_since, self._intake.policy, WATCH_LIMIT):
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
        except (*PASSING_ERRORS, Overloaded):
            raise
        except Exception as error:
            if len(missing) == 1:
                log.exception("timers", action="watch_failed", source=missing[0][1].source, error=repr(error))
                return
            for one in missing:
                await self._tell_missing([one], now, listening_since)

    async def _expire(self, due: list[tuple[str, str]], now: datetime, listening_since: datetime) -> None:
        """End them in one commit. One that cannot be ended costs the others nothing: halve until it is alone."""
        try:
            await self._intake.expire(Expiry(_by_tenant(due), now, listening_since))
        except (*PASSING_ERRORS, Overloaded):
            raise
        except Exception as error:
            if len(due) == 1:
                log.exception("timers", action="expiry_failed", fingerprint=due[0][1], error=repr(error))
                return
            middle = len(due) // 2
            await self._expire(due[:middle], now, listening_since)
            await self._expire(due[middle:], now, listening_since)


def _by_tenant(due: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    by_tenant: dict[str, list[T]] = {}
    for tenant_id, item in due:
        by_tenant.setdefault(tenant_id, []).append(item)
    return by_tenant
