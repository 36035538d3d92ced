"""`lookout stats`: figures of a time, what opened by the hour or the day, and the noisiest groups."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated

import msgspec
import typer
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lookout.alerts.severity import Severity
from lookout.alerts.text import one_line
from lookout.cli.moments import moment_of, span
from lookout.cli.outside import DEFAULT_URL, Url, outside_of
from lookout.cli.terminal import MARKS, Terminal, json_line, short_id
from lookout.incidents.grouping import TITLE_LIMIT

BAR_WIDTH = 40
BUCKETS_SHOWN = 62
"""Rows of the chart, the latest ones: two months by the day, two days by the hour."""


class Figures(msgspec.Struct, frozen=True):
    """What `/v1/stats` tells of the whole time."""

    opened: int
    resolved: int
    open: int
    reopened: int
    flapping: int
    alerts_received: int
    alerts_rejected: int
    noise_reduction: float | None
    seconds_to_acknowledge: float | None
    seconds_to_acknowledge_p90: float | None
    seconds_to_resolve: float | None
    seconds_to_resolve_p90: float | None


class Bucket(msgspec.Struct, frozen=True):
    start: datetime
    opened: Mapping[Severity, int]
    resolved: int


class NoisyGroup(msgspec.Struct, frozen=True):
    title: str
    severity: Severity
    incidents: int
    reopens: int
    alerts: int
    last_incident_id: str


class StatsView(msgspec.Struct, frozen=True):
    """The answer of `/v1/stats`."""

    start: datetime
    end: datetime
    bucket: str
    figures: Figures
    buckets: list[Bucket]
    noisiest: list[NoisyGroup]


def stats(
    context: typer.Context,
    *,
    since: Annotated[str, typer.Option(metavar="TIME", help="Begin 7d ago, or at 2026-01-31T12:00.")] = "24h",
    until: Annotated[str, typer.Option(metavar="TIME", help="End then. Default: now.")] = "",
    by: Annotated[str, typer.Option(metavar="hour|day", help="The rows of the chart. Default: what fits.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for pipes.")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Show figures of a time, and what was noisiest.

    \b
    Examples:
      lookout stats
      lookout stats --since 30d
      lookout stats --since 7d --json | jq .figures.noise_reduction
    """
    outside = outside_of(context)
    now = outside.now()
    end = moment_of(until, now, outside.zone) if until else now
    start = moment_of(since, now, outside.zone)
    query = {"start": _sent(start), "end": _sent(end), "bucket": by}
    view, raw = outside.client(url).stats(query, StatsView)
    if json:
        typer.echo(json_line(raw))
    else:
        Terminal().print(stats_page(view, outside.zone))


def _sent(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def stats_page(view: StatsView, zone: tzinfo | None) -> Group:
    """All of it. Pure."""
    period = f"{view.start.astimezone(zone):%Y-%m-%d %H:%M} to {view.end.astimezone(zone):%Y-%m-%d %H:%M}"
    return Group(
        Text(period, style="bold"),
        Padding(_figures(view.figures), (1, 2), expand=False),
        Text(f"Opened by the {view.bucket}", style="bold"),
        Padding(_chart(view.buckets[-BUCKETS_SHOWN:], view.bucket, zone), (0, 2, 1, 2), expand=False),
        *_noisiest(view.noisiest),
    )


def _figures(figures: Figures) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    reopened = f", {figures.reopened} of them fired again after their end" if figures.reopened else ""
    flapping = f", {figures.flapping} flapped" if figures.flapping else ""
    table.add_row("opened", f"{figures.opened}{reopened}{flapping}")
    table.add_row("resolved", str(figures.resolved))
    table.add_row("open at the end", str(figures.open))
    table.add_row("to acknowledge", _took(figures.seconds_to_acknowledge, figures.seconds_to_acknowledge_p90))
    table.add_row("to resolve", _took(figures.seconds_to_resolve, figures.seconds_to_resolve_p90))
    refused = f", {figures.alerts_rejected} refused" if figures.alerts_rejected else ""
    table.add_row("alerts received", f"{figures.alerts_received}{refused}")
    if figures.noise_reduction is not None:
        table.add_row("noise reduction", f"{figures.noise_reduction:.1f} alerts for each incident")
    return table


def _took(median: float | None, p90: float | None) -> str:
    if median is None or p90 is None:
        return "-"
    return f"{span(timedelta(seconds=median))}, nine of ten within {span(timedelta(seconds=p90))}"


def _chart(buckets: Sequence[Bucket], size: str, zone: tzinfo | None) -> Table:
    """A bar for each bucket, in the colours and shapes of the severities."""
    most = max((sum(bucket.opened.values()) for bucket in buckets), default=0)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for bucket in buckets:
        # Days are days in UTC; an hour is told in the reader's time.
        at = f"{bucket.start:%Y-%m-%d}" if size == "day" else f"{bucket.start.astimezone(zone):%m-%d %H:%M}"
        count = sum(bucket.opened.values())
        table.add_row(Text(at), Text(str(count)), Text.assemble(*_bars(bucket.opened, most)))
    return table


def _bars(opened: Mapping[Severity, int], most: int) -> Iterator[tuple[str, str]]:
    for severity, (shape, style) in MARKS.items():
        count = opened.get(severity, 0)
        length = -(-count * BAR_WIDTH // most) if most > BAR_WIDTH else count
        yield shape * length, style


def _noisiest(groups: Sequence[NoisyGroup]) -> Iterator[Text | Padding]:
    if not groups:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for heading in ("INCIDENTS", "REOPENED", "ALERTS"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("LAST", no_wrap=True)
    table.add_column("GROUP", overflow="fold")
    for group in groups:
        shape, style = MARKS[group.severity]
        title = Text.assemble((shape, style), " ", one_line(group.title, TITLE_LIMIT))
        numbers = (str(number) for number in (group.incidents, group.reopens, group.alerts))
        table.add_row(*numbers, Text(short_id(group.last_incident_id), style="dim"), title)
    yield Text("Noisiest", style="bold")
    yield Padding(table, (0, 2), expand=False)
