"""The tools that read. Each asks for the position first, so that what it answers is true for it."""

import msgspec

from lookout.alerts.severity import Severity
from lookout.api.grouping import grouping_of
from lookout.api.mcp.answers import (
    IncidentList,
    RelatedAnswer,
    StatsAnswer,
    Timeline,
    WholeIncident,
    WhyAnswer,
)
from lookout.api.mcp.arguments import (
    ListIncidents,
    OneIncident,
    RelatedArguments,
    StatsArguments,
    TimelineArguments,
    WantedStatus,
    WhyArguments,
)
from lookout.api.mcp.telling import (
    alert_brief,
    event_brief,
    grouped_brief,
    incident_brief,
    investigation_brief,
    key_words,
    noisy_brief,
    present_brief,
    related_brief,
)
from lookout.api.parts import Caller, Parts
from lookout.api.periods import past, period_of, size_of
from lookout.errors import Refused
from lookout.incidents.incident import Incident, Status
from lookout.incidents.investigation import INVESTIGATIONS_LIMIT
from lookout.store.reads import END, WORST, IncidentFilter
from lookout.store.sources import as_they_were

ALERTS_SHOWN = 20
"""Alerts of an incident, the worst."""
INVESTIGATIONS_SHOWN = 3
LONGEST_STATS_DAYS = 90
"""By the day that is an answer that can be read."""

_STATUSES = {
    WantedStatus.OPEN: (Status.FIRING, Status.ACKNOWLEDGED),
    WantedStatus.FIRING: (Status.FIRING,),
    WantedStatus.ACKNOWLEDGED: (Status.ACKNOWLEDGED,),
    WantedStatus.RESOLVED: (Status.RESOLVED,),
    WantedStatus.ALL: (),
}


class Asking(msgspec.Struct, frozen=True):
    """What a call brings: the running parts, and who calls."""

    parts: Parts
    caller: Caller

    @property
    def tenant_id(self) -> str:
        return self.caller.tenant_id


class _Place(msgspec.Struct, frozen=True):
    """Where a list goes on: among the incidents of one severity, those that opened before a position."""

    severity: Severity
    before: int

    def __str__(self) -> str:
        return f"{self.severity}:{self.before}"

    @classmethod
    def of(cls, text: str) -> "_Place":
        """Raises `Refused`."""
        severity, _, before = text.partition(":")
        is_position = before.isascii() and before.isdigit() and int(before[:20]) <= END and len(before) < 20
        if severity not in list(Severity) or not is_position:
            raise Refused("after is no `next` of this list: leave it out to begin anew", "after", "cursor")
        return cls(Severity(severity), int(before))


async def list_incidents(asking: Asking, wanted: ListIncidents) -> IncidentList:
    parts, tenant_id = asking.parts, asking.tenant_id
    if wanted.as_of is None:
        at, position = None, await parts.reads.last_position(tenant_id)
    else:
        at = position = await parts.history.position_at(tenant_id, past(wanted.as_of, parts.clock.now()))
    found, place = await _worst_first(asking, wanted, at)
    shown = as_they_were(found) if at is not None else await parts.reads.sources.shown(found)
    return IncidentList(
        position=position,
        incidents=[incident_brief(incident) for incident in shown],
        next=str(place) if place is not None else None,
    )


async def _worst_first(asking: Asking, wanted: ListIncidents, at: int | None) -> tuple[list[Incident], _Place | None]:
    """At most as many as are wanted, one severity after the other, and where to go on."""
    place = _Place.of(wanted.after) if wanted.after else None
    severities = [severity for severity in Severity if severity in (wanted.severity or list(Severity))]
    if place is not None:
        severities = [severity for severity in severities if severity.rank <= place.severity.rank]
    found: list[Incident] = []
    for severity in severities:
        before = place.before if place is not None and place.severity is severity else END
        room = wanted.limit - len(found)
        those = await _of_severity(asking, wanted.status, severity, before, room + 1, at)
        found += those[:room]
        if len(those) > room:
            # Where none had room the next page begins with the first of this severity.
            return found, _Place(severity, those[room - 1].opened_position if room else before)
    return found, None


