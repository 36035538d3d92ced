"""Which tenants there are. Every surface reads the data of one; this is the one list of all of them."""

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from lookout.store.isolation import Platform, tenants
from lookout.store.sql import SQL

if TYPE_CHECKING:
    from lookout.store.database import Pool

PAGE = 1000


class Tenant(msgspec.Struct, frozen=True):
    """A tenant, and since when it is known."""

    tenant_id: str
    created_at: datetime


class Tenants:
    """The list of tenants."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._platform = Platform(pool)

    async def known(self, tenant_ids: Iterable[str]) -> set[str]:
        """Those of these that there are."""
        asked = sorted(tenant_ids)
        async with tenants(self._pool, asked) as connection:
            rows = await connection.fetch(SQL["known_tenants"], asked)
        return {row["tenant_id"] for row in rows}

    async def create(self, tenant_ids: Iterable[str], now: datetime, limit: int | None = None) -> set[str]:
        """Make tenants; returns those that were not there. With `limit` there are no more than so many in all."""
        rows = await self._platform.fetch("create_tenants", sorted(tenant_ids), now, limit)
        return {row["tenant_id"] for row in rows}

    async def listed(self) -> AsyncGenerator[Tenant]:
        """All of them, by name."""
        after = ""
        while rows := await self._platform.fetch("all_tenants", after, PAGE):
            for row in rows:
                yield Tenant(row["tenant_id"], row["created_at"])
            after = rows[-1]["tenant_id"]
