"""What the commands need of the world: the network, the clock, the environment, a name. Tests hand in their own."""

import asyncio
import getpass
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Annotated

import httpx
import typer

from lookout.cli.client import Client
from lookout.clock import SystemClock

DEFAULT_URL = "http://127.0.0.1:18013"
_URL = "lookout.url"

_CLOCK = SystemClock()


def _wait(delay: timedelta) -> None:
    asyncio.run(_CLOCK.sleep(delay))


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number only
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "somebody"


@dataclass(frozen=True, slots=True)
class Outside:
    """The world as the commands see it. `transport` None is the network, `zone` None the machine's time zone."""

    transport: httpx.BaseTransport | None = None
    wait: Callable[[timedelta], None] = _wait
    now: Callable[[], datetime] = _CLOCK.now
    zone: tzinfo | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    user: Callable[[], str] = _login_name

    def client(self, url: str, user: str | None = None) -> Client:
        """A client of the Lookout at `url`, acting as `user`, by default whoever is logged in.

        It is known by the credential in LOOKOUT_TOKEN, where there is one.
        """
        token = self.environ.get("LOOKOUT_TOKEN", "").strip()
        return Client(url, user if user is not None else self.user(), self.transport, token)


def outside_of(context: typer.Context) -> Outside:
    """The world that `main` gave to this run."""
    outside = context.find_root().obj
    return outside if isinstance(outside, Outside) else Outside()


def _nearest_url(context: typer.Context, param: typer.CallbackParam, value: str) -> str:
    """`--url` as given to this command, else as given to the command above it, else by environment or default."""
    source = context.get_parameter_source(param.name or "")
    if source is not None and source.name == "COMMANDLINE":
        context.meta[_URL] = value
    return str(context.meta.get(_URL, value))


Url = Annotated[
    str,
    typer.Option("--url", envvar="LOOKOUT_URL", help="Where Lookout is.", metavar="URL", callback=_nearest_url),
]
"""The option that every command which talks to the server has."""
