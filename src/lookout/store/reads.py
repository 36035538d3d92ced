"""Reading: pages by key, never by offset; every function names its tenant."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lookout.alerts.alert import AlertStatus, LabelSet
from lookout.alerts.severity import Severity, severity_of
from lookout.alerts.shown import shown
from lookout.errors import NotFound
from lookout.incidents.events import EventType, FeedEvent
from lookout.incidents.incident import Incident, Status
from lookout.incidents.transitions import Reason, reason_of
from lookout.store import jsonb
from lookout.store.board import BoardReads
from lookout.store.connecting import check
from lookout.store.isolation import OfTenant, Platform, tenants
from lookout.store.rows import feed_event_of, incident_of, label_set_of
from lookout.store.sources import SourceReads
from lookout.store.sql import SQL

if TYPE_CHECKING:
    import asyncpg

    from lookout.store.database import Pool
    from lookout.store.places import Places

END = 2**62
"""A position beyond every other."""
REACH_SECONDS = 1.5
"""How long the database may take to say that it is there. Whoever asks waits a little longer."""
_LABELS = msgspec.json.Decoder(dict[str, str])
_OPEN = frozenset(status.value for status in Status if status is not Status.RESOLVED)


class LogEnds(NamedTuple):
    """Where a tenant's log begins and ends: events are kept from after `pruned` up to `last`."""

    pruned: int
    last: int


ENDED = -1
"""Where alerts that fire no more stand in the order of severities: behind them all."""


class AlertPlace(NamedTuple):
    """A place in the list of an incident's alerts, the worst first."""

    rank: int
    fingerprint: str


WORST = AlertPlace(len(Severity), "")
"""Before the first of them."""


class Counted(NamedTuple):
    """How many incidents a tenant had when its log ended at `position`, and what shows that it is still that log:
    from where on it is kept, and when its last event was recorded. A standby that takes over may lack the last ones."""

    position: int
    pruned: int
    recorded_at: datetime | None
    incidents: int


NOTHING_COUNTED = Counted(0, 0, None, 0)
COUNTED_LIMIT = 10_000
"""Tenants whose incidents are kept counted."""


class IncidentFilter(msgspec.Struct, frozen=True):
    """Which incidents: empty means all."""

    statuses: tuple[Status, ...] = ()
    severities: tuple[Severity, ...] = ()

    @property
    def is_of_open(self) -> bool:
        """Whether no resolved incident is wanted: there is an index for the others."""
        return _OPEN.issuperset(self.statuses or [""])

    def listed(self, way: str) -> str:
        """The name of the statement that lists them, `before` or `after` a position.

        Those of some severities may be far apart in the history, and have an index of their own.
        """
        if self.is_of_open:
            return f"open_incidents_{way}"
        return f"incidents_of_severities_{way}" if self.severities else f"incidents_{way}"

    @property
    def arguments(self) -> tuple[list[Status] | None, list[Severity] | None]:
        """As the statements take it."""
        return list(self.statuses) or None, list(self.severities) or None


class AlertView(msgspec.Struct, frozen=True):
    """An alert as it was last in an incident, with what was last heard of it.

    `ends_at` is when the firing ended, None while it goes on. `sources` are all that reported it. `links` and `values`
    are what its sources say of where to look and what was measured; `annotations` is without these. `stale`: it
    fires, and nobody has spoken of it since its source fell silent.
    """

    fingerprint: str
    status: AlertStatus
    severity: Severity
    starts_at: datetime
    ends_at: datetime | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    generator_url: str
    sources: tuple[str, ...]
    last_received_at: datetime | None
    links: Mapping[str, str]
    values: Mapping[str, float]
    stale: bool = False


class FiringAlert(msgspec.Struct, frozen=True, gc=False):
    """An alert that fires: since when at the earliest, and until when its senders' words reach.

    `annotations` are JSON, all of them, `group_labels` those of its incident.
    """

    fingerprint: str
    incident_id: uuid.UUID
    group_labels: dict[str, str]
    labels: dict[str, str]
    annotations: msgspec.Raw
    generator_url: str
    starts_at: datetime
    ends_at: datetime
    last_received_at: datetime


class Grouped(msgspec.Struct, frozen=True):
    """What of an alert decides how it is grouped."""

    source: str
    label_set: LabelSet


class Decided(msgspec.Struct, frozen=True):
    """The last decision about an alert in an incident, silent ones included."""

    grouped: Grouped
    reason: Reason
    decided_at: datetime


