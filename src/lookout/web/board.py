"""The list of incidents as people look at it: open first, the worst and newest on top, searched, by pages.

What is open is kept here in short, as of a position of its tenant's log: while the position stands the list stands, and
when it moves only what has changed is read, once for all who look. So a list of ten thousand costs a page of rows.
"""

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from lookout.api.parts import Parts
from lookout.api.periods import past
from lookout.errors import Refused
from lookout.incidents.incident import IncidentView, Status
from lookout.store.board import Brief
from lookout.store.reads import END, IncidentFilter
from lookout.store.sources import as_they_were
from lookout.web.charts import Activity, activity
from lookout.web.facets import Facet, facets_of
from lookout.web.finding import Found, Query, Sight, matching

PAGE = 40
ROWS_LIMIT = 400
"""Rows of one answer: as many as a live list keeps up to date."""
OPEN_LIMIT = 20_000
"""Open incidents of a tenant that are listed. What is beyond, the oldest, is said to be missing."""
KEPT_LIMIT = 60_000
"""Open incidents of all tenants that are kept in short."""
TENANTS_LIMIT = 2_000
"""Tenants of which something is kept."""
CHANGES_LIMIT = 5_000
"""Events since the last look, beyond which all is read anew."""
PAST_LIMIT = 5_000
"""Open incidents of a past time that are listed."""
SCANNED = 2_000
"""Resolved incidents that are searched for one page."""
SEARCHES = 8
"""Searches of a tenant whose finds are kept, until the list changes or who tells of it is looked at anew."""
SOURCES_FRESH = timedelta(seconds=10)
LATELY = timedelta(hours=24)
LATELY_LIMIT = 1_000
"""Incidents that were resolved lately, as far as they are counted."""


Sources = Mapping[str, set[str]]
"""Who tells of what, by incident."""


class Row(msgspec.Struct, frozen=True):
    """An incident in the list, and what is shown beside it."""

    incident: IncidentView
    sources: Sequence[str]
    activity: Activity


class Listing(msgspec.Struct, frozen=True):
    """A page of a list. `next` goes on after it; `position` is what it is true for.

    `counts` is of what is found, by severity, and `whole` of all that is there, whatever is searched for. `missing`:
    more is there than was looked at.
    """

    rows: Sequence[Row]
    total: int
    next: str | None
    position: int
    facets: Sequence[Facet] = ()
    counts: Mapping[str, int] = {}
    whole: Mapping[str, int] = {}
    missing: bool = False


class Lately(msgspec.Struct, frozen=True):
    """How many incidents were resolved within the last day. `has_more`: as far as they were looked at."""

    count: int
    has_more: bool

    @property
    def words(self) -> str:
        return f"{self.count:,} or more" if self.has_more else f"{self.count:,}"


class _Found(msgspec.Struct, frozen=True):
    """What a search finds in what is kept."""

    order: Sequence[Found]
    facets: Sequence[Facet]
    counts: Mapping[str, int]


class _Kept(msgspec.Struct, frozen=True):
    """What is open in a tenant, in the list's order, as of a position; and what was searched in it, by the search."""

    position: int
    briefs: Mapping[str, Brief]
    order: Sequence[Brief]
    counts: Mapping[str, int]
    is_cut: bool
    searched: dict[str, tuple[Sources, _Found]] = msgspec.field(default_factory=dict[str, tuple[Sources, _Found]])


