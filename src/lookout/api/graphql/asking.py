"""Who asks, and what the resolvers work with."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import strawberry
from strawberry.dataloader import DataLoader

from lookout.api.parts import Caller, Parts
from lookout.errors import Unauthenticated

READS_AT_ONCE = 4
"""Reads of one request under way at once: a page of incidents with alerts leaves connections for others."""


@dataclass
class Asking:
    """What a request, or a WebSocket for all its operations, brings to the resolvers."""

    parts: Parts
    known: Caller | None
    """Who asks; None on a WebSocket that has not said so yet."""
    can_follow: bool = False
    """Whether there is a WebSocket to send events on."""
    connection_params: Mapping[str, object] | None = None
    """The payload of `connection_init`, which Strawberry puts here."""
    admit: Callable[[Mapping[str, object]], Awaitable[Caller]] | None = None
    """Takes the credential in that payload."""
    sit: Callable[[Caller], None] | None = None
    """Counts the WebSocket, once it is known whose it is."""
    count: Callable[[], None] | None = None
    """Counts an operation on the WebSocket."""
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READS_AT_ONCE))

    def __post_init__(self) -> None:
        self.stale = DataLoader(load_fn=self._are_stale, cache=False)

    async def _are_stale(self, incident_ids: list[str]) -> list[bool]:
        """Whether each is stale now: one read for all incidents of an answer."""
        async with self.reading:
            stale = await self.parts.reads.sources.stale_incidents(self.tenant_id, incident_ids)
        return [incident_id in stale for incident_id in incident_ids]

    @property
    def caller(self) -> Caller:
        if self.known is None:
            raise Unauthenticated("a credential is needed")
        return self.known

    @property
    def tenant_id(self) -> str:
        return self.caller.tenant_id


Info = strawberry.Info[Asking, None]
