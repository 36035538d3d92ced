"""`lookout token`: credentials for senders, readers and agents. It works on the database, as `serve` does."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import structlog
import typer
from rich.table import Column, Table
from rich.text import Text

from lookout.alerts.text import one_line
from lookout.cli.outside import Outside, outside_of
from lookout.cli.serve import DataDir, overlaid
from lookout.cli.tenant import checked_tenant
from lookout.cli.terminal import Terminal
from lookout.clock import Clock
from lookout.errors import Refused
from lookout.incidents.actions import NAME_LIMIT
from lookout.store.tokens import Fresh, Token, Tokens

token = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

T = TypeVar("T")
LOCAL_TENANT = "default"
MANY = "(many)"
"""What stands in the place of the tenant of a token for many."""

log = structlog.get_logger()

_EXPIRY = re.compile(r"([0-9]{1,5}[smhdw])+", re.ASCII)


class SourceChoice(StrEnum):
    """What `--source` takes."""

    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"
    GRAFANA = "grafana"
    EVENTS = "events"


class ScopeChoice(StrEnum):
    """What `--scope` takes."""

    READ = "read"
    OPERATE = "operate"


@token.command()
def create(
    context: typer.Context,
    *,
    tenant: Annotated[str | None, typer.Option(metavar="TENANT", help="Whose it is. Default: default.")] = None,
    many_tenants: Annotated[
        bool, typer.Option("--many-tenants", help="Its sender sends for many: each alert says whose it is.")
    ] = False,
    source: Annotated[SourceChoice | None, typer.Option(help="It sends alerts as this source.")] = None,
    scope: Annotated[list[ScopeChoice] | None, typer.Option(help="It reads, or acts; may be given twice.")] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="What it is for; also who acts with it.")] = "",
    expires: Annotated[str, typer.Option(metavar="TIME", help="When it ends by itself, as 90d. Default: never.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Make a token and show it, once. For a sender name its --source, for all others their --scope.

    \b
    Examples:
      lookout token create --source prometheus --name "prometheus of eu-1"
      lookout token create --source alertmanager --many-tenants --name "the shared alertmanager"
      lookout token create --scope read --scope operate --name mira --expires 90d
    """
    if (source is None) == (scope is None):
        raise Refused("give either --source, for a sender, or --scope read, --scope operate, for a reader")
    scopes = ("ingest",) if scope is None else tuple(sorted({choice.value for choice in scope}))
    if many_tenants and (source is None or tenant is not None):
        raise Refused("--many-tenants is for a sender, so it needs --source, and takes no --tenant")
    owner = "" if many_tenants else checked_tenant(LOCAL_TENANT if tenant is None else tenant)
    lifetime = _lifetime_of(expires)
    called = one_line(name, NAME_LIMIT) or (source.value if source is not None else "token")

    async def make(tokens: Tokens, clock: Clock) -> Fresh:
        now = clock.now()
        ends = now + lifetime if lifetime is not None else None
        return await tokens.create(
            owner, scopes, called, now, source=source, expires_at=ends, many_tenants=many_tenants
        )

    outside = outside_of(context)
    fresh = _on_tokens(outside, data_dir, make)
    made = {"token": fresh.token.id, "tenant_id": owner or MANY, "scopes": ",".join(scopes), "by": _account_of(outside)}
    log.info("audit", action="token_created", **made)
    typer.echo(fresh.text)
    said = "It is shown this once. Send it as `Authorization: Bearer ...`, or as the password of basic authentication."
    Terminal(stderr=True).say(Text(f"{said} To end it: lookout token revoke {fresh.token.id}"))


@token.command("list")
def list_tokens(
    context: typer.Context,
    *,
    tenant: Annotated[str | None, typer.Option(metavar="TENANT", help="Only those of this tenant.")] = None,
    data_dir: DataDir = None,
) -> None:
    """List the tokens: what each is for, and when it was last used. The tokens themselves are kept nowhere.

    \b
    Example:
      lookout token list
    """

    async def read(tokens: Tokens, _: Clock) -> list[Token]:
        return await tokens.listed(tenant)

    outside = outside_of(context)
    found = _on_tokens(outside, data_dir, read)
    table = Table(
        Column("id", no_wrap=True, min_width=16),
        "name",
        "tenant",
        "for",
        "created",
        "last used",
        "state",
        box=None,
        pad_edge=False,
    )
    for each in found:
        purpose = f"source {each.source}" if each.source is not None else ", ".join(each.scopes)
        table.add_row(
            *(Text(one_line(text, NAME_LIMIT)) for text in (each.id, each.name, _owner_of(each), purpose)),
            f"{each.created_at:%Y-%m-%d}",
            f"{each.last_used_at:%Y-%m-%d %H:%M}" if each.last_used_at is not None else "never",
            _state_of(each, outside),
        )
    Terminal().print(table if found else Text("There is no token: lookout token create makes one."))


@token.command()
def revoke(
    context: typer.Context,
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `lookout token list` shows it.")],
    data_dir: DataDir = None,
) -> None:
    """End a token, within five seconds on every replica. To rotate, make the new one first.

    \b
    Example:
      lookout token revoke mzxw6ytboi2dsmzr
    """

    async def end(tokens: Tokens, clock: Clock) -> Token:
        return await tokens.revoke(token_id, clock.now())

    outside = outside_of(context)
    ended = _on_tokens(outside, data_dir, end)
    by = _account_of(outside)
    log.info("audit", action="token_revoked", token=ended.id, tenant_id=_owner_of(ended), by=by)
    Terminal().say(Text(f"revoked: {ended.id} ({one_line(ended.name, NAME_LIMIT)})"))


def _on_tokens(outside: Outside, data_dir: Path | None, work: "Callable[[Tokens, Clock], Awaitable[T]]") -> T:
    from lookout.config import load_settings
    from lookout.offline import on_tokens

    return on_tokens(load_settings(overlaid(outside.environ, LOOKOUT_DATA_DIR=data_dir)), work)


def _account_of(outside: Outside) -> str:
    """Who runs the command, as the machine says; behind `sudo` who that was."""
    named = (outside.environ.get(name) for name in ("SUDO_USER", "USER", "LOGNAME"))
    return one_line(next(filter(None, named), "unknown"), NAME_LIMIT)


def _lifetime_of(text: str) -> timedelta | None:
    from lookout.durations import duration_of

    if not text:
        return None
    if _EXPIRY.fullmatch(text) is None or not duration_of(text):
        raise Refused(f"{text[:40]!r} is no time: 90d, 12h or 30m is expected")
    return duration_of(text)


def _owner_of(each: "Token") -> str:
    return MANY if each.many_tenants else each.tenant_id


def _state_of(each: "Token", outside: Outside) -> str:
    if each.revoked_at is not None:
        return f"revoked {each.revoked_at:%Y-%m-%d}"
    if not each.holds(outside.now()):
        return "expired"
    return f"until {each.expires_at:%Y-%m-%d}" if each.expires_at is not None else "holds"
