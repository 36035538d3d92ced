"""Writing the log: load what a batch needs, append what it decided, one statement per table, one commit."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg
import msgspec

from lookout.alerts.alert import LATEST
from lookout.alerts.text import one_line
from lookout.incidents.events import BY_ALERTS
from lookout.incidents.heartbeat import WATCHED, Heartbeat, HeartbeatKey
from lookout.incidents.lease import Lease
from lookout.incidents.ledger import Ledger
from lookout.incidents.policy import Pace, Policy
from lookout.incidents.reconcile import Held
from lookout.store import isolation, jsonb
from lookout.store.database import columns
from lookout.store.isolation import Patience, Platform, patience_of
from lookout.store.rows import (
    alert_state_of,
    alert_values,
    event_alert_values,
    event_values,
    heartbeat_of,
    heartbeat_values,
    incident_of,
    incident_values,
    investigation_values,
    lease_of,
    postponed_of,
    postponed_values,
)
from lookout.store.sql import SQL

if TYPE_CHECKING:
    from lookout.store.database import Connection, Pool

REJECTED_KEPT = 10_000
"""Rejected alerts that are kept of each tenant: the newest."""

WRITTEN_AT_ONCE = 128
READ_AT_ONCE = 128
"""Rows of one statement, and rows read in one go: between them and the next the server goes on answering. As many take
it a millisecond."""

FEEDS_KNOWN = 100_000
"""Tenants that are remembered to have a log: about 150 bytes each."""

COMMIT_SECONDS = 8.0
ALERTS_A_SECOND = 4_000
"""A commit is given up after so many seconds, and one more for so many alerts: Prometheus waits for 10 seconds."""
LOCK_PART = 0.75
"""The part of that for which one lock is waited for, so that whoever holds it gets the blame."""

_REASON_LIMIT = 500
_EXCERPT_LIMIT = 512


BeforeEach = Callable[[], Awaitable[None]]


async def _at_once() -> None:
    pass


class Renewal(NamedTuple):
    """A repeat of a firing that stands: the lease to renew, and until when."""

    tenant_id: str
    fingerprint: str
    source: str
    replica: str
    starts_at: datetime
    ends_at: datetime


class Needs(msgspec.Struct):
    """What a batch needs of one tenant: the alerts by fingerprint, the groups by dedup key, the incidents by id.

    `all_firing_of` names incidents of which every firing alert is needed, `reports` investigations that may be there
    already, by the incident's and the report's id. `heartbeats` are some, or with `every_heartbeat` all of the tenant's
    are needed.
    """

    fingerprints: set[str] = msgspec.field(default_factory=set[str])
    dedup_keys: set[str] = msgspec.field(default_factory=set[str])
    incident_ids: set[str] = msgspec.field(default_factory=set[str])
    all_firing_of: set[str] = msgspec.field(default_factory=set[str])
    reports: set[tuple[str, str]] = msgspec.field(default_factory=set[tuple[str, str]])
    heartbeats: set[HeartbeatKey] = msgspec.field(default_factory=set[HeartbeatKey])
    every_heartbeat: bool = False


class Rejection(NamedTuple):
    """An alert, or a whole body if `place` is None, that was refused."""

    tenant_id: str
    source: str
    received_at: datetime
    place: int | None
    reason: str
    excerpt: str


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


def patience_of_commit(alerts: int) -> Patience:
    """Nothing of a commit takes longer than the whole: what does has no one who waits for it, and holds others up."""
    seconds = commit_seconds(alerts)
    return patience_of(seconds, seconds * LOCK_PART, seconds)


class Log:
    """The write side of the store. One writer per process uses it; replicas wait for each other at the feeds' rows."""

    def __init__(self, pool: "Pool", *, notifies: bool = True) -> None:
        """Without `notifies` nobody is told of what was written: they look for themselves."""
        self._pool = pool
        self._platform = Platform(pool)
        self._notifies = notifies
        self._known_tenants: dict[str, None] = {}

    async def give_up_connections(self) -> None:
        """Use none again that is open: one of them did not answer in time."""
        await self._pool.expire_connections()

    def knows(self, tenant_id: str) -> bool:
        """Whether the tenant's row is known to be there."""
        return tenant_id in self._known_tenants

    async def renew(self, renewals: Sequence[Renewal], now: datetime) -> set[int]:
        """Renew leases in a commit of its own. Returns the places of those that stood; the others need a decision."""
        # In one order everywhere, so that replicas that hear the same senders do not deadlock.
        order = sorted(range(len(renewals)), key=lambda place: renewals[place].fingerprint)
        ordered = [renewals[place] for place in order]
        arrays = columns(ordered, 6)
        patience = patience_of_commit(len(renewals))
        async with isolation.tenants(self._pool, {r.tenant_id for r in renewals}, patience=patience) as connection:
            rows = await connection.fetch(SQL["renew_leases"], *arrays, now)
        return {order[row["place"] - 1] for row in rows}

    @asynccontextmanager
    async def transaction(
        self, tenant_ids: Iterable[str], alerts: int = 0, before_each: BeforeEach | None = None
    ) -> AsyncGenerator["Transaction"]:
        """One commit, for these tenants, of so many alerts. `before_each` is awaited before each large statement."""
        async with isolation.tenants(self._pool, tenant_ids, patience=patience_of_commit(alerts)) as connection:
            yield Transaction(connection, before_each or _at_once, notifies=self._notifies)

    async def open_feeds(self, tenant_ids: Iterable[str], now: datetime) -> None:
        """Give each tenant its row, once."""
        unknown = sorted(set(tenant_ids) - self._known_tenants.keys())
        if unknown:
            async with isolation.tenants(self._pool, unknown) as connection:
                await connection.execute(SQL["open_feeds"], unknown, now)
            self._known_tenants.update(dict.fromkeys(unknown))
            for tenant_id in list(islice(self._known_tenants, max(0, len(self._known_tenants) - FEEDS_KNOWN))):
                del self._known_tenants[tenant_id]

    async def due_leases(
        self, now: datetime, grace: timedelta, unheard: Sequence[str], limit: int
    ) -> list[tuple[str, str]]:
        """Tenant and fingerprint of at most `limit` alerts with a lease that has run out at `now`.

        Those of `unheard` tenants are passed over: a renewal may have been refused. Leases that were renewed since they
        were last looked at are put off. Those of firings that were only told to have ended are forgotten.
        """
        async with self._platform.transaction() as connection:
            await connection.execute(SQL["postpone_checks"], now, grace)
            await connection.execute(SQL["forget_unknown_leases"], now)
            rows = await connection.fetch(SQL["due_leases"], now, limit, unheard)
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
            async for row in connection.cursor(SQL["held_alerts"], tenant_id, source, prefetch=WRITTEN_AT_ONCE):
                yield Held(row["fingerprint"], tuple(row["replicas"]), row["ends_at"])

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


