"""`lookout why`: what made an incident of its alerts, and what was last decided about each."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import msgspec
import typer
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lookout.alerts.text import one_line
from lookout.cli.client import GroupedAlert, Grouping
from lookout.cli.finding import find_incident
from lookout.cli.incidents import Id
from lookout.cli.moments import stamp
from lookout.cli.outside import DEFAULT_URL, Url, outside_of
from lookout.cli.pages import When, label_text
from lookout.cli.terminal import TEXT_LIMIT, Terminal, json_line, severity_mark
from lookout.incidents.grouping import KEY_LIMIT, TITLE_LIMIT
from lookout.incidents.incident import Incident

ALERTS_SHOWN = 40


def why(
    context: typer.Context,
    part: Id,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with all alerts, for pipes.")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Say why alerts are one incident.

    By which rule, under which key, whether it would be so today, and what was last decided about each alert.

    \b
    Examples:
      lookout why 5f3c9a1e
      lookout why 5f3c9a1e --json | jq '.alerts[] | select(.same_group | not)'
    """
    outside = outside_of(context)
    client = outside.client(url)
    incident_id = find_incident(client, part)
    if json:
        typer.echo(json_line(msgspec.json.encode(client.whole_grouping(incident_id)).decode()))
        return
    incident = client.incident(incident_id)
    grouping = client.grouping(incident_id, first=ALERTS_SHOWN)
    Terminal().print(_page(incident, grouping, When(outside.now(), outside.zone)))


def _page(incident: Incident, grouping: Grouping, when: When) -> Group:
    title = one_line(incident.title, TITLE_LIMIT)
    heading = "Last decisions" + (f", of the first {len(grouping.alerts)} alerts" if grouping.next else "")
    return Group(
        Text.assemble(severity_mark(incident), " ", (title, "bold")),
        Padding(_facts(grouping), (1, 2), expand=False),
        Text(heading, style="bold"),
        Padding(_decisions(grouping.alerts, grouping.labels, when), (0, 2), expand=False),
    )


def _facts(grouping: Grouping) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _fact_rows(grouping):
        table.add_row(Text(name), value)
    return table


def _fact_rows(grouping: Grouping) -> Iterator[tuple[str, Text]]:
    yield "rule", Text(_name_of(grouping.rule) if grouping.policy_version else "not recorded then")
    yield "key", Text(one_line(grouping.dedup_key, KEY_LIMIT))
    if grouping.labels:
        yield "group labels", label_text(grouping.labels)
    if grouping.policy_version:
        yield "policy", Text(one_line(grouping.policy_version, TEXT_LIMIT))
    if (present := grouping.present) is None:
        yield "today", Text("the alerts that opened it are no longer kept")
    else:
        verdict = "the same group" if present.same_group else "another group"
        yield "today", Text(f"{verdict}, by policy {one_line(present.policy_version, TEXT_LIMIT)}")
        if not present.same_group:
            yield "  rule", Text(_name_of(present.rule))
            yield "  key", Text(one_line(present.dedup_key, KEY_LIMIT))


def _name_of(rule: str) -> str:
    return one_line(rule, TEXT_LIMIT) if rule else "none matched: policy.group_by holds"


def _decisions(alerts: Sequence[GroupedAlert], group_labels: Mapping[str, str], when: When) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for alert in alerts:
        own = {name: value for name, value in sorted(alert.labels.items()) if group_labels.get(name) != value}
        shown = label_text(own) if own else Text(alert.fingerprint, style="dim")
        if not alert.same_group:
            shown.append("  today in another group", style="yellow")
        decided_at = stamp(alert.decided_at, when.now, when.zone)
        table.add_row(Text(decided_at), Text(one_line(alert.reason, TEXT_LIMIT)), shown)
    return table
