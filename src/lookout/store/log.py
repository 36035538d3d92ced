"""The write side of the store: commits, renewals, and what is due."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from lookout.incidents.heartbeat import WATCHED, Heartbeat
from lookout.incidents.policy import Pace, Policy
from lookout.incidents.reconcile import Held
from lookout.store import isolation
from lookout.store.database import columns
from lookout.store.isolation import Patience, Platform, patience_of
from lookout.store.known import Known
from lookout.store.rows import heartbeat_of
from lookout.store.sql import SQL
from lookout.store.transaction import READ_AT_ONCE, BeforeEach, Transaction, at_once

if TYPE_CHECKING:
    from lookout.store.database import Connection, Pool

REJECTED_KEPT = 10_000
"""Rejected alerts that are kept of each tenant: the newest."""

FEEDS_KNOWN = 100_000
"""Tenants that are remembered to have a log: about 150 bytes each."""

COMMIT_SECONDS = 8.0
ALERTS_A_SECOND = 4_000
"""A commit is given up after so many seconds, and one more for so many alerts: Prometheus waits for 10 seconds."""
LOCK_PART = 0.75
"""The part of that for which one lock is waited for, so that whoever holds it gets the blame."""

CHECKS_AT_ONCE = 500
"""Leases that are put off, or forgotten, in one commit."""


class Renewal(NamedTuple):
    """A repeat of a firing that stands: the lease to renew, and until when."""

    tenant_id: str
    fingerprint: str
    source: str
    replica: str
    starts_at: datetime
    ends_at: datetime


class ReceivedKey(NamedTuple):
    """What is counted together: `hour` is its first moment, in UTC."""

    tenant_id: str
    hour: datetime
    source: str


class Received(NamedTuple):
    """How many alerts were received, refused ones too, how many were refused, and when the last request came."""

    alerts: int
    rejected: int
    last_received_at: datetime

    def plus(self, more: "Received") -> "Received":
        """Both together."""
        last = max(self.last_received_at, more.last_received_at)
        return Received(self.alerts + more.alerts, self.rejected + more.rejected, last)


def commit_seconds(alerts: int) -> float:
    """How long a commit of so many alerts may take."""
    return COMMIT_SECONDS + alerts / ALERTS_A_SECOND


def patience_of_commit(alerts: int, lock_seconds: float | None = None) -> Patience:
    """Nothing of a commit takes longer than the whole: what does has no one who waits for it, and holds others up."""
    seconds = commit_seconds(alerts)
    return patience_of(seconds, seconds * LOCK_PART if lock_seconds is None else lock_seconds, seconds)


class Log:
    """The write side of the store. One writer per process uses it; replicas wait for each other at the feeds' rows."""

    def __init__(self, pool: "Pool", *, notifies: bool = True) -> None:
        """Without `notifies` nobody is told of what was written: they look for themselves."""
        self._pool = pool
        self._platform = Platform(pool)
        self._notifies = notifies
        self._known_tenants = Known[str](FEEDS_KNOWN)

    async def give_up_connections(self) -> None:
        """Use none again that is open: one of them did not answer in time."""
        await self._pool.expire_connections()

    def knows(self, tenant_id: str) -> bool:
        """Whether the tenant's row is known to be there."""
        return tenant_id in self._known_tenants

    async def renew(self, renewals: Sequence[Renewal], now: datetime, lock_seconds: float | None = None) -> set[int]:
        """Renew leases in a commit of its own. Returns the places of those that stood; the others need a decision.

        `lock_seconds` is how long to wait for a lock, where it is not the usual time.
        """
        # In one order everywhere, so that replicas that hear the same senders do not deadlock: that of `load_leases`.
        order = sorted(range(len(renewals)), key=renewals.__getitem__)
        ordered = [renewals[place] for place in order]
        arrays = columns(ordered, 6)
        patience = patience_of_commit(len(renewals), lock_seconds)
        async with self._commit({renewal.tenant_id for renewal in renewals}, patience) as connection:
            rows = await connection.fetch(SQL["renew_leases"], *arrays, now)
        return {order[row["place"] - 1] for row in rows}

    @asynccontextmanager
    async def transaction(
        self,
        tenant_ids: Iterable[str],
        alerts: int = 0,
        before_each: BeforeEach | None = None,
        lock_seconds: float | None = None,
    ) -> AsyncGenerator[Transaction]:
        """One commit, for these tenants, of so many alerts. `before_each` is awaited before each large statement.

        `lock_seconds` is how long to wait for a lock, where it is not the usual time.
        """
        async with self._commit(tenant_ids, patience_of_commit(alerts, lock_seconds)) as connection:
            yield Transaction(connection, before_each or at_once, notifies=self._notifies)

    def _commit(self, tenant_ids: Iterable[str], patience: Patience) -> AbstractAsyncContextManager["Connection"]:
        return isolation.tenants(self._pool, tenant_ids, patience=patience, plans=isolation.BY_KEYS)

    async def open_feeds(self, tenant_ids: Iterable[str], now: datetime, lock_seconds: float | None = None) -> None:
        """Give each tenant its row, once."""
        unknown = sorted({tenant_id for tenant_id in tenant_ids if tenant_id not in self._known_tenants})
        if unknown:
            async with isolation.tenants(
                self._pool, unknown, patience=patience_of_commit(0, lock_seconds)
            ) as connection:
                await connection.execute(SQL["open_feeds"], unknown, now)
            self._known_tenants.remember(unknown)

    async def due_leases(
        self, now: datetime, grace: timedelta, unheard: Sequence[str], limit: int
    ) -> list[tuple[str, str]]:
        """Tenant and fingerprint of at most `limit` alerts with a lease that has run out at `now`.

        Those of `unheard` tenants are passed over: a renewal may have been refused. Leases that were renewed since they
        were last looked at are put off. Those of firings that were only told to have ended are forgotten.
        """
        # Each a commit of its own, and a small one: whoever renews a lease meanwhile waits for it.
        while await self._platform.fetchval("postpone_checks", now, grace, CHECKS_AT_ONCE) == CHECKS_AT_ONCE:
            pass
        while await self._platform.fetchval("forget_unknown_leases", now, CHECKS_AT_ONCE) == CHECKS_AT_ONCE:
            pass
        rows = await self._platform.fetch("due_leases", now, limit, unheard, grace)
        return [(row["tenant_id"], row["fingerprint"]) for row in rows]

    async def due_heartbeats(
        self,
        now: datetime,
        listening_since: datetime,
        refusals: Sequence[tuple[str, datetime]],
        policy: Policy,
        limit: int,
    ) -> list[tuple[str, Heartbeat]]:
        """At most `limit` heartbeats, with their tenants: those missing at `now`, and what the policy does not name.

        `refusals` are tenants of which Lookout has listened only since a later time.
        """
        names = [(source, policy.source(source).heartbeat) for source in WATCHED]
        rows = await self._platform.fetch(
            "due_heartbeats", now, *columns(names, 2), listening_since, limit, *columns(refusals, 2)
        )
        return [(row["tenant_id"], heartbeat_of(row)) for row in rows]

    async def held_alerts(self, tenant_id: str, source: str) -> AsyncGenerator[Held]:
        """All of the tenant's firing alerts in short, as far as `source` and the time are concerned."""
        async with isolation.tenants(self._pool, (tenant_id,)) as connection:
            for place, row in enumerate(await connection.fetch(SQL["held_alerts"], tenant_id, source), 1):
                yield Held(row["fingerprint"], tuple(row["replicas"]), row["ends_at"])
                if place % READ_AT_ONCE == 0:
                    await asyncio.sleep(0)

    async def add_received(self, counts: Mapping[ReceivedKey, Received]) -> None:
        """Add to what is counted. In one order everywhere, so that replicas do not deadlock."""
        rows = [(*key, *counts[key]) for key in sorted(counts)]
        async with isolation.tenants(self._pool, {key.tenant_id for key in counts}) as connection:
            await connection.execute(SQL["add_received"], *columns(rows, 6))

    async def due_incidents(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Tenant and id of at most `limit` flapping incidents whose mark ends by `now`."""
        rows = await self._platform.fetch("due_incidents", now, limit)
        return [(row["tenant_id"], str(row["id"])) for row in rows]

    async def due_groups(self, now: datetime, pace: Pace, limit: int) -> list[tuple[str, str, int]]:
        """Tenant, dedup key and number of alerts of at most `limit` groups of which something postponed is due."""
        rows = await self._platform.fetch("due_groups", now, limit, now + pace.memory)
        return [(row["tenant_id"], row["dedup_key"], row["alerts"]) for row in rows]

    async def forget_rejected_alerts(self) -> None:
        """Keep the newest."""
        await self._platform.execute("forget_rejected_alerts", REJECTED_KEPT)