class Transaction:
    """One commit in the making."""

    def __init__(self, connection: "Connection", before_each: BeforeEach, *, notifies: bool = True) -> None:
        self._connection = connection
        self._before_each = before_each
        self._notifies = notifies

    async def load(
        self, needs: dict[str, Needs], policy: Policy, fresh_id: Callable[[], str], now: datetime
    ) -> dict[str, Ledger]:
        """The tenants' ledgers, locked against every other writer until the commit.

        With a group's incident comes what is postponed of it and due at `now`.
        """
        feeds = await self._connection.fetch(SQL["lock_feeds"], sorted(needs))
        ledgers = {row["tenant_id"]: Ledger(row["tenant_id"], row["last_position"], policy, fresh_id) for row in feeds}
        await self._load_firing(needs, ledgers)
        await self._load_postponed_alerts(needs, ledgers)
        await self._load_alerts(needs, ledgers)
        await self._load_incidents(needs, ledgers)
        await self._load_heartbeats(needs, ledgers)
        await self._load_postponed_groups(needs, ledgers, policy.pace, now)
        await self._load_told(ledgers, policy.pace, now)
        await self._load_leases(needs, ledgers)
        await self._load_reports(needs, ledgers)
        return ledgers

    async def _rows(self, name: str, *arguments: Any) -> AsyncGenerator[asyncpg.Record]:
        """The rows of a statement, of which there may be many: the server goes on answering in between."""
        await self._before_each()
        for place, row in enumerate(await self._connection.fetch(SQL[name], *arguments), 1):
            yield row
            if place % READ_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _load_firing(self, needs: dict[str, Needs], ledgers: dict[str, Ledger]) -> None:
        for tenant_id, need in needs.items():
            for incident_id in need.all_firing_of:
                rows = await self._connection.fetch(SQL["load_firing_alerts"], tenant_id, incident_id)
                need.fingerprints.update(row["fingerprint"] for row in rows)
            need.incident_ids |= need.all_firing_of

    async def _load_alerts(self, needs: dict[str, Needs], ledgers: dict[str, Ledger]) -> None:
        async for row in self._rows("load_alerts", *_fingerprints(needs)):
            state = alert_state_of(row)
            ledgers[row["tenant_id"]].alerts[state.fingerprint] = state
            needs[row["tenant_id"]].incident_ids.add(state.incident_id)

    async def _load_leases(self, needs: dict[str, Needs], ledgers: dict[str, Ledger]) -> None:
        """In one order, and last: whoever only renews waits for these alone."""
        async for row in self._rows("load_leases", *_fingerprints(needs)):
            lease = lease_of(row)
            ledgers[row["tenant_id"]].leases.setdefault(row["fingerprint"], {})[lease.key] = lease

    async def _load_postponed_alerts(self, needs: dict[str, Needs], ledgers: dict[str, Ledger]) -> None:
        async for row in self._rows("load_postponed_alerts", *_fingerprints(needs)):
            ledgers[row["tenant_id"]].postponed.know(postponed_of(row))
            needs[row["tenant_id"]].dedup_keys.add(row["dedup_key"])

    async def _load_postponed_groups(
        self, needs: dict[str, Needs], ledgers: dict[str, Ledger], pace: Pace, now: datetime
    ) -> None:
        """What is postponed of the groups in play: what is due, and all of those that a person resolves."""
        wanted = {(tenant, key): now for tenant, need in needs.items() for key in need.dedup_keys}
        for tenant_id, ledger in ledgers.items():
            for incident in ledger.by_id.values():
                if incident.id in needs[tenant_id].all_firing_of:
                    wanted[tenant_id, incident.dedup_key] = LATEST
                elif incident.is_open:
                    wanted.setdefault((tenant_id, incident.dedup_key), now)
        arrays = columns([(*group, until) for group, until in sorted(wanted.items())], 3)
        missing: dict[str, Needs] = {}
        async for row in self._rows("load_postponed_groups", *arrays, now + pace.memory):
            tenant_id = row["tenant_id"]
            ledgers[tenant_id].postponed.know(postponed_of(row))
            if row["fingerprint"] not in ledgers[tenant_id].alerts:
                missing.setdefault(tenant_id, Needs()).fingerprints.add(row["fingerprint"])
            if wanted[tenant_id, row["dedup_key"]] == LATEST:
                needs[tenant_id].fingerprints.add(row["fingerprint"])
        if missing:
            await self._load_alerts(missing, ledgers)

    async def _load_told(self, ledgers: dict[str, Ledger], pace: Pace, now: datetime) -> None:
        lately = [
            (ledger.tenant_id, incident.id)
            for ledger in ledgers.values()
            for incident in ledger.by_id.values()
            if incident.updated_at > now - pace.memory
        ]
        if not lately:
            return
        ledger_of = {incident_id: ledgers[tenant_id] for tenant_id, incident_id in lately}
        rows = await self._connection.fetch(SQL["load_told"], *columns(lately, 2), BY_ALERTS, pace.burst)
        for row in reversed(rows):
            incident_id = str(row["incident_id"])
            ledger_of[incident_id].told.setdefault(incident_id, []).append(row["recorded_at"])

    async def _load_incidents(self, needs: dict[str, Needs], ledgers: dict[str, Ledger]) -> None:
        ids = [incident_id for need in needs.values() for incident_id in need.incident_ids]
        for row in await self._connection.fetch(SQL["load_incidents_by_id"], ids) if ids else ():
            # An id can be anybody's guess: whose incident it is stands in its row.
            if row["tenant_id"] in ledgers:
                ledgers[row["tenant_id"]].know(incident_of(row))
                if str(row["id"]) in needs[row["tenant_id"]].all_firing_of:
                    needs[row["tenant_id"]].dedup_keys.add(row["dedup_key"])
        arrays = columns([(tenant, key) for tenant, need in needs.items() for key in sorted(need.dedup_keys)], 2)
        async for row in self._rows("load_incidents", *arrays):
            ledgers[row["tenant_id"]].know(incident_of(row))

    async def _load_heartbeats(self, needs: dict[str, Needs], ledgers: dict[str, Ledger]) -> None:
        keys = [(tenant, *key) for tenant, need in needs.items() for key in sorted(need.heartbeats)]
        rows: list[Any] = []
        if keys:
            rows += await self._connection.fetch(SQL["load_heartbeats"], *columns(keys, 3))
            for row in await self._connection.fetch(SQL["count_heartbeats"], sorted({tenant for tenant, *_ in keys})):
                ledgers[row["tenant_id"]].heartbeats_known = row["heartbeats"]
        if whole := [tenant for tenant, need in needs.items() if need.every_heartbeat]:
            rows += await self._connection.fetch(SQL["load_all_heartbeats"], whole)
        for row in rows:
            heartbeat = heartbeat_of(row)
            ledgers[row["tenant_id"]].heartbeats[heartbeat.key] = heartbeat

    async def _load_reports(self, needs: dict[str, Needs], ledgers: dict[str, Ledger]) -> None:
        wanted = [(tenant, *report) for tenant, need in needs.items() for report in sorted(need.reports)]
        for row in await self._connection.fetch(SQL["load_reports"], *columns(wanted, 3)) if wanted else ():
            ledgers[row["tenant_id"]].attached.add((str(row["incident_id"]), row["report_id"]))

    async def append(self, ledgers: Iterable[Ledger]) -> None:
        """Write what the ledgers decided, and wake the followers of those that grew."""
        written = list(ledgers)
        grown = [ledger for ledger in written if ledger.records]
        await self._append_records(grown)
        await self._write_alerts(grown)
        await self._write_leases(written)
        await self._write_heartbeats(written)
        await self._write_silences(written)
        await self._write_postponed(written)
        if grown:
            positions = [(ledger.tenant_id, ledger.last_position) for ledger in grown]
            await self._connection.execute(SQL["advance_feeds"], *columns(positions, 2))
            if self._notifies:
                await self._connection.execute(SQL["wake_followers"], [ledger.tenant_id for ledger in grown])

    async def _append_records(self, grown: Sequence[Ledger]) -> None:
        records = [record for ledger in grown for record in ledger.records]
        await self._write("append_events", map(event_values, records), 9)
        await self._write("append_event_alerts", (row for record in records for row in event_alert_values(record)), 11)
        investigations = (row for record in records for row in investigation_values(record))
        await self._write("append_investigations", investigations, 12)
        incidents = {record.incident.id: record.incident for record in records}
        await self._write("write_incidents", map(incident_values, incidents.values()), 27)

    async def _write_alerts(self, grown: Sequence[Ledger]) -> None:
        changed = {
            (ledger.tenant_id, change.fingerprint): ledger.alerts[change.fingerprint]
            for ledger in grown
            for record in ledger.records
            for change in record.alerts
        }
        rows = (alert_values(tenant_id, changed[tenant_id, fingerprint]) for tenant_id, fingerprint in sorted(changed))
        await self._write("write_alerts", rows, 11)

    async def _write_leases(self, ledgers: Sequence[Ledger]) -> None:
        forgotten = (
            (ledger.tenant_id, fingerprint, *key) for ledger in ledgers for fingerprint, key in ledger.forgotten_leases
        )
        await self._write("forget_leases", forgotten, 5)
        rows = (
            _lease_values(ledger, fingerprint, lease)
            for ledger in ledgers
            for (fingerprint, _), lease in ledger.changed_leases.items()
        )
        await self._write("write_leases", rows, 13)

    async def _write_heartbeats(self, ledgers: Sequence[Ledger]) -> None:
        changed = [
            (ledger.tenant_id, key, after) for ledger in ledgers for key, after in ledger.changed_heartbeats.items()
        ]
        rows = (heartbeat_values(tenant_id, after) for tenant_id, _, after in changed if after is not None)
        await self._write("write_heartbeats", rows, 9)
        forgotten = ((tenant_id, *key) for tenant_id, key, after in changed if after is None)
        await self._write("forget_heartbeats", forgotten, 3)

    async def _write_silences(self, ledgers: Sequence[Ledger]) -> None:
        rows = (
            (ledger.tenant_id, fingerprint, receipt.incident_id, receipt.reason, decided_at)
            for ledger in ledgers
            for fingerprint, (receipt, decided_at) in ledger.silences.items()
        )
        await self._write("write_silent_decisions", rows, 5)

    async def _write_postponed(self, ledgers: Sequence[Ledger]) -> None:
        forgotten = (
            (ledger.tenant_id, fingerprint) for ledger in ledgers for fingerprint in ledger.postponed.forgotten
        )
        await self._write("forget_postponed_alerts", forgotten, 2)
        rows = (
            postponed_values(ledger.tenant_id, postponed)
            for ledger in ledgers
            for postponed in ledger.postponed.changed.values()
        )
        await self._write("write_postponed_alerts", rows, 12)

    async def append_rejected(self, rejections: Sequence[Rejection]) -> None:
        """Keep what was refused, for `GET /v1/rejected-alerts`."""
        rows = (
            (
                rejection.tenant_id,
                rejection.source,
                rejection.received_at,
                rejection.place,
                one_line(rejection.reason, _REASON_LIMIT),
                one_line(rejection.excerpt, _EXCERPT_LIMIT),
            )
            for rejection in rejections
        )
        await self._write("append_rejected_alerts", rows, 6)

    async def _write(self, name: str, rows: Iterable[tuple[Any, ...]], count: int) -> None:
        left = iter(rows)
        while some := list(islice(left, WRITTEN_AT_ONCE)):
            await self._before_each()
            await self._connection.execute(SQL[name], *columns(some, count))


def _fingerprints(needs: dict[str, Needs]) -> list[list[str]]:
    """Those needed, as two columns: tenant and fingerprint."""
    return columns([(tenant, item) for tenant, need in needs.items() for item in sorted(need.fingerprints)], 2)


def _lease_values(ledger: Ledger, fingerprint: str, lease: Lease) -> tuple[Any, ...]:
    state = ledger.alerts.get(fingerprint)
    annotations = lease.annotations
    if state is None or annotations == state.alert.annotations:
        annotations = None
    return (
        ledger.tenant_id,
        fingerprint,
        *lease.key,
        lease.ends_at,
        lease.last_received_at,
        lease.promised,
        lease.expired,
        lease.resolved_at,
        lease.closed_at,
        ledger.check_at(fingerprint, lease),
        jsonb.dumps(annotations) if annotations is not None else None,
    )
