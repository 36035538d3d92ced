"""One incident as people look at it: its story, its alerts as a table, and the ways to hand it on."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from lookout.alerts.alert import AlertStatus
from lookout.alerts.shown import is_web_url
from lookout.alerts.text import one_line
from lookout.api.grouping import PresentGrouping, present_of
from lookout.api.parts import Parts
from lookout.errors import NotFound
from lookout.incidents.events import Assigned, Opened
from lookout.incidents.incident import Incident, IncidentView
from lookout.incidents.investigation import INVESTIGATIONS_LIMIT
from lookout.incidents.related import Related
from lookout.store.reads import END, AlertView, InvestigationView
from lookout.web.charts import Activity, activity, in_words
from lookout.web.words import Moment, moment_of, utc

MOMENTS = 30
ALERTS = 100
COLUMNS = 5
OWN = 2
"""Labels that name an alert in a timeline."""
RELATED = 6
UNDO_EVENTS = 500
"""The last events of an incident, among which the assignment before the last is looked for."""
_LINK_ANNOTATIONS = ("runbook_url", "runbook", "dashboard_url", "dashboard", "logs_url")
_TOLD_ABOVE = frozenset(("summary", "description", "message"))


class AlertRow(msgspec.Struct, frozen=True):
    """An alert in the table: its cells, what else is its own, and where to look."""

    alert: AlertView
    cells: Sequence[str | None]
    rest: Sequence[tuple[str, str]]
    links: Sequence[tuple[str, str]]
    notes: Sequence[tuple[str, str]]
    summary: str


class AlertTable(msgspec.Struct, frozen=True):
    """A page of an incident's alerts: what all of them share on top, what differs as columns."""

    shared: Sequence[tuple[str, str]]
    columns: Sequence[str]
    rows: Sequence[AlertRow]
    next: str | None

    def shared_beside(self, labels: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """What all of them have that `labels` do not say already."""
        return [(name, value) for name, value in self.shared if labels.get(name) != value]

    @property
    def own(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """What tells each alert from the others, by fingerprint."""
        return {
            row.alert.fingerprint: [
                (name, cell) for name, cell in zip(self.columns, row.cells, strict=True) if cell is not None
            ][:OWN]
            for row in self.rows
        }

    @property
    def has_values(self) -> bool:
        return any(row.alert.values for row in self.rows)


class Story(msgspec.Struct, frozen=True):
    """A page of a timeline, the newest first. `next` is the position to go on before."""

    moments: Sequence[Moment]
    next: int | None


class Undo(msgspec.Struct, frozen=True):
    """An assignment that can be taken back, and whose the incident was before it."""

    was: str | None


class Detail(msgspec.Struct, frozen=True):
    """An incident with all that its page shows. `position` is one of the log for which it is true."""

    incident: IncidentView
    position: int
    story: Story
    table: AlertTable
    investigations: Sequence[InvestigationView]
    related: Sequence[Related]
    previous: Incident | None
    present: PresentGrouping | None
    activity: Activity
    sources: Sequence[str]


async def detail_of(parts: Parts, tenant_id: str, incident_id: str, alerts_after: str = "") -> Detail:
    """The incident. Raises `NotFound`."""
    reads = parts.reads
    position = await reads.last_position(tenant_id)
    incident = await reads.incident(tenant_id, incident_id)
    (view,) = await reads.sources.shown([incident])
    turns = await reads.board.turns(tenant_id, [incident.id])
    table = await table_of(parts, tenant_id, incident.id, alerts_after)
    found = await reads.investigations_of(tenant_id, incident.id, 0, INVESTIGATIONS_LIMIT)
    now = parts.clock.now()
    return Detail(
        incident=view,
        position=position,
        story=await story_of(parts, tenant_id, incident.id, END),
        table=table,
        investigations=list(reversed(found)),
        related=await parts.relations.of(tenant_id, incident, RELATED),
        previous=await _previous(parts, incident),
        present=await present_of(parts, incident),
        activity=activity(turns.get(incident.id, ()), incident.started_at, now, is_open=incident.is_open),
        sources=sorted({source for row in table.rows for source in row.alert.sources}),
    )


async def undo_of(parts: Parts, incident: Incident, actor: str) -> Undo | None:
    """The incident's last assignment, if it is this actor's and the log still says what was before."""
    events = await parts.reads.board.assignments(incident.tenant_id, incident.id, UNDO_EVENTS)
    match [event.change for event in events]:
        case [Assigned(by=by), Assigned(assignee=before)] if by == actor:
            return Undo(before)
        case [Assigned(by=by), Opened()] if by == actor:
            return Undo(None)
        case _:
            return None


async def story_of(parts: Parts, tenant_id: str, incident_id: str, before: int) -> Story:
    """What happened to an incident before a position, the newest first."""
    events = await parts.reads.board.events_before(tenant_id, incident_id, before, MOMENTS + 1)
    shown = events[:MOMENTS]
    return Story([moment_of(event) for event in shown], shown[-1].position if len(events) > MOMENTS else None)


async def table_of(parts: Parts, tenant_id: str, incident_id: str, after: str) -> AlertTable:
    """A page of the incident's alerts after a fingerprint."""
    alerts = await parts.reads.alerts_of(tenant_id, incident_id, after, ALERTS + 1)
    return _table(alerts[:ALERTS], alerts[ALERTS - 1].fingerprint if len(alerts) > ALERTS else None)


async def _previous(parts: Parts, incident: Incident) -> Incident | None:
    if incident.previous_incident_id is None:
        return None
    try:
        return await parts.reads.incident(incident.tenant_id, incident.previous_incident_id)
    except NotFound:  # forgotten since
        return None


def _table(alerts: Sequence[AlertView], following: str | None) -> AlertTable:
    """What fires comes first."""
    alerts = sorted(alerts, key=lambda alert: (alert.status is not AlertStatus.FIRING, -alert.severity.rank))
    values: dict[str, set[str | None]] = {}
    for alert in alerts:
        for name in alert.labels:
            values.setdefault(name, set())
    for name, seen in values.items():
        seen.update(alert.labels.get(name) for alert in alerts)
    shared = [(name, next(iter(seen)) or "") for name, seen in values.items() if len(seen) == 1]
    differing = sorted((name for name in values if len(values[name]) > 1), key=lambda name: (-len(values[name]), name))
    columns = differing[:COLUMNS]
    rows = [_row(alert, columns, differing[COLUMNS:]) for alert in alerts]
    return AlertTable(sorted(shared), columns, rows, following)


def _row(alert: AlertView, columns: Sequence[str], others: Sequence[str]) -> AlertRow:
    links = [("source", alert.generator_url)] if is_web_url(alert.generator_url) else []
    links += [(one_line(name, 40), url) for name, url in alert.links.items()]
    noted = alert.annotations
    links += [(name.removesuffix("_url"), noted[name]) for name in _LINK_ANNOTATIONS if is_web_url(noted.get(name, ""))]
    linked = {url for _, url in links}
    return AlertRow(
        alert=alert,
        cells=[alert.labels.get(name) for name in columns],
        rest=[(name, alert.labels[name]) for name in others if name in alert.labels],
        links=links,
        notes=[(name, text) for name, text in noted.items() if text not in linked and name not in _TOLD_ABOVE],
        summary=noted.get("description") or noted.get("message") or noted.get("summary", ""),
    )


class Copies(msgspec.Struct, frozen=True):
    """The incident to hand on: as text, as Markdown, as JSON, and the commands that give the same."""

    text: str
    markdown: str
    json: str
    curl: str
    graphql: str


def copies_of(detail: Detail, base_url: str, now: datetime) -> Copies:
    """The ways to copy an incident. Sender's text stands in them as data: on one line, and quoted where it matters."""
    incident = detail.incident
    facts = _facts(incident, now)
    url = f"{base_url}/incidents/{incident.id}"
    title = one_line(incident.title, 200)
    text = "\n".join([f"[{incident.severity}] {title}", *(f"{name}: {value}" for name, value in facts.items()), url])
    quoted = "".join(f"- {name}: {_code(value)}\n" for name, value in facts.items())
    fields = "incidentId title status severity summary labels startedAt firingAlerts totalAlerts"
    query = f'{{ incident(id: "{incident.id}") {{ {fields} }} }}'
    return Copies(
        text=text,
        markdown=f"**{incident.severity}** {_code(title)}\n\n{quoted}\n<{url}>",
        json=msgspec.json.format(msgspec.json.encode(incident), indent=2).decode(),
        curl=f"curl -H \"Authorization: Bearer $LOOKOUT_TOKEN\" '{base_url}/v1/incidents/{incident.id}'",
        graphql=query,
    )


def _facts(incident: Incident, now: datetime) -> Mapping[str, str]:
    end = incident.resolved_at or now
    facts = {
        "status": incident.status.value,
        "summary": one_line(incident.summary, 500),
        "labels": ", ".join(f"{one_line(name, 60)}={one_line(text, 90)}" for name, text in incident.labels.items()),
        "started": f"{utc(incident.started_at)}, {in_words(end - incident.started_at)}",
        "alerts": f"{incident.firing_alerts} of {incident.total_alerts} firing",
        "acknowledged by": one_line(incident.acknowledged_by or "", 200),
        "assigned to": one_line(incident.assignee or "", 200),
    }
    return {name: value for name, value in facts.items() if value}


def _code(text: str) -> str:
    """`text` in Markdown's code, in which nothing has a meaning."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if "`" in text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"
