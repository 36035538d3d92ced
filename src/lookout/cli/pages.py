"""Incidents on the screen: the table of many, the page of one. Pure: what is printed depends on the arguments alone."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lookout.alerts.alert import AlertStatus
from lookout.alerts.shown import URL_LIMIT
from lookout.alerts.text import one_line, paragraphs
from lookout.cli.client import AlertView, InvestigationView
from lookout.cli.lines import firing_count, phrase_of
from lookout.cli.moments import span, stamp
from lookout.cli.reading import Heard
from lookout.cli.terminal import FLAPPING_STYLE, MARKS, STATUS_STYLES, TEXT_LIMIT, severity_mark, short_id
from lookout.incidents.actions import NAME_LIMIT, named
from lookout.incidents.events import FeedEvent, NoteAdded
from lookout.incidents.grouping import SUMMARY_LIMIT, TITLE_LIMIT, VALUE_LIMIT
from lookout.incidents.incident import Incident, IncidentView
from lookout.incidents.investigation import RECOMMENDATION_LIMIT, ROOT_CAUSE_LIMIT
from lookout.incidents.related import Related
from lookout.limits import LONGEST_NOTE, LONGEST_REPORT

STALE = "stale"
STALE_STYLE = "yellow"
"""What stands beside the status where nobody knows whether it is still so."""
_BREAK = "\n"
_WIDTHS = {"ID": 8, "SEVERITY": 10, "STATUS": 12, "INCIDENT": 0, "FIRING": 6, "SINCE": 5, "WHO": 8}
_HEADINGS = tuple(_WIDTHS)
_NUMBERS = ("FIRING", "SINCE")
_GUTTER = 2
_SHORTEST_TITLE = 12


class When(NamedTuple):
    """What times are seen from. `zone` None is the machine's own."""

    now: datetime
    zone: tzinfo | None


def incident_table(incidents: Sequence[IncidentView], when: When, width: int) -> Table:
    """One row for each incident, in the order given, in `width` columns: titles give way.

    The column of people is there if anybody is.
    """
    with_people = any(_person(incident) for incident in incidents)
    headings = _HEADINGS if with_people else _HEADINGS[:-1]
    taken = sum(_WIDTHS[heading] + _GUTTER for heading in headings)
    table = Table(box=None, padding=(0, _GUTTER, 0, 0), header_style="dim", pad_edge=False)
    for heading in headings:
        right = "right" if heading in _NUMBERS else "left"
        table.add_column(heading, no_wrap=True, overflow="ellipsis", justify=right, min_width=_WIDTHS[heading] or None)
    for incident in incidents:
        row = _row(incident, when, max(width - taken, _SHORTEST_TITLE))
        table.add_row(*row[: len(headings)])
    return table


def incident_page(
    incident: IncidentView,
    alerts: Sequence[AlertView],
    more_alerts: bool,
    events: Sequence[Heard],
    when: When,
    investigations: Sequence[InvestigationView] = (),
    *,
    related: Sequence[Related] = (),
) -> Group:
    """All about one incident: header, facts, alerts with labels that differ, related, investigations, timeline."""
    heading = f"Alerts: {firing_count(incident)}" + (f", {len(alerts)} of them here" if more_alerts else "")
    return Group(
        _header(incident),
        Padding(_facts(incident, _shared_labels(incident, alerts), when), (1, 2), expand=False),
        Text(heading, style="bold"),
        Padding(_alerts(incident, alerts, when), (0, 2, 1, 2), expand=False),
        *_related(related, when),
        *_investigations(incident, investigations, when),
        Text("Timeline", style="bold"),
        Padding(_timeline(events, when), (0, 2), expand=False),
    )


def _related(related: Sequence[Related], when: When) -> Iterator[Text | Padding]:
    """Which others may have to do with it, and what they share; nothing if there are none."""
    if not related:
        return
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for other in related:
        incident = other.incident
        title = Text(one_line(incident.title, TITLE_LIMIT), style="" if incident.is_open else "dim")
        table.add_row(
            Text(short_id(incident.id), style="dim"),
            severity_mark(incident),
            Text(stamp(incident.started_at, when.now, when.zone), style="dim"),
            Text(_BREAK).join([title, label_text(other.shared)]),
        )
    yield Text("Related: started within 10 minutes and shares", style="bold")
    yield Padding(table, (0, 2, 1, 2), expand=False)


