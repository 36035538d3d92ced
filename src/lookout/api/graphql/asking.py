"""Who asks, and what the resolvers work with."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import strawberry
from strawberry.dataloader import DataLoader

from lookout.api.parts import Caller, Parts
from lookout.errors import NotFound, Unauthenticated
from lookout.store.reads import AlertView

READS_AT_ONCE = 4
"""Reads of one request under way at once: a page of incidents with alerts leaves connections for others."""


class AlertPage(NamedTuple):
    """A part of an incident's alerts: at most `limit` with fingerprints beyond `after`."""

    incident_id: str
    after: str
    limit: int


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
        self.alerts = DataLoader(load_fn=self._alerts_of, cache=False)
        self.total_alerts: DataLoader[str, int] = DataLoader(load_fn=self._count_alerts, cache=False)

    async def _are_stale(self, incident_ids: list[str]) -> list[bool]:
        """Whether each is stale now: one read for all incidents of an answer."""
        async with self.reading:
            stale = await self.parts.reads.sources.stale_incidents(self.tenant_id, incident_ids)
        return [incident_id in stale for incident_id in incident_ids]

    async def _alerts_of(self, pages: list[AlertPage]) -> list[list[AlertView]]:
        """A page of the alerts of each incident: one read for all incidents of an answer that ask for the same."""
        alike: dict[tuple[str, int], list[str]] = {}
        for page in pages:
            alike.setdefault((page.after, page.limit), []).append(page.incident_id)
        found: dict[AlertPage, list[AlertView]] = {}
        for (after, limit), incident_ids in alike.items():
            async with self.reading:
                each = await self.parts.reads.alerts_of_each(self.tenant_id, incident_ids, after, limit)
            for incident_id, alerts in zip(incident_ids, each, strict=True):
                found[AlertPage(incident_id, after, limit)] = alerts
        return [found[page] for page in pages]

    async def _count_alerts(self, incident_ids: list[str]) -> Sequence[int | BaseException]:
        """How many alerts each has had."""
        async with self.reading:
            incidents = await self.parts.reads.board.incidents(self.tenant_id, incident_ids)
        counts = {incident.id: incident.total_alerts for incident in incidents}
        return [
            counts.get(incident_id, NotFound(f"there is no incident {incident_id!r}")) for incident_id in incident_ids
        ]

    @property
    def caller(self) -> Caller:
        if self.known is None:
            raise Unauthenticated("a credential is needed")
        return self.known

    @property
    def tenant_id(self) -> str:
        return self.caller.tenant_id


Info = strawberry.Info[Asking, None]
