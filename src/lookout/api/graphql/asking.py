"""Who asks, and what the resolvers work with."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import strawberry
from starlette.requests import HTTPConnection
from strawberry.dataloader import DataLoader

from lookout.api.parts import Caller, Parts, local_caller

READS_AT_ONCE = 4
"""Reads of one request under way at once: a page of incidents with alerts leaves connections for others."""


@dataclass
class Asking:
    """What a request, or a WebSocket for all its operations, brings to the resolvers."""

    parts: Parts
    caller: Caller
    can_follow: bool = False
    """Whether there is a WebSocket to send events on."""
    connection_params: Mapping[str, object] | None = None
    """The payload of `connection_init`, which Strawberry puts here."""
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READS_AT_ONCE))

    def __post_init__(self) -> None:
        self.stale = DataLoader(load_fn=self._are_stale, cache=False)

    async def _are_stale(self, incident_ids: list[str]) -> list[bool]:
        """Whether each is stale now: one read for all incidents of an answer."""
        async with self.reading:
            stale = await self.parts.reads.sources.stale_incidents(self.tenant_id, incident_ids)
        return [incident_id in stale for incident_id in incident_ids]

    @property
    def tenant_id(self) -> str:
        return self.caller.tenant_id


Info = strawberry.Info[Asking, None]


def caller_of(connection: HTTPConnection) -> Caller:
    """The caller whom a middleware has found, else that of local mode. Raises `Refused` if the name is too long."""
    known = connection.scope.get("state", {}).get("caller")
    return known if isinstance(known, Caller) else local_caller(connection.headers.get("x-user-id"))
