"""`lookout incidents`: what is wrong, and what people do about it."""

import hashlib
import io
import sys
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from lookout.alerts.alert import AlertStatus
from lookout.alerts.severity import Severity
from lookout.alerts.text import one_line
from lookout.cli.client import PAGE, AlertView, Client, InvestigationView
from lookout.cli.finding import find_incident
from lookout.cli.moments import moment_of
from lookout.cli.outside import DEFAULT_URL, Url, outside_of
from lookout.cli.pages import When, incident_page, incident_table, report_count
from lookout.cli.reading import Heard
from lookout.cli.terminal import STATUS_STYLES, TEXT_LIMIT, Terminal, json_line, severity_mark, short_id
from lookout.errors import Refused
from lookout.incidents.actions import NAME_LIMIT
from lookout.incidents.grouping import TITLE_LIMIT
from lookout.incidents.incident import Incident, IncidentView
from lookout.incidents.related import Related
from lookout.limits import LONGEST_REPORT

ALERTS_READ = 2000
ALERTS_SHOWN = 40
EVENTS_SHOWN = 100
RELATED_SHOWN = 5
INVESTIGATIONS_SHOWN = 3

incidents = typer.Typer(no_args_is_help=False, rich_markup_mode=None)


class StatusChoice(StrEnum):
    """What `--status` takes."""

    OPEN = "open"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


Id = Annotated[
    str, typer.Argument(metavar="ID", help="The beginning or the end of an incident's ID, 4 digits or more.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for pipes.")]


@incidents.callback(invoke_without_command=True)
def list_incidents(
    context: typer.Context,
    *,
    status: Annotated[StatusChoice, typer.Option(help="Only these.")] = StatusChoice.OPEN,
    severity: Annotated[Severity | None, typer.Option(help="Only incidents of this severity.")] = None,
    every: Annotated[bool, typer.Option("--all", help="The resolved ones too, after the open ones.")] = False,
    as_of: Annotated[
        str, typer.Option("--as-of", metavar="TIME", help="The list as it was: 90m ago, or at 2026-01-31T12:00.")
    ] = "",
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="At most this many.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print each incident's JSON on a line, for pipes.")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """List incidents, the open ones by default; with a command, show or change one.

    \b
    Examples:
      lookout incidents
      lookout incidents --severity critical
      lookout incidents --all --json | jq -r .title
      lookout incidents --as-of 2h
      lookout incidents show 5f3c9a1e
    """
    if context.invoked_subcommand is not None:
        return
    outside = outside_of(context)
    statuses = [StatusChoice.OPEN, StatusChoice.RESOLVED] if every else [status]
    severities = [severity] if severity is not None else list(Severity)
    seen_at = moment_of(as_of, outside.now(), outside.zone) if as_of else None
    listed, has_more = _listed(outside.client(url), statuses, severities, limit, seen_at)
    if json:
        for incident in listed:
            _print_json(incident)
        return
    screen = Terminal()
    if listed:
        screen.print(incident_table(listed, When(seen_at or outside.now(), outside.zone), screen.width))
    else:
        screen.say(Text(_nothing(statuses, severity, seen_at)))
    if has_more:
        screen.say(Text(f"There are more: --limit {limit * 4} shows up to {limit * 4}.", style="dim"))


def _listed(
    client: Client,
    statuses: Sequence[StatusChoice],
    severities: Sequence[Severity],
    limit: int,
    as_of: datetime | None,
) -> tuple[list[IncidentView], bool]:
    """At most `limit` incidents in the statuses' order, the worst and the newest; and whether there are more."""
    time, first = as_of.astimezone(UTC).isoformat() if as_of is not None else "", min(limit + 1, PAGE)
    # The server's lists are the newest first: asked for all severities at once they cut off what is worst and old.
    found = (
        incident
        for status in statuses
        for severity in severities
        for incident in client.every_incident(status, severity, first, time)
    )
    listed = list(islice(found, limit + 1))
    return sorted(listed[:limit], key=_place_of), len(listed) > limit


