"""`lookout isolation-test`: is anything of one tenant shown to another? It asks a Lookout that it starts for itself.

The server's code is imported when it is needed: the other commands start without it.
"""

from typing import Annotated

import typer
from rich.text import Text

from lookout.cli.terminal import Terminal


def isolation_test(
    every: Annotated[bool, typer.Option("--list", help="Name every surface, and how often it was asked.")] = False,
) -> None:
    """Try to see of one tenant what is another's.

    Every surface is tried. Exit code 1 if anything was found.

    It starts a Lookout with a database and two tenants of its own, which are gone afterwards.

    \b
    Examples:
      lookout isolation-test
      lookout isolation-test --list
    """
    from lookout.probe.alone import try_isolation
    from lookout.probe.trials import lines_of

    report = try_isolation()
    screen = Terminal()
    for surface, asked in sorted(report.tried.items()) if every else ():
        screen.say(Text(f"{asked:6}  {surface}"))
    for line in lines_of(report):
        screen.say(Text(line))
    if report.findings:
        raise typer.Exit(1)
