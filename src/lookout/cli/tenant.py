"""`lookout tenant`: which tenants there are, for senders of many. It works on the database, as `serve` does."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import structlog
import typer
from rich.table import Table
from rich.text import Text

from lookout.alerts.text import one_line
from lookout.cli.outside import Outside, outside_of
from lookout.cli.serve import DataDir, overlaid
from lookout.cli.terminal import Terminal
from lookout.clock import Clock
from lookout.errors import Refused
from lookout.incidents.tenants import TENANT_LENGTH, is_tenant_id
from lookout.store.tenants import Tenant, Tenants

tenant = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

T = TypeVar("T")

log = structlog.get_logger()


@tenant.command()
def create(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="TENANT...", help="What alerts call it, a UUID for instance.")],
    data_dir: DataDir = None,
) -> None:
    """Make tenants, so that a sender for many tenants may send for them. One that is there stays as it is.

    \b
    Example:
      lookout tenant create acme globex
    """
    wanted = {checked_tenant(name) for name in names}

    async def make(tenants: Tenants, clock: Clock) -> set[str]:
        return await tenants.create(wanted, clock.now())

    created = _on_tenants(outside_of(context), data_dir, make)
    log.info("audit", action="tenants_created", count=len(created), tenants=",".join(sorted(created)))
    for name in sorted(wanted):
        Terminal().say(Text(f"made: {name}" if name in created else f"there already: {name}"))


@tenant.command("list")
def list_tenants(context: typer.Context, *, data_dir: DataDir = None) -> None:
    """List the tenants: those that were made, that a token is for, or that have a log.

    \b
    Example:
      lookout tenant list
    """

    async def read(tenants: Tenants, _: Clock) -> list[Tenant]:
        return [each async for each in tenants.listed()]

    found = _on_tenants(outside_of(context), data_dir, read)
    table = Table("tenant", "known since", box=None, pad_edge=False)
    for each in found:
        table.add_row(Text(one_line(each.tenant_id, TENANT_LENGTH)), f"{each.created_at:%Y-%m-%d}")
    Terminal().print(table if found else Text("There is no tenant: lookout tenant create makes one."))


def checked_tenant(name: str) -> str:
    """The name of a tenant. Raises `Refused`."""
    if not is_tenant_id(name):
        raise Refused(f"{name[:40]!r} is no tenant: letters, digits, dot, dash and underscore, at most {TENANT_LENGTH}")
    return name


def _on_tenants(outside: Outside, data_dir: Path | None, work: "Callable[[Tenants, Clock], Awaitable[T]]") -> T:
    from lookout.config import load_settings
    from lookout.offline import on_tenants

    return on_tenants(load_settings(overlaid(outside.environ, LOOKOUT_DATA_DIR=data_dir)), work)
