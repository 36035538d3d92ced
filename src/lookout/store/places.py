"""Who reads next: tenants' reads hold so many connections at once, and one tenant's only a part of them.

A read may take as long as a statement may. Without this the slow ones of one tenant would have every connection, and
all others, the followers of the log and whoever asks whether the database answers, would wait behind them.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from lookout.errors import Overloaded

WAITING = 200
"""Reads of one tenant that are under way or wait: what comes then is refused, or they would wait for minutes."""


class _Turns:
    """Those of one tenant that read, or wait to."""

    def __init__(self, at_once: int) -> None:
        self.count = 0
        self.reading = asyncio.Semaphore(at_once)


class Places:
    """Places to read, as many as connections may be held. Each waits for its tenant's turn, and then for a place."""

    def __init__(self, in_all: int, of_tenant: int) -> None:
        self._of_tenant = of_tenant
        self._tenants: dict[str, _Turns] = {}
        self._reading = asyncio.Semaphore(in_all)

    @asynccontextmanager
    async def one(self, tenant_id: str) -> AsyncGenerator[None]:
        """A place for a read of this tenant, in the order in which they came. Raises `Overloaded`."""
        turns = self._tenants.get(tenant_id)
        if turns is None:
            turns = self._tenants[tenant_id] = _Turns(self._of_tenant)
        if turns.count >= WAITING:
            raise Overloaded(f"{WAITING} reads of this tenant are under way or wait for their turn; try again")
        turns.count += 1
        try:
            async with turns.reading, self._reading:
                yield
        finally:
            turns.count -= 1
            if not turns.count:
                del self._tenants[tenant_id]
