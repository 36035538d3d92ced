"""What time alone changes: leases that run out, and what is old enough to be forgotten.

Every process looks, and the log decides once.
"""

from datetime import datetime, timedelta

import structlog

from lookout.clock import Clock
from lookout.errors import Overloaded
from lookout.intake.work import Expiry
from lookout.intake.writer import Intake
from lookout.store.database import PASSING_ERRORS
from lookout.store.log import Log
from lookout.store.retention import Retention

INTERVAL = timedelta(seconds=5)
"""How often to look: an alert ends at most this long after its lease and the grace."""
BATCH_LIMIT = 5_000
"""Alerts whose ends are decided in one commit."""
CLEANING_INTERVAL = timedelta(minutes=10)

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
        """Write the tally down, end what has run out by now, and forget some of what is over since long ago.

        While Lookout has not listened for a resend, silence proves nothing yet.
        """
        await self._intake.tally.flush()
        now = self._clock.now()
        grace = self._intake.policy.resend_delay
        listening_since = self._intake.listening_since
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


def _by_tenant(due: list[tuple[str, str]]) -> dict[str, list[str]]:
    fingerprints: dict[str, list[str]] = {}
    for tenant_id, fingerprint in due:
        fingerprints.setdefault(tenant_id, []).append(fingerprint)
    return fingerprints