def _row(incident: IncidentView, when: When, title_width: int) -> tuple[Text, ...]:
    """The cells, in the order of `_HEADINGS`."""
    style = "" if incident.is_open else "dim"
    title = Text.assemble((_mark(incident), FLAPPING_STYLE), (one_line(incident.title, TITLE_LIMIT), style))
    if incident.stale:
        title = Text.assemble((f"{STALE} ", STALE_STYLE), title)
    _append_reports(title, incident, title_width)
    person = Text(_person(incident), style=style)
    person.truncate(_WIDTHS["WHO"], overflow="ellipsis")
    return (
        Text(short_id(incident.id), style="dim"),
        severity_mark(incident),
        Text(incident.status, style=STATUS_STYLES[incident.status]),
        title,
        Text(str(incident.firing_alerts), style=style),
        Text(span(when.now - incident.started_at), style=style),
        person,
    )


def report_count(incident: Incident) -> str:
    """How many investigations were attached."""
    return "1 report" if incident.investigation_count == 1 else f"{incident.investigation_count} reports"


def _append_reports(title: Text, incident: Incident, width: int) -> None:
    """Cut the title to `width`, and say that somebody has looked into it: behind it, or below where it is narrow."""
    reports = Text(report_count(incident), style="dim") if incident.investigation_count else Text()
    beside = width - reports.cell_len - _GUTTER
    is_narrow = beside < 2 * _SHORTEST_TITLE
    title.truncate(width if is_narrow or not reports else beside, overflow="ellipsis")
    if reports:
        title.append(_BREAK if is_narrow else " " * _GUTTER).append_text(reports)


def _mark(incident: Incident) -> str:
    return "flapping " if incident.flapping else ""


def _person(incident: Incident) -> str:
    return one_line(incident.assignee or incident.acknowledged_by or "", NAME_LIMIT)


def _header(incident: IncidentView) -> Text:
    header = Text.assemble(severity_mark(incident), " ", (incident.status, STATUS_STYLES[incident.status]), "  ")
    header.append(_mark(incident), style=FLAPPING_STYLE)
    if incident.stale:
        header.append(f"{STALE}  ", style=STALE_STYLE)
    header.append(one_line(incident.title, TITLE_LIMIT), style="bold")
    summary = one_line(incident.summary, SUMMARY_LIMIT)
    return header.append(f"\n{summary}") if summary and summary != incident.title else header


def _facts(incident: IncidentView, labels: dict[str, str], when: When) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _fact_rows(incident, when):
        table.add_row(Text(name), Text(value))
    if labels:
        table.add_row(Text("labels"), label_text(labels))
    return table


def _fact_rows(incident: IncidentView, when: When) -> Iterator[tuple[str, str]]:
    yield "id", one_line(incident.id, VALUE_LIMIT)
    if incident.rule:
        yield "rule", one_line(incident.rule, VALUE_LIMIT)
    if incident.stale:
        yield STALE, "its source is silent: this is what was last heard. See lookout sources"
    yield "started", _since(incident.started_at, when)
    if incident.acknowledged_at is not None:
        by = named(incident.acknowledged_by)
        yield "acknowledged", f"{_since(incident.acknowledged_at, when)} by {by}"
    if incident.assignee is not None:
        yield "assigned to", one_line(incident.assignee, NAME_LIMIT)
    if incident.resolved_at is not None:
        by = f" by {one_line(incident.resolved_by, NAME_LIMIT)}" if incident.resolved_by else ""
        yield "resolved", f"{_since(incident.resolved_at, when)}{by} ({incident.resolution})"
    if incident.reopen_count:
        yield "reopened", "once" if incident.reopen_count == 1 else f"{incident.reopen_count} times"
    if incident.flapping_until is not None:
        yield "flapping", f"until {stamp(incident.flapping_until, when.now, when.zone)}, if it stays as it is"
    if incident.previous_incident_id is not None:
        yield "follows", one_line(incident.previous_incident_id, VALUE_LIMIT)


def _since(at: datetime, when: When) -> str:
    return f"{stamp(at, when.now, when.zone)} ({span(when.now - at)} ago)"


