"""`lookout reconcile`: have the sources asked what fires, and say what was found."""

import typer
from rich.text import Text

from lookout.alerts.text import one_line
from lookout.cli.client import AskedAddress, Finding, Reconciled
from lookout.cli.outside import DEFAULT_URL, Url, outside_of
from lookout.cli.terminal import TEXT_LIMIT, Terminal, short_id


def reconcile(context: typer.Context, url: Url = DEFAULT_URL) -> None:
    """Ask the sources what fires, and reconcile with that. Exit code 1 if one could not be asked.

    \b
    A source can be asked where lookout.yaml says where it is: sources.prometheus.prometheus_url,
    sources.alertmanager.alertmanager_url. What cannot be reached changes nothing.

    \b
    Example:
      lookout reconcile
    """
    screen = Terminal()
    found = outside_of(context).client(url).reconcile()
    for source in found:
        _show(screen, source)
    if any(address.problem for source in found for address in source.addresses):
        raise typer.Exit(1)


def _show(screen: Terminal, source: Reconciled) -> None:
    for address in source.addresses:
        screen.say(_address(source.source, address))
    for alert in source.alerts:
        screen.say(_alert(alert))
    if left := source.began + source.ended - len(source.alerts):
        screen.say(Text(f"  and {left} more"))
    if all(address.problem for address in source.addresses):
        screen.say(Text("  nothing was changed"))
    elif source.began or source.ended:
        screen.say(Text(f"  {source.began} began, {source.ended} ended"))
    else:
        screen.say(Text("  nothing differs"))


def _address(source: str, address: AskedAddress) -> Text:
    line = Text(f"{one_line(source, TEXT_LIMIT)}  {one_line(address.url, TEXT_LIMIT)}  ", style="bold")
    if address.problem is not None:
        return line.append(one_line(address.problem, TEXT_LIMIT), style="not bold red")
    return line.append(f"{address.firing} firing", style="not bold")


def _alert(alert: Finding) -> Text:
    line = Text("  ").append(
        "began  " if alert.is_firing else "ended  ", style="bold red" if alert.is_firing else "green"
    )
    line.append(one_line(alert.name, TEXT_LIMIT))
    incident = f", incident {short_id(alert.incident_id)}" if alert.incident_id else ""
    return line.append(f"  ({one_line(alert.reason, TEXT_LIMIT)}{incident})", style="dim")
