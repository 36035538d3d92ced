"""One commit in the making: load what a batch needs, append what it decided."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg
import msgspec

from lookout.alerts.alert import LATEST
from lookout.alerts.text import one_line
from lookout.incidents.events import BY_ALERTS
from lookout.incidents.heartbeat import HeartbeatKey
from lookout.incidents.lease import Lease
from lookout.incidents.ledger import Ledger
from lookout.incidents.policy import Pace, Policy
from lookout.store import jsonb
from lookout.store.database import columns
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
from lookout.store.sql import SQL, together

if TYPE_CHECKING:
    from lookout.store.database import Connection

WRITTEN_AT_ONCE = 128
READ_AT_ONCE = 64
"""Rows of one statement, and rows read in one go: between them and the next the server goes on answering. As many take
it a millisecond, and half of one."""

LOADED_AT_ONCE = 256
"""Keys of one statement: that many take PostgreSQL a millisecond, and others wait for the end of it."""

_REASON_LIMIT = 500
_EXCERPT_LIMIT = 512

BeforeEach = Callable[[], Awaitable[None]]

_Table = tuple[str, Iterable[tuple[Any, ...]], int]
"""The statement that writes to it, the rows, and of how many columns they are."""


async def at_once() -> None:
    """What nobody waits for."""


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

    async def _rows(self, name: str, keys: Sequence[list[Any]], *others: Any) -> AsyncGenerator[asyncpg.Record]:
        """The rows of some keys, of which there may be many: the server goes on answering in between, and others first.

        `keys` are columns, of which a statement gets a part.
        """
        for start in range(0, len(keys[0]), LOADED_AT_ONCE):
            await self._before_each()
            part = [column[start : start + LOADED_AT_ONCE] for column in keys]
            for place, row in enumerate(await self._connection.fetch(SQL[name], *part, *others), 1):
                yield row
                if place % READ_AT_ONCE == 0:
                    await asyncio.sleep(0)
                    await self._before_each()

    async def _load_firing(self, needs: dict[str, Needs], ledgers: dict[str, Ledger]) -> None:
        for tenant_id, need in needs.items():
            for incident_id in need.all_firing_of:
                rows = await self._connection.fetch(SQL["load_firing_alerts"], tenant_id, incident_id)
                need.fingerprints.update(row["fingerprint"] for row in rows)
            need.incident_ids |= need.all_firing_of

    async def _load_alerts(self, needs: dict[str, Needs], ledgers: dict[str, Ledger]) -> None:
        async for row in self._rows("load_alerts", _fingerprints(needs)):
            state = alert_state_of(row)
            ledgers[row["tenant_id"]].alerts[state.fingerprint] = state
            needs[row["tenant_id"]].incident_ids.add(state.incident_id)

    async def _load_leases(self, needs: dict[str, Needs], ledgers: dict[str, Ledger]) -> None:
        """In one order, and last: whoever only renews waits for these alone."""
        async for row in self._rows("load_leases", _fingerprints(needs)):
            lease = lease_of(row)
            ledgers[row["tenant_id"]].leases.setdefault(row["fingerprint"], {})[lease.key] = lease

    async def _load_postponed_alerts(self, needs: dict[str, Needs], ledgers: dict[str, Ledger]) -> None:
        async for row in self._rows("load_postponed_alerts", _fingerprints(needs)):
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
        async for row in self._rows("load_postponed_groups", arrays, now + pace.memory):
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
        async for row in self._rows("load_incidents", arrays):
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
        await self._write_all(_forgotten(written))
        await self._write_all([*_appended(grown), *_changed(written), *self._advanced(grown)])

    def _advanced(self, grown: Sequence[Ledger]) -> Iterator[_Table]:
        yield "advance_feeds", ((ledger.tenant_id, ledger.last_position) for ledger in grown), 2
        if self._notifies:
            yield "wake_followers", ((ledger.tenant_id,) for ledger in grown), 1

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
        await self._write_all([("append_rejected_alerts", rows, 6)])

    async def _write_all(self, tables: Iterable[_Table]) -> None:
        """In the order given, and each statement with as many rows as it may have, of however many tables."""
        parts: dict[str, list[list[Any]]] = {}
        room = WRITTEN_AT_ONCE
        for name, rows, count in tables:
            left = iter(rows)
            while some := list(islice(left, room)):
                parts[name] = columns(some, count)
                room -= len(some)
                if not room:
                    await self._write(parts)
                    parts, room = {}, WRITTEN_AT_ONCE
        if parts:
            await self._write(parts)

    async def _write(self, parts: Mapping[str, Sequence[list[Any]]]) -> None:
        await self._before_each()
        await self._connection.execute(together(tuple(parts)), *chain.from_iterable(parts.values()))


def _forgotten(written: Sequence[Ledger]) -> Iterator[_Table]:
    """What goes. It goes first: what is told of the same alert afterwards stays."""
    leases = (
        (ledger.tenant_id, fingerprint, *key) for ledger in written for fingerprint, key in ledger.forgotten_leases
    )
    yield "forget_leases", leases, 5
    changed = ((ledger, key, after) for ledger in written for key, after in ledger.changed_heartbeats.items())
    yield "forget_heartbeats", ((ledger.tenant_id, *key) for ledger, key, after in changed if after is None), 3
    postponed = ((ledger.tenant_id, fingerprint) for ledger in written for fingerprint in ledger.postponed.forgotten)
    yield "forget_postponed_alerts", postponed, 2


def _appended(grown: Sequence[Ledger]) -> Iterator[_Table]:
    """The events, and what follows from them."""
    records = [record for ledger in grown for record in ledger.records]
    yield "append_events", map(event_values, records), 9
    yield "append_event_alerts", (row for record in records for row in event_alert_values(record)), 11
    yield "append_investigations", (row for record in records for row in investigation_values(record)), 12
    incidents = {record.incident.id: record.incident for record in records}
    yield "write_incidents", map(incident_values, incidents.values()), 27
    changed = {
        (ledger.tenant_id, change.fingerprint): ledger.alerts[change.fingerprint]
        for ledger in grown
        for record in ledger.records
        for change in record.alerts
    }
    alerts = (alert_values(tenant_id, changed[tenant_id, fingerprint]) for tenant_id, fingerprint in sorted(changed))
    yield "write_alerts", alerts, 11


def _changed(written: Sequence[Ledger]) -> Iterator[_Table]:
    """What the log does not tell."""
    leases = (
        _lease_values(ledger, fingerprint, lease)
        for ledger in written
        for (fingerprint, _), lease in ledger.changed_leases.items()
    )
    yield "write_leases", leases, 13
    heartbeats = (
        heartbeat_values(ledger.tenant_id, after)
        for ledger in written
        for after in ledger.changed_heartbeats.values()
        if after is not None
    )
    yield "write_heartbeats", heartbeats, 9
    silences = (
        (ledger.tenant_id, fingerprint, receipt.incident_id, receipt.reason, decided_at)
        for ledger in written
        for fingerprint, (receipt, decided_at) in ledger.silences.items()
    )
    yield "write_silent_decisions", silences, 5
    postponed = (
        postponed_values(ledger.tenant_id, postponed)
        for ledger in written
        for postponed in ledger.postponed.changed.values()
    )
    yield "write_postponed_alerts", postponed, 12


def _fingerprints(needs: dict[str, Needs]) -> list[list[str]]:
    """Those needed, as two columns: tenant and fingerprint. In the order in which renewals take the same locks."""
    return columns(sorted((tenant, item) for tenant, need in needs.items() for item in need.fingerprints), 2)


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
