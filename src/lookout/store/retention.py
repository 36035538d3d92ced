"""Retention: what is over since long ago is forgotten, from the beginning of each tenant's log on.

Only a prefix of a log goes, so that positions stay without gaps: up to before the opening of the first incident that is
open, or that had an event since the cutoff, or of which a sender still speaks, and never beyond what a relay has sent.
An incident goes with its opening. Events that it has after the prefix stay until the prefix reaches them.

A batch is one commit under the feed's lock: it is whole whenever this process or another one dies.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from lookout import metrics
from lookout.store.isolation import Platform, tenants
from lookout.store.sql import SQL

if TYPE_CHECKING:
    import asyncpg

    from lookout.store.database import Connection, Pool

EVENTS_AT_ONCE = 1_000
"""Events that go in one commit; writers of that tenant wait for it."""
ALERTS_AT_ONCE = 5_000
"""Alerts that these events are about, unless a single event is about more."""
COMMITS_AT_ONCE = 20
"""Commits of one call: whoever calls has other things to do in between."""
ROWS_AT_ONCE = 5_000
"""Rows of a statistic, or refused alerts, that go at once."""

_STEPS = (
    "prune_leases",
    "prune_silent_decisions",
    "prune_alerts",
    "prune_incidents",
    "prune_event_alerts",
    "prune_events",
    "advance_pruned",
)
"""In this order: what goes is found by what is still there."""


class Retention:
    """Forgets, a little at a time. Every process does; they take turns at the feeds' rows."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._platform = Platform(pool)
        self._after = ""

    async def prune(self, cutoff: datetime) -> bool:
        """Forget some of what is over since before `cutoff`. True if there may be more."""
        prunable = await self._platform.fetch("prunable_tenants", cutoff, self._after, COMMITS_AT_ONCE)
        # Each tenant's turn comes, however much the ones before it have to forget.
        share = COMMITS_AT_ONCE // max(1, len(prunable))
        pruned = 0
        await self._platform.execute("forget_received", cutoff, ROWS_AT_ONCE)
        await self._platform.execute("forget_old_rejected_alerts", cutoff, ROWS_AT_ONCE)
        for tenant in prunable:
            self._after = tenant["tenant_id"]  # before it is tried: one that cannot be pruned stops none behind it
            for _ in range(share):
                if not await self._prune(tenant["tenant_id"], cutoff):
                    break
                pruned += 1
        is_last = len(prunable) < COMMITS_AT_ONCE
        if is_last:
            self._after = ""
        return bool(pruned) or not is_last

    async def _prune(self, tenant_id: str, cutoff: datetime) -> bool:
        """One commit; False if there was nothing to forget."""
        async with tenants(self._pool, (tenant_id,)) as connection:
            feed = await connection.fetchrow(SQL["lock_feed"], tenant_id)
            if feed is None:
                return False
            begin = feed["pruned_position"]
            end = await self._end(connection, tenant_id, feed, cutoff)
            if end <= begin:
                return False
            for name in _STEPS:
                await connection.execute(SQL[name], tenant_id, begin, end)
        metrics.PRUNED.inc(end - begin)
        return True

    async def _end(self, connection: "Connection", tenant_id: str, feed: "asyncpg.Record", cutoff: datetime) -> int:
        """The last position that goes now."""
        begin: int = feed["pruned_position"]
        rows = await connection.fetch(SQL["oldest_incidents"], tenant_id, begin, EVENTS_AT_ONCE)
        end = min(_end_of_what_is_over(rows, feed["last_position"], cutoff), begin + EVENTS_AT_ONCE)
        many: int | None = await connection.fetchval(SQL["position_of_alert"], tenant_id, begin, ALERTS_AT_ONCE)
        end = min(end, max(many - 1, begin + 1) if many is not None else end)
        spoken_of: int | None = await connection.fetchval(
            SQL["first_incident_spoken_of"], tenant_id, begin, end, cutoff
        )
        relayed: int | None = await connection.fetchval(SQL["relayed_position"], tenant_id)
        return min(end, spoken_of - 1 if spoken_of is not None else end, relayed if relayed is not None else end)


def _end_of_what_is_over(incidents: Iterable["asyncpg.Record"], last_position: int, cutoff: datetime) -> int:
    """The last position before the opening of the first incident that is not over since before `cutoff`.

    `incidents` are the oldest ones in order; what lies beyond them is not known.
    """
    count, end = 0, last_position
    for incident in incidents:
        count, end = count + 1, incident["opened_position"]
        if incident["status"] != "resolved" or incident["updated_at"] >= cutoff:
            return end - 1
    return end if count == EVENTS_AT_ONCE else last_position
