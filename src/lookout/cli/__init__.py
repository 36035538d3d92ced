"""The command line: `lookout --help`.

Commands talk to a running server over its public HTTP API, except for `serve` and what stands beside it. They read
no database and decide nothing. Each is a function in the file of its name, put together here.
"""

import io
import sys
from collections.abc import Sequence

import typer

from lookout import __version__
from lookout.cli.demo import demo
from lookout.cli.incidents import incidents
from lookout.cli.isolation import isolation_test
from lookout.cli.outside import Outside
from lookout.cli.reconcile import reconcile
from lookout.cli.relay import relay
from lookout.cli.serve import check_config, rebuild, serve
from lookout.cli.sources import sources
from lookout.cli.stats import stats
from lookout.cli.tail import tail
from lookout.cli.tenant import tenant
from lookout.cli.terminal import complain
from lookout.cli.token import token
from lookout.cli.why import why
from lookout.errors import LookoutError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def lookout() -> None:
    """Lookout: one list of what is wrong, fed by every alert source.

    \b
    Start here:
      lookout serve        in one terminal
      lookout tail         in another
      lookout demo         in a third
    """


def version() -> None:
    """Say which version this is.

    \b
    Example:
      lookout version
    """
    typer.echo(f"lookout {__version__}")


app.command()(serve)
app.command()(tail)
app.add_typer(incidents, name="incidents", short_help="List incidents, show one, act on it, attach a report.")
app.command()(stats)
app.add_typer(sources, name="sources", short_help="List what sends alerts, with its heartbeats; forget one.")
app.command()(reconcile)
app.command()(why)
app.command()(demo)
app.add_typer(token, name="token", short_help="Make, list and revoke the tokens of senders and readers.")
app.add_typer(tenant, name="tenant", short_help="Make and list tenants, for senders of many.")
app.command("check-config")(check_config)
app.command()(rebuild)
app.command("isolation-test")(isolation_test)
app.command()(relay)
app.command()(version)


def main(arguments: Sequence[str] | None = None, outside: Outside | None = None) -> None:
    """Run one command and exit: 0 done, 1 with a sentence on standard error, 2 if it was called wrongly."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no triangles shows question marks
    try:
        app(args=arguments, prog_name="lookout", obj=outside if outside is not None else Outside())
    except LookoutError as error:
        complain(str(error))
        sys.exit(1)
