"""`lookout sources`: what has sent something, when last, and whether it is still heard."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from lookout.alerts.text import one_line
from lookout.cli.client import Client, HeartbeatView, SourceView
from lookout.cli.moments import span
from lookout.cli.outside import DEFAULT_URL, Url, outside_of
from lookout.cli.terminal import Terminal, json_line
from lookout.errors import NotFound, Refused
from lookout.incidents.grouping import VALUE_LIMIT

SHORT_ID = 8
_HEADINGS = ("SOURCE", "HEARD", "ALERTS 24H", "REFUSED", "HEARTBEAT", "STATE", "ID", "LABELS")
_NUMBERS = ("HEARD", "ALERTS 24H", "REFUSED")
_GUTTER = 2

sources = typer.Typer(no_args_is_help=False, rich_markup_mode=None)


@sources.callback(invoke_without_command=True)
def list_sources(
    context: typer.Context,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print each source's JSON on a line, for pipes.")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """List the sources that have sent something, with their heartbeats.

    \b
    Examples:
      lookout sources
      lookout sources --json | jq '.heartbeats[] | select(.silent_since)'
      lookout sources forget prometheus
    """
    if context.invoked_subcommand is not None:
        return
    outside = outside_of(context)
    listed = outside.client(url).sources()
    if json:
        for source in listed:
            typer.echo(json_line(msgspec.json.encode(source).decode()))
        return
    screen = Terminal()
    if listed:
        screen.print(source_table(listed, outside.now()))
    else:
        screen.say(Text("Nothing has sent alerts yet: the README says how Prometheus and Alertmanager do."))


@sources.command()
def forget(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Whose heartbeat it is.")],
    part: Annotated[
        str, typer.Argument(metavar="ID", help="The beginning of the heartbeat's ID, if there are several.")
    ] = "",
    url: Url = DEFAULT_URL,
) -> None:
    """Say that a source is gone for good: its heartbeat is watched no more, until it is heard again.

    Its silence is over then, and what it left firing runs out as if it had never had a heartbeat.

    \b
    Examples:
      lookout sources forget prometheus
      lookout sources forget prometheus 5f3c9a1e
    """
    client = outside_of(context).client(url)
    heartbeat = _find(client, source, part.strip().lower())
    client.forget_heartbeat(source, heartbeat.fingerprint)
    Terminal().say(Text(f"forgotten: {_name_of(heartbeat)} of {one_line(source, VALUE_LIMIT)} {_labels_of(heartbeat)}"))


def source_table(listed: Sequence[SourceView], now: datetime) -> Table:
    """A row for each heartbeat, and one for each source that has none."""
    table = Table(box=None, padding=(0, _GUTTER, 0, 0), header_style="dim", pad_edge=False)
    for heading in _HEADINGS:
        last = heading == _HEADINGS[-1]
        table.add_column(
            heading,
            no_wrap=not last,
            overflow="fold" if last else "ellipsis",
            justify="right" if heading in _NUMBERS else "left",
        )
    for source in listed:
        heard = span(now - source.last_received_at) if source.last_received_at is not None else ""
        numbers = [Text(heard), Text(f"{source.alerts:,}"), Text(f"{source.rejected:,}")]
        first = [Text(one_line(source.source, VALUE_LIMIT)), *numbers]
        for heartbeat in source.heartbeats:
            table.add_row(*first, *_cells(heartbeat, now))
            first = [Text("")] * len(first)
        if not source.heartbeats:
            table.add_row(*first, Text("none", style="dim"))
    return table


def _cells(heartbeat: HeartbeatView, now: datetime) -> list[Text]:
    if heartbeat.silent_since is None:
        state = Text(f"heard {span(now - heartbeat.last_received_at)} ago", style="green")
    else:
        state = Text(f"silent for {span(now - heartbeat.last_received_at)}", style="bold red")
    return [
        Text(_name_of(heartbeat)),
        state,
        Text(one_line(heartbeat.fingerprint[:SHORT_ID], SHORT_ID), style="dim"),
        Text(_labels_of(heartbeat)),
    ]


def _find(client: Client, source: str, part: str) -> HeartbeatView:
    """The one heartbeat of the source whose fingerprint begins with `part`. Raises `NotFound`, `Refused`."""
    known = [heartbeat for one in client.sources() if one.source == source for heartbeat in one.heartbeats]
    match [heartbeat for heartbeat in known if heartbeat.fingerprint.startswith(part)]:
        case [heartbeat]:
            return heartbeat
        case []:
            raise NotFound(f"{one_line(source, 60)!r} has no such heartbeat: `lookout sources` lists them")
        case several:
            raise Refused(f"{len(several)} heartbeats are meant: give the beginning of the ID of one")


def _name_of(heartbeat: HeartbeatView) -> str:
    return one_line(heartbeat.labels.get("alertname", ""), VALUE_LIMIT)


def _labels_of(heartbeat: HeartbeatView) -> str:
    told = [
        f"{one_line(name, VALUE_LIMIT)}={one_line(value, VALUE_LIMIT)}"
        for name, value in sorted(heartbeat.labels.items())
        if name not in ("alertname", "severity")
    ]
    return "  ".join(told)