async def _of_severity(
    asking: Asking, status: WantedStatus, severity: Severity, before: int, limit: int, at: int | None
) -> list[Incident]:
    only = IncidentFilter(_STATUSES[status], (severity,))
    if at is None:
        return await asking.parts.reads.incidents_before(asking.tenant_id, before, limit, only)
    return await asking.parts.history.incidents_before(asking.tenant_id, at, before, limit, only)


async def get_incident(asking: Asking, wanted: OneIncident) -> WholeIncident:
    reads, tenant_id, incident_id = asking.parts.reads, asking.tenant_id, wanted.incident_id
    position = await reads.last_position(tenant_id)
    incident = await reads.incident(tenant_id, incident_id)
    (shown,) = await reads.sources.shown([incident])
    alerts, _ = await reads.worst_alerts_of(tenant_id, incident_id, WORST, ALERTS_SHOWN)
    investigations = (
        await reads.investigations_of(tenant_id, incident_id, 0, INVESTIGATIONS_LIMIT)
        if incident.investigation_count
        else []
    )
    return WholeIncident(
        position=position,
        incident=incident_brief(shown),
        alerts=[alert_brief(alert) for alert in alerts],
        more_alerts=max(0, incident.total_alerts - len(alerts)),
        investigations=[investigation_brief(found) for found in investigations[-INVESTIGATIONS_SHOWN:]],
    )


async def incident_timeline(asking: Asking, wanted: TimelineArguments) -> Timeline:
    reads, tenant_id, incident_id, limit = asking.parts.reads, asking.tenant_id, wanted.incident_id, wanted.limit
    position = await reads.last_position(tenant_id)
    incident = await reads.incident(tenant_id, incident_id)
    found = await reads.events_of(tenant_id, incident_id, min(wanted.after, END), limit + 1)
    return Timeline(
        position=position,
        incident_id=incident.id,
        events=[event_brief(event) for event in found[:limit]],
        next=found[limit - 1].position if len(found) > limit else None,
    )


async def related_incidents(asking: Asking, wanted: RelatedArguments) -> RelatedAnswer:
    tenant_id = asking.tenant_id
    position = await asking.parts.reads.last_position(tenant_id)
    incident = await asking.parts.reads.incident(tenant_id, wanted.incident_id)
    found = await asking.parts.relations.of(tenant_id, incident, wanted.limit)
    return RelatedAnswer(position=position, incident_id=incident.id, related=[related_brief(other) for other in found])


async def incident_stats(asking: Asking, wanted: StatsArguments) -> StatsAnswer:
    tenant_id, stats = asking.tenant_id, asking.parts.stats
    period = period_of(asking.parts.clock.now(), wanted.start, wanted.end, None)
    if (period.end - period.start).days > LONGEST_STATS_DAYS:
        problem = f"ask for at most {LONGEST_STATS_DAYS} days at once"
        raise Refused(problem, "start", f"maximum {LONGEST_STATS_DAYS} days")
    position = await asking.parts.reads.last_position(tenant_id)
    buckets = await stats.buckets(tenant_id, period)
    return StatsAnswer(
        position=position,
        start=period.start,
        end=period.end,
        bucket=size_of(period),
        figures=await stats.figures(tenant_id, period.start, period.end),
        buckets=[bucket for bucket in buckets if bucket.resolved or any(bucket.opened.values())],
        noisiest=[noisy_brief(group) for group in await stats.noisiest(tenant_id, period.start, period.end)],
    )


async def why_grouped(asking: Asking, wanted: WhyArguments) -> WhyAnswer:
    tenant_id, after = asking.tenant_id, wanted.after.replace("\0", "")
    position = await asking.parts.reads.last_position(tenant_id)
    grouping = await grouping_of(asking.parts, tenant_id, wanted.incident_id, after, wanted.limit)
    return WhyAnswer(
        position=position,
        incident_id=grouping.incident_id,
        rule=grouping.rule,
        policy_version=grouping.policy_version,
        untrusted=key_words(grouping),
        present=present_brief(grouping),
        alerts=[grouped_brief(alert) for alert in grouping.alerts],
        next=grouping.next,
    )
