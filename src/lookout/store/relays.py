"""How far the log has gone out to feeds that keep no position themselves: claim tenants, read, move.

A claim is a row's lock. It ends with its transaction, whatever becomes of the process, and replicas pass over what
another one has. What is sent twice because a claim was lost can be told by its event id.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from lookout.alerts.text import one_line
from lookout.store import isolation, jsonb
from lookout.store.database import columns
from lookout.store.isolation import Platform
from lookout.store.known import Known
from lookout.store.sql import SQL

if TYPE_CHECKING:
    import asyncpg

    from lookout.store.database import Connection, Pool

LAG_TENANTS = 1_000
"""Tenants that are asked for the age of what they have still to send."""
KNOWN_LIMIT = 200_000
"""Tenants and feeds that are remembered to have a position: about 250 bytes each."""
_REASON_LIMIT = 500


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event as it stands in the log. Its type is a text: a newer Lookout may have written one unknown here.

    `incident` and `change` are JSON, None where nobody asked for events of this type.
    """

    tenant_id: str
    position: int
    event_id: str
    incident_id: str
    event_type: str
    occurred_at: datetime
    recorded_at: datetime
    incident: bytes | None
    change: bytes | None


class Lag(msgspec.Struct, frozen=True):
    """What is still to go out, and when the oldest of it was recorded."""

    events: int
    oldest_at: datetime | None


class Parked(msgspec.Struct, frozen=True):
    """A tenant whose next event is refused for good, and when it is tried again."""

    tenant_id: str
    position: int
    because: str
    retry_at: datetime


class RelayPositions:
    """The positions of the relays."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._platform = Platform(pool)
        self._known = Known[tuple[str, str]](KNOWN_LIMIT)

    async def begin(self, feed: str, now: datetime) -> bool:
        """Say that `feed` is switched on. For the first time: what is in the log by now is not sent. Returns if so."""
        async with self._platform.transaction() as connection:
            if await connection.fetchval(SQL["begin_relay_feed"], feed, now) is None:
                return False
            await connection.execute(SQL["begin_relays_at_the_end"], feed)
            return True

    @asynccontextmanager
    async def claim_any(self, feed: str, after: str, tenants: int) -> AsyncGenerator["Claim"]:
        """Claim at most so many of the tenants beyond `after` that are behind and that are not parked."""
        if not after:
            await self._platform.execute("open_relays", feed)
        async with self._platform.transaction() as connection:
            await connection.execute(SQL["end_claim_when_idle"])
            rows = await connection.fetch(SQL["claim_relays"], feed, after, tenants)
            await isolation.see_only(connection, (row["tenant_id"] for row in rows))
            yield Claim(connection, feed, rows)

    @asynccontextmanager
    async def claim(self, feed: str, tenant_ids: Sequence[str], *, parked: bool = False) -> AsyncGenerator["Claim"]:
        """Claim those of the tenants that are behind; with `parked` also those that are parked."""
        unknown = [tenant_id for tenant_id in tenant_ids if (feed, tenant_id) not in self._known]
        if unknown:
            async with isolation.tenants(self._pool, unknown) as connection:
                await connection.execute(SQL["open_relays_of"], feed, unknown)
            self._known.remember((feed, tenant_id) for tenant_id in unknown)
        async with isolation.tenants(self._pool, tenant_ids) as connection:
            await connection.execute(SQL["end_claim_when_idle"])
            rows = await connection.fetch(SQL["claim_relays_of"], feed, tenant_ids, parked)
            yield Claim(connection, feed, rows)

    async def parked(self, feed: str, limit: int) -> list[Parked]:
        """Tenants that are parked, those first that are tried first."""
        rows = await self._platform.fetch("parked_relays", feed, limit)
        return [Parked(row["tenant_id"], row["position"], row["refused_because"], row["retry_at"]) for row in rows]

    async def count_parked(self, feed: str) -> int:
        """How many tenants are parked."""
        count: int = await self._platform.fetchval("count_parked_relays", feed)
        return count

    async def lag(self, feed: str) -> Lag:
        """What is still to go out of all tenants."""
        row = await self._platform.fetchrow("relay_lag", feed, LAG_TENANTS)
        assert row is not None
        return Lag(row["events"], row["oldest_at"])

    async def events(self, tenant_id: str, after: int, limit: int, types: Sequence[str] | None) -> list[LoggedEvent]:
        """At most `limit` events of one tenant after a position, with what they say for those of `types`."""
        async with isolation.tenants(self._pool, (tenant_id,)) as connection:
            rows = await connection.fetch(SQL["events_to_relay"], [tenant_id], [after], limit, types)
        return [_event_of(row) for row in rows]


class Claim:
    """Tenants whose rows are locked until the transaction ends.

    `positions` says how far each is, and `last_positions` how far its log was when it was claimed.
    """

    def __init__(self, connection: "Connection", feed: str, rows: "Sequence[asyncpg.Record]") -> None:
        self.positions: Mapping[str, int] = {row["tenant_id"]: row["position"] for row in rows}
        self.last_positions: Mapping[str, int] = {row["tenant_id"]: row["last_position"] for row in rows}
        self._connection = connection
        self._feed = feed

    async def events(self, limit: int, types: Sequence[str] | None) -> list[LoggedEvent]:
        """The next events of each, at most `limit` of one tenant, with what they say for those of `types`."""
        arrays = columns(list(self.positions.items()), 2)
        return [_event_of(row) for row in await self._connection.fetch(SQL["events_to_relay"], *arrays, limit, types)]

    async def move(self, positions: Mapping[str, int]) -> None:
        """All up to these positions has gone out. A tenant that was parked is so no longer."""
        if positions:
            await self._connection.execute(SQL["move_relays"], self._feed, *columns(sorted(positions.items()), 2))

    async def park(self, tenant_id: str, because: str, retry_at: datetime) -> None:
        """The next event of the tenant is refused: leave the tenant alone until `retry_at`."""
        reason = one_line(because, _REASON_LIMIT)
        await self._connection.execute(SQL["park_relay"], self._feed, tenant_id, retry_at, reason)


def _event_of(row: "asyncpg.Record") -> LoggedEvent:
    return LoggedEvent(
        tenant_id=row["tenant_id"],
        position=row["position"],
        event_id=str(row["event_id"]),
        incident_id=str(row["incident_id"]),
        event_type=row["event_type"],
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
        incident=jsonb.given_back(row["incident"]) if row["incident"] is not None else None,
        change=jsonb.given_back(row["change"]) if row["change"] is not None else None,
    )
