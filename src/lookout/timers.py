"""What time alone changes: leases that run out, marks that end. Every process looks, and the log decides once."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import structlog

from lookout.clock import Clock
from lookout.errors import Overloaded
from lookout.intake.work import Calm, Expiry
from lookout.intake.writer import Intake
from lookout.store.database import PASSING_ERRORS
from lookout.store.log import Log

INTERVAL = timedelta(seconds=5)
"""How often to look: an alert ends at most this long after its lease and the grace."""
BATCH_LIMIT = 5_000
"""Alerts whose ends are decided in one commit; also incidents whose mark ends in one."""
CLEANING_INTERVAL = timedelta(minutes=10)

Due = list[tuple[str, str]]
"""Tenant, and what of it has run out."""

log = structlog.get_logger()


class Timers:
    """The clock's part in deciding."""

    def __init__(self, store: Log, intake: Intake, clock: Clock) -> None:
        self._store = store
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
        """End what has run out by now. While Lookout has not listened for a resend, silence proves nothing yet."""
        now = self._clock.now()
        grace = self._intake.policy.resend_delay
        listening_since = self._intake.listening_since
        if now >= listening_since + grace:
            due: Due = []
            while (found := await self._store.due_leases(now, grace, BATCH_LIMIT)) and found != due:
                due = found
                await self._expire(due, partial(Expiry, now=now, listening_since=listening_since))
        if calm := await self._store.due_incidents(now, BATCH_LIMIT):
            await self._expire(calm, partial(Calm, now=now))
        if now >= self._cleaned_at + CLEANING_INTERVAL:
            self._cleaned_at = now
            await self._store.forget_rejected_alerts()

    async def _expire(self, due: Due, work_of: Callable[[dict[str, list[str]]], Expiry | Calm]) -> None:
        """End them in one commit. One that cannot be ended costs the others nothing: halve until it is alone."""
        try:
            await self._intake.expire(work_of(_by_tenant(due)))
        except (*PASSING_ERRORS, Overloaded):
            raise
        except Exception as error:
            if len(due) == 1:
                log.exception("timers", action="expiry_failed", what=due[0][1], error=repr(error))
                return
            middle = len(due) // 2
            await self._expire(due[:middle], work_of)
            await self._expire(due[middle:], work_of)


def _by_tenant(due: Due) -> dict[str, list[str]]:
    things: dict[str, list[str]] = {}
    for tenant_id, thing in due:
        things.setdefault(tenant_id, []).append(thing)
    return things