def _place_of(incident: IncidentView) -> tuple[bool, bool, int, float]:
    """The order of the page's list; what is stale, which nobody knows to be so still, comes after the others."""
    return not incident.is_open, incident.stale, -incident.severity.rank, -incident.started_at.timestamp()


def _nothing(statuses: Sequence[StatusChoice], severity: Severity | None, as_of: datetime | None) -> str:
    kind = f"{severity} " if severity else ""
    if as_of is not None:
        return f"No such {kind}incidents at {as_of:%Y-%m-%d %H:%M:%S}."
    if statuses == [StatusChoice.OPEN]:
        return f"No open {kind}incidents. Resolved ones: lookout incidents --all"
    return f"No {kind}incidents." if len(statuses) > 1 else f"No {statuses[0]} {kind}incidents."


@incidents.command()
def show(context: typer.Context, part: Id, json: Json = False, url: Url = DEFAULT_URL) -> None:
    """Show one incident: facts, alerts, investigations, timeline, and what may have to do with it.

    \b
    Examples:
      lookout incidents show 5f3c9a1e
      lookout incidents show 5f3c9a1e --json | jq .alerts
    """
    outside = outside_of(context)
    client = outside.client(url)
    incident = client.incident(find_incident(client, part))
    if json:
        _print_json(_whole(client, incident))
        return
    alerts = sorted(islice(client.every_alert(incident.id), ALERTS_READ), key=_urgency)
    events = _last_events(client, incident.id)
    investigations = _investigations(client, incident)[-INVESTIGATIONS_SHOWN:]
    related = client.related(incident.id, RELATED_SHOWN)
    when = When(outside.now(), outside.zone)
    more = len(alerts) > ALERTS_SHOWN
    page = incident_page(incident, alerts[:ALERTS_SHOWN], more, events, when, investigations, related=related)
    Terminal().print(page)


def _urgency(alert: AlertView) -> tuple[AlertStatus, int, str]:
    """What fires comes first, and of that what is worst."""
    return alert.status, -alert.severity.rank, alert.fingerprint


class _Whole(msgspec.Struct, frozen=True):
    incident: IncidentView
    alerts: list[AlertView]
    investigations: list[InvestigationView]
    events: list[Heard]
    related: list[Related]


def _whole(client: Client, incident: IncidentView) -> _Whole:
    return _Whole(
        incident,
        list(client.every_alert(incident.id)),
        _investigations(client, incident),
        list(client.every_event(incident.id)),
        client.related(incident.id, RELATED_SHOWN),
    )


def _investigations(client: Client, incident: Incident) -> list[InvestigationView]:
    """All of them; of an incident that has none nobody asks for them, so that an older server need not know them."""
    return list(client.every_investigation(incident.id)) if incident.investigation_count else []


def _last_events(client: Client, incident_id: str) -> list[Heard]:
    return list(deque(client.every_event(incident_id), EVENTS_SHOWN))


@incidents.command()
def acknowledge(context: typer.Context, part: Id, url: Url = DEFAULT_URL) -> None:
    """Say that you are on it.

    \b
    Example:
      lookout incidents acknowledge 5f3c9a1e
    """
    client = outside_of(context).client(url)
    incident = client.acknowledge(find_incident(client, part))
    _confirm(incident, f"acknowledged by {one_line(incident.acknowledged_by or 'somebody', NAME_LIMIT)}")


@incidents.command()
def resolve(
    context: typer.Context,
    part: Id,
    reason: Annotated[str, typer.Option(help="Why it is over; it stands in the timeline.")] = "",
    url: Url = DEFAULT_URL,
) -> None:
    """Say that it is over. What fires now stays closed; what fires anew opens it again.

    \b
    Example:
      lookout incidents resolve 5f3c9a1e --reason "rolled back ingest 2.14"
    """
    client = outside_of(context).client(url)
    incident = client.resolve(find_incident(client, part), reason)
    _confirm(incident, f"resolved by {one_line(incident.resolved_by or 'its sources', NAME_LIMIT)}")


