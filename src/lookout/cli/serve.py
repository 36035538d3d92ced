"""`lookout serve` and what else runs beside a server: `rebuild`, `check-config`.

The server's code is imported when a command needs it: the others start without it.
"""

import gc
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from lookout.cli.outside import outside_of
from lookout.cli.terminal import Terminal, complain
from lookout.cli.welcome import welcome
from lookout.errors import SettingsError

DataDir = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Where the private database is kept (LOOKOUT_DATA_DIR).")
]


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Listen here (HOST).")] = None,
    port: Annotated[int | None, typer.Option(metavar="N", min=0, max=65535, help="Listen on this port (PORT).")] = None,
    data_dir: DataDir = None,
) -> None:
    """Start the server. Without DATABASE_URL it keeps a private PostgreSQL in its data directory.

    Settings come from the environment; these options come first.

    \b
    Examples:
      lookout serve
      lookout serve --port 8080 --data-dir /var/lib/lookout
      DATABASE_URL=postgresql://lookout@db/lookout lookout serve
    """
    gc.disable()  # until it serves: what a start makes stays, and looking through it takes a seventh of the start
    from lookout.app import serve as serve_app
    from lookout.config import load_settings

    environ = outside_of(context).environ
    settings = load_settings(overlaid(environ, HOST=host, PORT=port, LOOKOUT_DATA_DIR=data_dir))
    try:
        serve_app(settings, lambda url: typer.echo(welcome(settings, url, sys.argv[0])))
    except KeyboardInterrupt:
        return


def rebuild(
    context: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Where they differ, write what the log says.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Fold the log anew and compare it with the tables. Exit code 1 if they differ.

    \b
    Examples:
      lookout rebuild
      lookout rebuild --repair
    """
    from lookout.config import load_settings
    from lookout.offline import rebuild_tables

    environ = outside_of(context).environ
    report = rebuild_tables(load_settings(overlaid(environ, LOOKOUT_DATA_DIR=data_dir)), repair=repair)
    screen = Terminal()
    for line in report.lines:
        screen.say(Text(line))
    if not report.equal:
        raise typer.Exit(1)


def check_config(
    context: typer.Context,
    path: Annotated[
        Path | None,
        typer.Argument(metavar="PATH", help="The file to check. Default: what LOOKOUT_CONFIG names."),
    ] = None,
) -> None:
    """Check the settings and lookout.yaml before a restart does. Exit code 1 if there are errors.

    \b
    Examples:
      lookout check-config
      lookout check-config deploy/lookout.yaml
    """
    from lookout.config import load_settings
    from lookout.limits import changes_of

    environ = overlaid(outside_of(context).environ, LOOKOUT_CONFIG=path)
    checked = environ.get("LOOKOUT_CONFIG", "")
    try:
        if path is not None and not path.is_file():
            raise SettingsError(f"{path}: no such file")
        settings = load_settings(environ)
    except SettingsError as error:
        complain(str(error))
        raise typer.Exit(1) from None
    screen = Terminal()
    screen.say(Text("ok: the environment"))
    screen.say(Text(f"ok: {checked}" if checked else "no lookout.yaml: LOOKOUT_CONFIG names none, the defaults hold"))
    for line in changes_of(settings.limits):
        screen.say(Text(line))
    screen.say(Text(f"policy {settings.policy.version}, rules: {len(settings.policy.rules)}"))


def overlaid(environ: Mapping[str, str], **options: str | int | os.PathLike[str] | None) -> Mapping[str, str]:
    """The environment, with the options that were given over it."""
    return {**environ, **{name: str(value) for name, value in options.items() if value is not None}}
