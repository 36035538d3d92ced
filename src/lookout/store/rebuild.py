"""Folding the log anew, and comparing: the tables must equal what the log says, row for row (I5)."""

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from lookout.incidents.events import InvestigationAttached
from lookout.incidents.evolve import evolve
from lookout.incidents.incident import Incident
from lookout.incidents.ledger import AlertState, alert_after
from lookout.store.database import columns
from lookout.store.isolation import LOCK_SECONDS, Platform, patience_of, tenants
from lookout.store.rows import (
    alert_change_of,
    alert_state_of,
    alert_values,
    event_of,
    feed_event_of,
    incident_of,
    incident_values,
)
from lookout.store.sql import SQL
from lookout.store.transaction import WRITTEN_AT_ONCE

if TYPE_CHECKING:
    from lookout.store.database import Connection, Pool

NO_LIMIT = 0.0
IDLE_SECONDS = 600.0
"""How long it may stand still between two statements: what it read of a tenant is compared in memory. A repair that was
stopped by hand holds up the tenant's writers for that long."""
PATIENCE = patience_of(NO_LIMIT, LOCK_SECONDS, IDLE_SECONDS)
"""A history of millions of incidents is read and written whole, and nobody's request waits for it."""

_PAGE = 1000
_DIFFERENCES_SHOWN = 5


class Folded(msgspec.Struct):
    """What the log of one tenant says. Up to `pruned_position` it is not kept."""

    pruned_position: int = 0
    last_position: int = 0
    incidents: dict[str, Incident] = msgspec.field(default_factory=dict[str, Incident])
    alerts: dict[str, AlertState] = msgspec.field(default_factory=dict[str, AlertState])
    faults: list[str] = msgspec.field(default_factory=list[str])


class Report(msgspec.Struct):
    """What a rebuild found. `lines` say it for people."""

    equal: bool
    lines: list[str]


async def rebuild(pool: "Pool", *, repair: bool = False) -> Report:
    """Fold every tenant's log and compare with the tables; with `repair`, write what the log says where they differ.

    A statement takes as long as it takes: `pool` should set no time limit either.
    """
    report = Report(True, [])
    for row in await Platform(pool).fetch("tenants"):
        tenant_id = row["tenant_id"]
        # A repair waits for the writers and then keeps them out; a look at one moment need not.
        level = "READ COMMITTED" if repair else "REPEATABLE READ"
        async with tenants(pool, (tenant_id,), level=level, patience=PATIENCE) as connection:
            if repair:
                await connection.execute(SQL["lock_feeds"], [tenant_id])
            faults = await _compare(connection, tenant_id, report, repair=repair)
        report.equal = report.equal and not faults
    report.lines.append("equal: the tables are what the log says" if report.equal else "NOT equal")
    return report


async def _compare(connection: "Connection", tenant_id: str, report: Report, *, repair: bool) -> list[str]:
    feed = await connection.fetchrow(SQL["feed"], tenant_id)
    assert feed is not None
    last_position = feed["last_position"]
    folded = await fold(connection, tenant_id, feed["pruned_position"])
    faults = list(folded.faults)
    if folded.last_position != last_position:
        faults.append(f"the log ends at {folded.last_position}, and the feed's row says {last_position}")
    incidents = {str(row["id"]): incident_of(row) for row in await connection.fetch(SQL["all_incidents"], tenant_id)}
    alerts = {row["fingerprint"]: alert_state_of(row) for row in await connection.fetch(SQL["all_alerts"], tenant_id)}
    faults += _differences("incident", folded.incidents, incidents)
    faults += _differences("alert", _told(folded.alerts), _told(alerts))
    count = folded.last_position - folded.pruned_position
    report.lines.append(
        f"{tenant_id}: {count} events fold to {len(folded.incidents)} incidents and "
        f"{len(folded.alerts)} alerts: {'equal' if not faults else f'{len(faults)} differences'}"
    )
    report.lines += [f"  {fault}" for fault in faults[:_DIFFERENCES_SHOWN]]
    if faults and repair:
        await _write(connection, tenant_id, folded)
        report.lines.append("  written anew from the log")
    return faults


async def fold(connection: "Connection", tenant_id: str, pruned_position: int = 0) -> Folded:
    """Fold the tenant's log from its first event. Says where positions have a gap or a snapshot is not the fold."""
    folded = Folded(pruned_position, pruned_position)
    while True:
        rows = await connection.fetch(SQL["events_after"], tenant_id, folded.last_position, _PAGE)
        if not rows:
            return folded
        changes: dict[int, list[Any]] = {}
        first, last = rows[0]["position"], rows[-1]["position"]
        for row in await connection.fetch(SQL["alerts_of_event"], tenant_id, first - 1, last):
            changes.setdefault(row["position"], []).append(alert_change_of(row))
        reports = {
            (row["position"], str(row["incident_id"]), row["report_id"])
            for row in await connection.fetch(SQL["reports_of_events"], tenant_id, first - 1, last)
        }
        for row in rows:
            _fold_event(folded, row, changes.get(row["position"], []), reports)


def _fold_event(folded: Folded, row: Any, changes: list[Any], reports: set[tuple[int, str, str]]) -> None:
    event = event_of(row)
    if event.position != folded.last_position + 1:
        folded.faults.append(f"position {event.position} follows {folded.last_position}")
    folded.last_position = event.position
    snapshot = feed_event_of(row).incident
    if snapshot.opened_position <= folded.pruned_position:
        # The end of an incident that is forgotten: its alerts are so too, unless they fire in another one later.
        for change in changes:
            folded.alerts.pop(change.fingerprint, None)
        return
    after = evolve(folded.incidents.get(event.incident_id), event)
    folded.incidents[after.id] = after
    if snapshot != after:
        folded.faults.append(f"the snapshot at position {event.position} is not what the events before it fold to")
    told = event.change
    if isinstance(told, InvestigationAttached) and (event.position, event.incident_id, told.report_id) not in reports:
        folded.faults.append(f"the investigation that position {event.position} tells of is not there")
    for change in changes:
        folded.alerts[change.fingerprint] = alert_after(folded.alerts.get(change.fingerprint), change, event)


def _told(alerts: dict[str, AlertState]) -> dict[str, tuple[Any, ...]]:
    """What the log tells of alerts, as it is stored."""
    return {fingerprint: alert_values("", state) for fingerprint, state in alerts.items()}


def _differences(kind: str, folded: dict[str, Any], stored: dict[str, Any]) -> list[str]:
    return [
        f"{kind} {key}: the log says {folded.get(key)}, the table {stored.get(key)}"
        for key in sorted(folded.keys() | stored.keys())
        if folded.get(key) != stored.get(key)
    ]


async def _write(connection: "Connection", tenant_id: str, folded: Folded) -> None:
    await connection.execute(SQL["forget_incidents"], tenant_id)
    await connection.execute(SQL["forget_alerts"], tenant_id)
    incidents = (incident_values(incident) for incident in folded.incidents.values())
    await _write_in_parts(connection, "write_incidents", incidents, 27)
    alerts = (alert_values(tenant_id, state) for state in folded.alerts.values())
    await _write_in_parts(connection, "write_alerts", alerts, 11)
    await connection.execute(SQL["advance_feeds"], [tenant_id], [folded.last_position])


async def _write_in_parts(connection: "Connection", name: str, rows: Iterable[tuple[Any, ...]], count: int) -> None:
    left = iter(rows)
    while some := list(islice(left, WRITTEN_AT_ONCE)):
        await connection.execute(SQL[name], *columns(some, count))