class Board:
    """The lists of all tenants."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reads = parts.reads.board
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._sources: dict[str, tuple[datetime, Sources]] = {}
        self._reading: dict[str, asyncio.Lock] = {}

    async def open(self, tenant_id: str, query: Query, after: str | None = None, rows: int = PAGE) -> Listing:
        """What is open and found: `rows` of it after a cursor."""
        kept = await self._open(tenant_id)
        found = await self._search(tenant_id, query, kept)
        page, following = _page(found.order, after, rows)
        incidents = await self._reads.incidents(tenant_id, [brief.id for brief in page])
        shown = await self._parts.reads.sources.shown(incidents)
        return Listing(
            rows=await self._rows(tenant_id, shown, self._parts.clock.now()),
            total=len(found.order),
            next=following,
            position=kept.position,
            facets=found.facets,
            counts=found.counts,
            whole=kept.counts,
            missing=kept.is_cut,
        )

    async def resolved(
        self, tenant_id: str, query: Query, after: str | None = None, rows: int = PAGE, *, is_lately: bool = False
    ) -> Listing:
        """What is resolved and found, the latest first; `is_lately`: within the last day.

        Of a rare find a page may be short, and `next` goes on.
        """
        position = await self._parts.reads.last_position(tenant_id)
        at, opened = _place_of(after) if after is not None else (datetime.max.replace(tzinfo=UTC), END)
        scanned = await self._reads.resolved_briefs(tenant_id, at, opened, SCANNED)
        among = self._lately(scanned) if is_lately else scanned
        found = matching(query, among, Sight())
        page = found[:rows]
        last = page[-1] if len(found) > rows else among[-1] if len(among) == SCANNED else None
        incidents = await self._reads.incidents(tenant_id, [brief.id for brief in page])
        shown = await self._parts.reads.sources.shown(incidents)
        return Listing(
            rows=await self._rows(tenant_id, shown, self._parts.clock.now()),
            total=len(page),
            next=_cursor_of(_resolved_key(last)) if last is not None else None,
            position=position,
        )

    async def past(self, tenant_id: str, query: Query, time: datetime, after: str | None = None) -> Listing:
        """What was open at a time, and is found. Raises `Refused`, and `Gone` where nothing of it is kept."""
        history = self._parts.history
        at = await history.position_at(tenant_id, past(time, self._parts.clock.now()))
        wanted = IncidentFilter((Status.FIRING, Status.ACKNOWLEDGED))
        incidents = await history.incidents_before(tenant_id, at, END, PAST_LIMIT + 1, wanted)
        order = sorted(incidents[:PAST_LIMIT], key=_open_key)
        found = matching(query, order, Sight())
        page, following = _page(found, after, PAGE)
        chosen = {brief.id: brief for brief in page}
        return Listing(
            rows=await self._rows(
                tenant_id, as_they_were(one for one in order if one.id in chosen), time, with_sources=False
            ),
            total=len(found),
            next=following,
            position=at,
            facets=facets_of(query, order, Sight()) if after is None else (),
            counts=_counts(found),
            whole=_counts(order),
            missing=len(incidents) > PAST_LIMIT,
        )

    async def resolved_lately(self, tenant_id: str, query: Query) -> Lately:
        """How many were resolved within the last day, and are found."""
        if not query.terms:
            since = self._parts.clock.now() - LATELY
            count = await self._reads.count_resolved_since(tenant_id, since, LATELY_LIMIT)
            return Lately(count, has_more=count == LATELY_LIMIT)
        latest = datetime.max.replace(tzinfo=UTC)
        among = self._lately(await self._reads.resolved_briefs(tenant_id, latest, END, LATELY_LIMIT))
        return Lately(len(matching(query, among, Sight())), has_more=len(among) == LATELY_LIMIT)

    def _lately(self, resolved: Sequence[Brief]) -> Sequence[Brief]:
        since = self._parts.clock.now() - LATELY
        return [brief for brief in resolved if brief.resolved_at is not None and brief.resolved_at > since]

    async def _open(self, tenant_id: str) -> _Kept:
        # One reads, and the others who look at the same moment take what it has read.
        async with self._reading.setdefault(tenant_id, asyncio.Lock()):
            position = await self._parts.reads.last_position(tenant_id)
            kept = self._kept.get(tenant_id)
            if kept is None or kept.position != position:
                kept = await self._caught_up(tenant_id, kept, position)
            self._keep(tenant_id, kept)
            return kept

    async def _caught_up(self, tenant_id: str, kept: _Kept | None, position: int) -> _Kept:
        if kept is not None and not kept.is_cut and 0 < position - kept.position <= CHANGES_LIMIT:
            changed, resolved = await self._reads.changed_briefs(tenant_id, kept.position, OPEN_LIMIT + 1)
            briefs = {**kept.briefs, **{brief.id: brief for brief in changed}}
            for incident_id in resolved:
                briefs.pop(incident_id, None)
            if len(briefs) <= OPEN_LIMIT:
                return _kept(position, briefs, is_cut=False)
        found = await self._reads.open_briefs(tenant_id, OPEN_LIMIT + 1)
        briefs = {brief.id: brief for brief in found[:OPEN_LIMIT]}
        return _kept(position, briefs, is_cut=len(found) > OPEN_LIMIT)

    def _keep(self, tenant_id: str, kept: _Kept) -> None:
        self._kept[tenant_id] = kept
        self._kept.move_to_end(tenant_id)
        while len(self._kept) > 1 and self._is_too_much():
            gone, _ = self._kept.popitem(last=False)
            self._sources.pop(gone, None)
            self._reading.pop(gone, None)

    def _is_too_much(self) -> bool:
        return len(self._kept) > TENANTS_LIMIT or sum(len(kept.order) for kept in self._kept.values()) > KEPT_LIMIT

    async def _search(self, tenant_id: str, query: Query, kept: _Kept) -> _Found:
        sources = await self._firing_sources(tenant_id)
        known = kept.searched.get(query.text)
        if known is not None and known[0] is sources:
            return known[1]
        values = {name: await self._reads.firing_values(tenant_id, name) for name in query.label_names}
        sight = Sight(sources, values)
        order = matching(query, kept.order, sight)
        found = _Found(order, facets_of(query, kept.order, sight), _counts(order))
        if len(kept.searched) >= SEARCHES:
            del kept.searched[next(iter(kept.searched))]
        kept.searched[query.text] = sources, found
        return found

    async def _firing_sources(self, tenant_id: str) -> Sources:
        """Who tells of what. Leases are in no log, so no position says whether it is so still: it is so for a while."""
        now = self._parts.clock.now()
        known = self._sources.get(tenant_id)
        if known is not None and now - known[0] < SOURCES_FRESH:
            return known[1]
        found = await self._reads.firing_sources(tenant_id)
        self._sources[tenant_id] = now, found
        return found

    async def _rows(
        self, tenant_id: str, incidents: Sequence[IncidentView], end: datetime, *, with_sources: bool = True
    ) -> list[Row]:
        ids = [incident.id for incident in incidents]
        turns = await self._reads.turns(tenant_id, ids)
        sources = await self._reads.sources_of(tenant_id, ids) if with_sources else {}
        return [
            Row(
                incident,
                sources.get(incident.id, ()),
                activity(turns.get(incident.id, ()), incident.started_at, end, is_open=incident.is_open),
            )
            for incident in incidents
        ]


def _kept(position: int, briefs: Mapping[str, Brief], *, is_cut: bool) -> _Kept:
    order = sorted(briefs.values(), key=_open_key)
    return _Kept(position, briefs, order, _counts(order), is_cut)


def _counts(found: Sequence[Found]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for incident in found:
        counts[incident.severity.value] = counts.get(incident.severity.value, 0) + 1
    return counts


Key = tuple[int, int, int]


def _open_key(found: Found) -> Key:
    """The worst first, then the newest."""
    return -found.severity.rank, -_microseconds(found.started_at), -found.opened_position


def _resolved_key(found: Found) -> Key:
    assert found.resolved_at is not None
    return 0, -_microseconds(found.resolved_at), -found.opened_position


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _page(found: Sequence[Found], after: str | None, rows: int) -> tuple[Sequence[Found], str | None]:
    """A page of a list in order, by key: what comes in before it moves nothing."""
    if after is not None:
        key = _key_of(after)
        found = [one for one in found if _open_key(one) > key]
    page = found[:rows]
    return page, _cursor_of(_open_key(page[-1])) if len(found) > rows else None


def _cursor_of(key: Key) -> str:
    return base64.urlsafe_b64encode(b"%d:%d:%d" % key).decode()


def _key_of(cursor: str) -> Key:
    try:
        text = base64.b64decode(cursor, altchars=b"-_", validate=True).decode("ascii")
        return msgspec.convert(tuple(int(part) for part in text.split(":")), tuple[int, int, int])
    except (ValueError, msgspec.ValidationError):
        raise Refused("after is not a cursor of this list", "after", "cursor") from None


def _place_of(cursor: str) -> tuple[datetime, int]:
    _, at, opened = _key_of(cursor)
    try:
        return _EPOCH - timedelta(microseconds=at), min(max(0, -opened), END)
    except OverflowError:
        raise Refused("after is not a cursor of this list", "after", "cursor") from None


def rows_of(text: str | None) -> int:
    """How many rows a live list shows by now, in whole pages."""
    number = int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 6 else PAGE
    return min(max(PAGE, -(-number // PAGE) * PAGE), ROWS_LIMIT)
