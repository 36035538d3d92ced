"""An event as one line of text. Pure: the event, the width and the time zone decide.

12:03:44 ▲ critical opened       TargetDown (cluster=eu-1, job=ingest)  2 firing
"""

from datetime import timedelta, tzinfo
from typing import NamedTuple, assert_never

from rich.cells import cell_len
from rich.text import Text

from lookout.alerts.text import one_line
from lookout.cli.moments import span, time_of_day
from lookout.cli.reading import Heard, UnknownEvent
from lookout.cli.terminal import TEXT_LIMIT, severity_mark, short_id
from lookout.incidents.actions import named
from lookout.incidents.events import (
    Acknowledged,
    AlertsChanged,
    AlertsDelta,
    Assigned,
    Escalated,
    FeedEvent,
    FlappingEnded,
    InvestigationAttached,
    NoteAdded,
    Opened,
    Reopened,
    Resolved,
)
from lookout.incidents.grouping import TITLE_LIMIT
from lookout.incidents.incident import Incident, Resolution

WIDTH_WITH_IDS = 110
"""From this width on there is room for the incident's id."""
_VERB_WIDTH = len("acknowledged")
_DETAIL_WIDTH = len("from warning, 300 firing")
_GAP = "  "


class Phrase(NamedTuple):
    """What happened, in the past tense, its style, and what there is to say about it."""

    verb: str
    style: str
    detail: str


def line_of(heard: Heard, width: int, zone: tzinfo | None) -> Text:
    """The event as a line of at most `width` columns; `zone` None is the machine's own time zone."""
    incident, phrase = heard.incident, phrase_of(heard)
    line = Text.assemble((time_of_day(heard.recorded_at, zone), "dim"), " ", severity_mark(incident), " ")
    if width >= WIDTH_WITH_IDS:
        line.append(f"{short_id(incident.id)} ", style="dim")
    line.append(f"{phrase.verb:<{_VERB_WIDTH}} ", style=phrase.style)
    title = Text(one_line(incident.title, TITLE_LIMIT), style="" if incident.is_open else "dim")
    _append_fitting(line, title, Text(phrase.detail, style="dim"), width - line.cell_len)
    return line


def phrase_of(heard: Heard) -> Phrase:
    """What the event says, without its time and its incident."""
    if isinstance(heard, UnknownEvent):
        return Phrase(one_line(heard.event_type.removeprefix("incident_"), _VERB_WIDTH), "", "")
    return _phrase(heard)


def firing_count(incident: Incident) -> str:
    """How many alerts fire, and of how many if others have ended."""
    if incident.firing_alerts == incident.total_alerts:
        return f"{incident.firing_alerts} firing"
    return f"{incident.firing_alerts} of {incident.total_alerts} firing"


def _phrase(event: FeedEvent) -> Phrase:
    change = event.change
    match change:
        case Acknowledged() | Assigned() | NoteAdded() | InvestigationAttached():
            return _done(change)
        case _:
            return _happened(change, event.incident)


def _happened(
    change: Opened | Escalated | AlertsChanged | Reopened | Resolved | FlappingEnded, incident: Incident
) -> Phrase:
    """What alerts, their end or time did to an incident."""
    flapping = "flapping, " if incident.flapping else ""
    match change:
        case Opened(previous_incident_id=previous):
            return Phrase("opened", "bold", firing_count(incident) + (", as it has before" if previous else ""))
        case Escalated(before=before):
            return Phrase("escalated", "bold red", f"from {before}, {firing_count(incident)}")
        case AlertsChanged(alerts=alerts):
            return Phrase("changed", "", f"{_signed(alerts)}, {firing_count(incident)}")
        case Reopened():
            times = f"{incident.reopen_count} times, " if incident.reopen_count > 1 else ""
            return Phrase("reopened", "bold red", flapping + times + firing_count(incident))
        case Resolved():
            return Phrase("resolved", "green", flapping + _resolution(change, incident))
        case FlappingEnded():
            return Phrase("calmed", "", "flaps no more")
        case _:
            assert_never(change)


def _done(change: Acknowledged | Assigned | NoteAdded | InvestigationAttached) -> Phrase:
    """What somebody did."""
    by = named(change.by)
    match change:
        case Acknowledged():
            return Phrase("acknowledged", "cyan", f"by {by}")
        case Assigned(assignee=assignee):
            if assignee is None:
                return Phrase("unassigned", "cyan", f"by {by}")
            return Phrase("assigned", "cyan", f"to {named(assignee)}" + (f" by {by}" if change.by != assignee else ""))
        case NoteAdded(text=text):
            return Phrase("noted", "cyan", f"{by}: {one_line(text, TEXT_LIMIT)}")
        case InvestigationAttached(investigator=investigator, summary=summary):
            return Phrase("investigated", "cyan", f"{named(investigator)}: {one_line(summary, TEXT_LIMIT)}")
        case _:
            assert_never(change)


def _resolution(change: Resolved, incident: Incident) -> str:
    lasted = incident.resolved_at - incident.started_at if incident.resolved_at is not None else timedelta()
    after = f"after {span(lasted)}"
    match change.resolution:
        case Resolution.SOURCE:
            return after
        case Resolution.EXPIRED:
            return f"{after}, by silence"
        case Resolution.RECONCILED:
            return f"{after}, by asking the source"
        case Resolution.OPERATOR:
            reason = one_line(change.reason, TEXT_LIMIT)
            return f"{after} by {named(change.by)}" + (f": {reason}" if reason else "")
        case _:
            assert_never(change.resolution)


def _signed(alerts: AlertsDelta) -> str:
    parts = [f"+{alerts.started}"] if alerts.started else []
    parts += [f"-{alerts.ended}"] if alerts.ended else []
    return " ".join(parts) or f"{alerts.new} came and went"


def _append_fitting(line: Text, title: Text, detail: Text, room: int) -> None:
    """Append both within `room` columns: each may use what the other leaves of its share."""
    if not detail:
        title.truncate(max(room, 1), overflow="ellipsis")
        line.append_text(title)
        return
    room -= len(_GAP)
    share = max(_DETAIL_WIDTH, room // 2)
    title.truncate(max(room - share, room - cell_len(detail.plain), 1), overflow="ellipsis")
    detail.truncate(max(room - title.cell_len, 1), overflow="ellipsis")
    line.append_text(title).append(_GAP).append_text(detail)