def _shared_labels(incident: Incident, alerts: Sequence[AlertView]) -> dict[str, str]:
    """The group's labels, and those that all of several alerts have alike."""
    shared = set(alerts[0].labels.items()) if len(alerts) > 1 else set[tuple[str, str]]()
    for alert in alerts:
        shared &= set(alert.labels.items())
    return dict(incident.labels) | dict(sorted(shared))


def _alerts(incident: Incident, alerts: Sequence[AlertView], when: When) -> Table:
    shared = _shared_labels(incident, alerts).items()
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for alert in alerts:
        is_firing = alert.status is AlertStatus.FIRING
        shape, style = MARKS[alert.severity]
        changed_at = alert.starts_at if is_firing else alert.ends_at or alert.starts_at
        table.add_row(
            Text(f"{shape} {alert.severity}", style=style if is_firing else "dim"),
            _alert_status(alert),
            Text(stamp(changed_at, when.now, when.zone), style="dim"),
            _alert_text(alert, dict(sorted(alert.labels.items() - shared))),
        )
    return table


def _alert_status(alert: AlertView) -> Text:
    status = Text(alert.status, style="" if alert.status is AlertStatus.FIRING else "green")
    return Text.assemble(status, (f" {STALE}", STALE_STYLE)) if alert.stale else status


def _alert_text(alert: AlertView, labels: dict[str, str]) -> Text:
    """What tells the alert from the others: labels and values; its links below, each on a line that can be copied."""
    values = {name: f"{value:g}" for name, value in alert.values.items()}
    lines = [label_text(labels | values) or Text(alert.fingerprint, style="dim")]
    for name, url in alert.links.items():
        lines.append(Text.assemble((one_line(name, VALUE_LIMIT), "dim"), " ", one_line(url, URL_LIMIT)))
    return Text(_BREAK).join(lines)


def label_text(labels: Mapping[str, str]) -> Text:
    parts = [
        Text.assemble((one_line(name, VALUE_LIMIT), "dim"), ("=", "dim"), one_line(value, VALUE_LIMIT))
        for name, value in labels.items()
    ]
    return Text("  ").join(parts)


def _investigations(
    incident: Incident, investigations: Sequence[InvestigationView], when: When
) -> Iterator[RenderableType]:
    """Their texts are Markdown, printed as they were written: rendered, a link would hide where it leads."""
    if not investigations:
        return
    more = incident.investigation_count > len(investigations)
    yield Text(
        "Investigations" + (f": the last {len(investigations)} of {incident.investigation_count}" if more else ""),
        style="bold",
    )
    for found in investigations:
        yield Padding(_investigation_text(found, when), (0, 2, 1, 2), expand=False)


def _investigation_text(found: InvestigationView, when: When) -> Text:
    sure = f", {found.confidence:.0%} sure" if found.confidence is not None else ""
    told = f"{one_line(found.investigator, NAME_LIMIT)}, {stamp(found.attached_at, when.now, when.zone)}{sure}"
    parts = [Text(told, style="dim"), Text(paragraphs(found.summary, LONGEST_REPORT))]
    if found.root_cause:
        parts += [Text("Root cause", style="dim"), Text(paragraphs(found.root_cause, ROOT_CAUSE_LIMIT))]
    if found.recommendations:
        parts.append(Text("Recommendations", style="dim"))
        parts += [Text(f"- {paragraphs(text, RECOMMENDATION_LIMIT)}") for text in found.recommendations]
    if found.link:
        parts.append(Text(one_line(found.link, URL_LIMIT)))
    return Text(_BREAK).join(parts)


def _timeline(events: Sequence[Heard], when: When) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for event in events:
        phrase = phrase_of(event)
        table.add_row(
            Text(stamp(event.recorded_at, when.now, when.zone)),
            Text(phrase.verb, style=phrase.style),
            _told(event, phrase.detail),
        )
    return table


def _told(event: Heard, detail: str) -> Text:
    """The event's detail; of a note its whole text, line by line."""
    if isinstance(event, FeedEvent) and isinstance(event.change, NoteAdded):
        text = paragraphs(event.change.text, LONGEST_NOTE)
        return Text(f"{one_line(event.change.by, NAME_LIMIT)}:{_BREAK if _BREAK in text else ' '}{text}")
    return Text(one_line(detail, TEXT_LIMIT))
