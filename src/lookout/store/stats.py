"""Figures of a time: what opened and ended, how long people and sources took, and what was noisiest."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from lookout.alerts.severity import Severity
from lookout.store import jsonb
from lookout.store.isolation import OfTenant

if TYPE_CHECKING:
    from lookout.store.database import Pool
    from lookout.store.places import Places

NOISIEST = 10
"""Groups that are named."""


class IncidentStats(msgspec.Struct, frozen=True):
    """Figures of the incidents that started within a time; `resolved` and `open` are of its course and of its end.

    The times are medians in seconds, and what nine of ten stay below (`_p90`); None where there was none. `alerts` are
    those that the incidents were folded from, and `flapping` counts the incidents that were marked so at some time;
    `alerts_received` are all that were sent, repeats too, in the whole hours that the time touches, and
    `noise_reduction` how many of these there were for each incident that opened.
    """

    opened: int
    resolved: int
    open: int
    reopened: int
    flapping: int
    alerts: int
    alerts_received: int
    alerts_rejected: int
    noise_reduction: float | None
    seconds_to_acknowledge: float | None
    seconds_to_acknowledge_p90: float | None
    seconds_to_resolve: float | None
    seconds_to_resolve_p90: float | None


class Bucket(msgspec.Struct, frozen=True):
    """One hour or day: how many incidents started in it, by severity, and how many were resolved in it."""

    start: datetime
    opened: Mapping[Severity, int]
    resolved: int


class NoisyGroup(msgspec.Struct, frozen=True):
    """A group of alerts that opened incidents again and again. Title and labels are those of its last incident."""

    dedup_key: str
    title: str
    labels: Mapping[str, str]
    severity: Severity
    incidents: int
    reopens: int
    alerts: int
    last_incident_id: str
    last_started_at: datetime


class Period(msgspec.Struct, frozen=True):
    """From `start` to before `end`, in buckets of `bucket`, which begin at whole hours or days in UTC."""

    start: datetime
    end: datetime
    bucket: timedelta

    @property
    def origin(self) -> datetime:
        """Where the first bucket begins."""
        midnight = self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + (self.start - midnight) // self.bucket * self.bucket

    @property
    def starts(self) -> list[datetime]:
        """Where each bucket begins."""
        count = -((self.origin - self.end) // self.bucket)
        return [self.origin + number * self.bucket for number in range(count)]


class Stats:
    """Reads of figures. Every statement goes by an index over the times."""

    def __init__(self, pool: "Pool", places: "Places | None" = None) -> None:
        self._of_tenant = OfTenant(pool, places)

    async def figures(self, tenant_id: str, start: datetime, end: datetime) -> IncidentStats:
        """Figures of the time from `start` to before `end`."""
        row = await self._of_tenant.fetchrow("incident_stats", tenant_id, start, end)
        assert row is not None
        figures = dict(row)
        for name in ("seconds_to_acknowledge", "seconds_to_resolve"):
            figures[name], figures[f"{name}_p90"] = figures[name] or (None, None)
        figures["noise_reduction"] = row["alerts_received"] / row["opened"] if row["opened"] else None
        return msgspec.convert(figures, IncidentStats)

    async def buckets(self, tenant_id: str, period: Period) -> list[Bucket]:
        """All buckets of the time, the empty ones too, in order."""
        arguments = tenant_id, period.start, period.end, period.bucket, period.origin
        opened = {start: dict.fromkeys(Severity, 0) for start in period.starts}
        for row in await self._of_tenant.fetch("opened_by_bucket", *arguments):
            opened[row["start"]][Severity(row["severity"])] = row["incidents"]
        rows = await self._of_tenant.fetch("resolved_by_bucket", *arguments)
        resolved: dict[datetime, int] = {row["start"]: row["incidents"] for row in rows}
        return [Bucket(start, counts, resolved.get(start, 0)) for start, counts in opened.items()]

    async def noisiest(self, tenant_id: str, start: datetime, end: datetime) -> list[NoisyGroup]:
        """The groups that opened and reopened most often, and among equals those of most alerts."""
        rows = await self._of_tenant.fetch("noisiest_groups", tenant_id, start, end, NOISIEST)
        return [
            NoisyGroup(
                dedup_key=row["dedup_key"],
                title=row["title"],
                labels=dict(sorted(jsonb.loads(row["labels"], dict[str, str]).items())),
                severity=Severity(row["severity"]),
                incidents=row["incidents"],
                reopens=row["reopens"],
                alerts=row["alerts"],
                last_incident_id=str(row["id"]),
                last_started_at=row["started_at"],
            )
            for row in rows
        ]