class InvestigationView(msgspec.Struct, frozen=True):
    """An investigation of an incident, by whom and when it was attached. `position` is that of its event.

    `summary`, `root_cause` and `recommendations` are Markdown as it was written: data, and nothing to trust.
    """

    report_id: str
    investigator: str
    summary: str
    root_cause: str
    recommendations: tuple[str, ...]
    confidence: float | None
    link: str
    attached_at: datetime
    attached_by: str
    position: int


class RejectedView(msgspec.Struct, frozen=True):
    """What was refused, and why. `index` is its place in the request, None if the whole body was refused."""

    id: int
    source: str
    received_at: datetime
    index: int | None
    reason: str
    excerpt: str


class Reads:
    """The read side of the store. Without `places` no read waits for others, but for a connection.

    Where the log ends, and what its followers are told, waits for no place: that is quick, and they live by it.
    """

    def __init__(self, pool: "Pool", severities: Mapping[str, Severity], places: "Places | None" = None) -> None:
        self._pool = pool
        self._of_tenant = OfTenant(pool, places)
        self._of_log = OfTenant(pool)
        self._platform = Platform(pool)
        self.sources = SourceReads(pool, places)
        self.board = BoardReads(pool, places)
        self.severities = severities
        """The policy's. Others may be put here at any time."""
        self._counted: dict[str, Counted] = {}

    async def last_position(self, tenant_id: str) -> int:
        """The position of the tenant's last event, 0 if there is none."""
        return await self._of_log.fetchval("last_position", tenant_id) or 0

    async def last_positions(self, tenant_ids: Iterable[str]) -> dict[str, int]:
        """The same of many tenants at once; those without a log are left out."""
        wanted = list(tenant_ids)
        async with tenants(self._pool, wanted) as connection:
            rows = await connection.fetch(SQL["last_positions"], wanted)
        return {row["tenant_id"]: row["last_position"] for row in rows}

    async def ends(self, tenant_id: str) -> LogEnds:
        """Where the tenant's log begins and ends."""
        row = await self._of_log.fetchrow("feed", tenant_id)
        return LogEnds(row["pruned_position"], row["last_position"]) if row is not None else LogEnds(0, 0)

    async def events_after(self, tenant_id: str, position: int, limit: int) -> list[FeedEvent]:
        """At most `limit` events after `position`, in order."""
        rows = await self._of_tenant.fetch("events_after", tenant_id, position, limit)
        return [feed_event_of(row) for row in rows]

    async def news_after(self, tenant_id: str, position: int, limit: int) -> list[FeedEvent]:
        """The same for those who follow the log."""
        rows = await self._of_log.fetch("events_after", tenant_id, position, limit)
        return [feed_event_of(row) for row in rows]

    async def incident(self, tenant_id: str, incident_id: str) -> Incident:
        """One incident. Raises `NotFound`."""
        row = await self._of_tenant.fetchrow("incident", tenant_id, _uuid_of(incident_id))
        if row is None:
            raise _no_incident(incident_id)
        return incident_of(row)

    async def open_incident_of(self, tenant_id: str, fingerprint: str) -> str | None:
        """The id of the open incident that an alert fires in, None if it fires in none."""
        found = await self._of_tenant.fetchval("open_incident_of_alert", tenant_id, fingerprint)
        return str(found) if found is not None else None

    async def incidents_before(
        self, tenant_id: str, position: int, limit: int, wanted: IncidentFilter
    ) -> list[Incident]:
        """At most `limit` incidents that opened before `position`, the newest first."""
        return await self._incidents(wanted.listed("before"), tenant_id, position, limit, wanted)

    async def incidents_after(
        self, tenant_id: str, position: int, limit: int, wanted: IncidentFilter
    ) -> list[Incident]:
        """At most `limit` incidents that opened after `position`, the oldest first."""
        return await self._incidents(wanted.listed("after"), tenant_id, position, limit, wanted)

    async def _incidents(
        self, name: str, tenant_id: str, position: int, limit: int, wanted: IncidentFilter
    ) -> list[Incident]:
        rows = await self._of_tenant.fetch(name, tenant_id, position, *wanted.arguments, limit)
        return [incident_of(row) for row in rows]

    async def count_incidents(self, tenant_id: str, wanted: IncidentFilter) -> int:
        """How many there are."""
        if not wanted.is_of_open and not wanted.severities:
            return await self._count_all(tenant_id, wanted.statuses or tuple(Status))
        name = "count_open_incidents_of" if wanted.is_of_open else "count_incidents_of_severities"
        count: int = await self._of_tenant.fetchval(name, tenant_id, *wanted.arguments)
        return count

    async def _count_all(self, tenant_id: str, statuses: Sequence[Status]) -> int:
        """How many there are, resolved ones too, in these states: what was counted before is not counted again."""
        kept = self._counted.get(tenant_id, NOTHING_COUNTED)
        row = await self._of_tenant.fetchrow(
            "count_all_incidents", tenant_id, kept.position, kept.pruned, kept.recorded_at, statuses
        )
        if row is None:
            return 0
        count: int = row["opened"] + (kept.incidents if row["holds"] else 0)
        self._counted.pop(tenant_id, None)
        self._counted[tenant_id] = Counted(row["last_position"], row["pruned_position"], row["recorded_at"], count)
        if len(self._counted) > COUNTED_LIMIT:
            del self._counted[next(iter(self._counted))]
        return count - row["unwanted"]

    async def postponed_alerts(self) -> int:
        """How many alerts have a change that is not told yet, of all tenants together: for the metrics."""
        count: int = await self._platform.fetchval("count_postponed_alerts")
        return count

    async def open_incidents(self) -> list[tuple[str, str, int]]:
        """Severity, status and number of the open incidents, of all tenants together: for the metrics."""
        rows = await self._platform.fetch("count_open_incidents")
        return [(row["severity"], row["status"], row["incidents"]) for row in rows]

    async def alerts_of(self, tenant_id: str, incident_id: str, after: str, limit: int) -> list[AlertView]:
        """At most `limit` alerts of an incident with fingerprints beyond `after`, by fingerprint."""
        return (await self.alerts_of_each(tenant_id, [incident_id], after, limit))[0]

    async def alerts_of_each(
        self, tenant_id: str, incident_ids: Sequence[str], after: str, limit: int
    ) -> list[list[AlertView]]:
        """The same of each of some incidents, all in one read."""
        known = [_uuid_of(incident_id) for incident_id in incident_ids]
        rows = await self._of_tenant.fetch("alerts_of_incidents", tenant_id, set(known), after, limit, False)
        views = await self._alert_views(tenant_id, rows)
        found: dict[uuid.UUID, list[AlertView]] = {}
        for row, view in zip(rows, views, strict=True):
            found.setdefault(row["incident_id"], []).append(view)
        return [found.get(incident_id, []) for incident_id in known]

    async def worst_alerts_of(
        self, tenant_id: str, incident_id: str, after: AlertPlace, limit: int
    ) -> tuple[list[AlertView], AlertPlace | None]:
        """At most `limit` alerts of an incident beyond a place, and the place to go on after, None at the end.

        Those that fire, the worst first; then the others, by fingerprint.
        """
        known = _uuid_of(incident_id)
        rows: list[asyncpg.Record] = []
        places: list[AlertPlace] = []
        if after.rank > ENDED:
            rows = await self._of_tenant.fetch(
                "firing_alerts_of_incident", tenant_id, known, self._ranks(), *after, limit + 1
            )
            places = [AlertPlace(row["rank"], row["fingerprint"]) for row in rows]
        is_more = len(rows) > limit
        if not is_more:
            beyond = after.fingerprint if after.rank == ENDED else ""
            room = limit + 1 - len(rows)
            ended = await self._of_tenant.fetch("alerts_of_incidents", tenant_id, [known], beyond, room, True)
            is_more = len(ended) == room
            firing = {row["fingerprint"] for row in rows}  # one may have ended meanwhile
            rows += [row for row in ended if row["fingerprint"] not in firing]
            places += [AlertPlace(ENDED, row["fingerprint"]) for row in ended if row["fingerprint"] not in firing]
        following = places[min(limit, len(places)) - 1] if is_more else None
        return await self._alert_views(tenant_id, rows[:limit]), following

    def _ranks(self) -> bytes:
        """The rank of each word for a severity."""
        words = {**self.severities, **{severity.value: severity for severity in Severity}}
        return jsonb.dumps({word: severity.rank for word, severity in words.items()})

    async def _alert_views(self, tenant_id: str, rows: "Sequence[asyncpg.Record]") -> list[AlertView]:
        firing = [row["fingerprint"] for row in rows if row["status"] == AlertStatus.FIRING]
        stale = await self.sources.stale_alerts(tenant_id, firing) if firing else frozenset[str]()
        return [self._alert_view(row, is_stale=row["fingerprint"] in stale) for row in rows]

    async def opening_alerts(self, tenant_id: str, position: int, limit: int) -> list[Grouped]:
        """At most `limit` of the alerts that began to fire with the event at `position`, by fingerprint."""
        rows = await self._of_tenant.fetch("opening_alerts", tenant_id, position, limit)
        return [Grouped(row["source"], label_set_of(row)) for row in rows]

    async def decisions_of(self, tenant_id: str, incident_id: str, after: str, limit: int) -> list[Decided]:
        """The last decisions about at most `limit` alerts of an incident beyond a fingerprint, by fingerprint."""
        rows = await self._of_tenant.fetch("decisions_of_incident", tenant_id, _uuid_of(incident_id), after, limit)
        return [_decided(row) for row in rows]

    async def firing_alerts(self, tenant_id: str) -> list[FiringAlert]:
        """All alerts that fire, by fingerprint."""
        rows = await self._of_tenant.fetch("firing_alerts", tenant_id)
        alerts = [
            FiringAlert(
                fingerprint=row["fingerprint"],
                incident_id=row["incident_id"],
                group_labels=_LABELS.decode(jsonb.given_back(row["group_labels"])),
                labels=_LABELS.decode(jsonb.given_back(row["labels"])),
                annotations=msgspec.Raw(jsonb.given_back(row["annotations"])),
                generator_url=jsonb.unescape(row["generator_url"]),
                starts_at=row["starts_at"],
                ends_at=row["ends_at"],
                last_received_at=row["last_received_at"],
            )
            for row in rows
        ]
        alerts.sort(key=attrgetter("fingerprint"))
        return alerts

    def _alert_view(self, row: "asyncpg.Record", *, is_stale: bool) -> AlertView:
        labels = dict(sorted(jsonb.loads(row["labels"], dict[str, str]).items()))
        annotations = jsonb.loads(row["annotations"], dict[str, str])
        told = shown(annotations)
        return AlertView(
            fingerprint=row["fingerprint"],
            status=AlertStatus(row["status"]),
            severity=severity_of(labels, self.severities, annotations),
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            labels=labels,
            annotations=told.annotations,
            generator_url=jsonb.unescape(row["generator_url"]),
            sources=tuple(row["sources"]),
            last_received_at=row["last_received_at"],
            links=told.links,
            values=told.values,
            stale=is_stale,
        )

    async def events_of(self, tenant_id: str, incident_id: str, position: int, limit: int) -> list[FeedEvent]:
        """At most `limit` events of an incident after `position`, in order."""
        rows = await self._of_tenant.fetch("events_of_incident", tenant_id, _uuid_of(incident_id), position, limit)
        return [feed_event_of(row) for row in rows]

    async def count_events_of(self, tenant_id: str, incident_id: str) -> int:
        """How many events an incident has."""
        count: int = await self._of_tenant.fetchval("count_events_of_incident", tenant_id, _uuid_of(incident_id))
        return count

    async def investigations_of(
        self, tenant_id: str, incident_id: str, position: int, limit: int
    ) -> list[InvestigationView]:
        """At most `limit` investigations of an incident that were attached after `position`, the oldest first."""
        rows = await self._of_tenant.fetch(
            "investigations_of_incident", tenant_id, _uuid_of(incident_id), position, limit
        )
        return [
            InvestigationView(
                report_id=row["report_id"],
                investigator=row["investigator"],
                summary=row["summary"],
                root_cause=row["root_cause"],
                recommendations=tuple(jsonb.loads(row["recommendations"], list[str])),
                confidence=row["confidence"],
                link=row["link"],
                attached_at=row["attached_at"],
                attached_by=row["attached_by"],
                position=row["position"],
            )
            for row in rows
        ]

    async def rejected_before(self, tenant_id: str, before: int, limit: int) -> list[RejectedView]:
        """At most `limit` rejected alerts with an id below `before`, the newest first."""
        rows = await self._of_tenant.fetch("rejected_alerts_before", tenant_id, before, limit)
        return [
            RejectedView(row["id"], row["source"], row["received_at"], row["place"], row["reason"], row["excerpt"])
            for row in rows
        ]

    async def is_reachable(self) -> bool:
        """Whether the database answers; raises what it says if not."""
        await check(self._pool, REACH_SECONDS)
        return True


def _decided(row: "asyncpg.Record") -> Decided:
    """What the log tells last, what was decided in silence, and the repeats that were only renewed: the latest."""
    reason = reason_of(EventType(row["event_type"]), started=row["status"] == AlertStatus.FIRING)
    decided_at: datetime = row["recorded_at"]
    if row["silent_at"] is not None and row["silent_at"] >= decided_at:
        reason, decided_at = Reason(row["silent_reason"]), row["silent_at"]
    if row["last_received_at"] is not None and row["last_received_at"] > decided_at:
        reason, decided_at = Reason.DUPLICATE, row["last_received_at"]
    return Decided(Grouped(row["source"], label_set_of(row)), reason, decided_at)


def _uuid_of(incident_id: str) -> uuid.UUID:
    try:
        return uuid.UUID(incident_id)
    except ValueError:
        raise _no_incident(incident_id) from None


def _no_incident(incident_id: str) -> NotFound:
    return NotFound(f"there is no incident {incident_id[:64]!r}")