@incidents.command()
def note(
    context: typer.Context,
    part: Id,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to write down; - reads it from standard input.")],
    url: Url = DEFAULT_URL,
) -> None:
    """Write something down in an incident's timeline.

    \b
    Examples:
      lookout incidents note 5f3c9a1e "restarted transcoder-7"
      kubectl describe pod transcoder-7 | lookout incidents note 5f3c9a1e -
    """
    client = outside_of(context).client(url)
    incident_id = find_incident(client, part)
    _confirm(client.note(incident_id, _standard_input() if text == "-" else text), "noted")


def _standard_input() -> str:
    """All of it; bytes that are no text become U+FFFD."""
    stream = sys.stdin
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    return stream.read()


@incidents.command()
def attach(
    context: typer.Context,
    part: Id,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The report, Markdown; - reads it from standard input.")],
    *,
    report_id: Annotated[
        str, typer.Option(metavar="TEXT", help="Your id of the report; the first of an id stands. Default: its digest.")
    ] = "",
    confidence: Annotated[float | None, typer.Option(metavar="0..1", min=0, max=1, help="How sure you are.")] = None,
    link: Annotated[str, typer.Option(metavar="URL", help="Where the whole report is.")] = "",
    url: Url = DEFAULT_URL,
) -> None:
    """Attach what you found out. Attached once, it stays; attaching it again changes nothing.

    \b
    Examples:
      lookout incidents attach 5f3c9a1e report.md
      ./look-into 5f3c9a1e | lookout incidents attach 5f3c9a1e - --confidence 0.8
    """
    client = outside_of(context).client(url)
    incident_id = find_incident(client, part)
    summary = _standard_input() if file == "-" else _content_of(file)
    told: dict[str, str | float] = {"report_id": report_id or _digest_of(summary), "summary": summary, "link": link}
    if confidence is not None:
        told["confidence"] = confidence
    incident = client.attach(incident_id, told)
    _confirm(incident, f"attached, {report_count(incident)}")


def _content_of(file: str) -> str:
    """A file's text, as far as the server could take it; bytes that are no text become U+FFFD."""
    try:
        with Path(file).open(encoding="utf-8", errors="replace") as report:
            return report.read(LONGEST_REPORT + 1)
    except OSError as error:
        raise Refused(f"{one_line(file, TEXT_LIMIT)} cannot be read: {error.strerror}") from None


def _digest_of(text: str) -> str:
    return f"sha256-{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:16]}"


@incidents.command()
def assign(
    context: typer.Context,
    part: Id,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is. Default: yours.")] = "",
    nobody: Annotated[bool, typer.Option("--nobody", help="Take it from whoever has it.")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Say whose incident it is.

    \b
    Examples:
      lookout incidents assign 5f3c9a1e mira
      lookout incidents assign 5f3c9a1e
      lookout incidents assign 5f3c9a1e --nobody
    """
    outside = outside_of(context)
    client = outside.client(url)
    if name and nobody:
        raise typer.BadParameter("a NAME and --nobody exclude each other")
    incident = client.assign(find_incident(client, part), None if nobody else name or outside.user())
    _confirm(incident, f"assigned to {one_line(incident.assignee or 'nobody', NAME_LIMIT)}")


def _confirm(incident: Incident, what: str) -> None:
    """One line: what is so now."""
    line = Text.assemble((what, STATUS_STYLES[incident.status]), ": ", severity_mark(incident), " ")
    line.append(one_line(incident.title, TITLE_LIMIT)).append(f"  {short_id(incident.id)}", style="dim")
    Terminal().say(line)


def _print_json(value: object) -> None:
    typer.echo(json_line(msgspec.json.encode(value).decode()))
