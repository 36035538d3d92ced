"""A Lookout to try it on, with a database and two tenants of its own. Nothing of it is left afterwards."""

import asyncio
import logging
import secrets
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import jwt

from lookout.access import Access
from lookout.api.auth.browser import CREDENTIAL
from lookout.api.parts import Scope
from lookout.app import Running, running, server_of
from lookout.clock import Clock, SystemClock
from lookout.config import Settings
from lookout.errors import StartError
from lookout.incidents.policy import Policy
from lookout.limits import Limits
from lookout.logs import configure_logs
from lookout.probe.sides import Side
from lookout.probe.trials import Probe, Report, all_there_is
from lookout.server import bind
from lookout.store import database
from lookout.store.embedded import EmbeddedPostgres
from lookout.store.tokens import Tokens

LIMITS = Limits(ingest_rate=10_000, read_rate=10_000)
"""So much is asked at once that a tenant would be told to wait."""
_LIFE = timedelta(hours=1)
_HOST = "127.0.0.1"


def try_isolation() -> Report:
    """Start one, try everything, stop it. Raises `StartError`, also if it does not work at all."""
    configure_logs(logging.WARNING)  # what is done to it is for no audit
    with tempfile.TemporaryDirectory(prefix="lookout-isolation-") as directory:
        # As root the database runs as another user, who has to get there.
        Path(directory).chmod(0o755)
        try:
            return asyncio.run(_try(Path(directory), SystemClock()))
        except httpx.HTTPError as error:
            raise StartError(f"The Lookout that was started to be tried does not work: {error}") from error


async def _try(directory: Path, clock: Clock) -> Report:
    secret = secrets.token_urlsafe(48)
    settings = Settings(_HOST, 0, directory, None, None, Policy(), access=Access(jwt_secret=secret), limits=LIMITS)
    async with _served(settings, clock) as (lookout, url), httpx.AsyncClient(base_url=url, timeout=30) as http:
        dsn = EmbeddedPostgres(directory).dsn_of_running()
        assert dsn is not None
        pool = await database.connect(dsn, 1)
        try:
            owner, intruder = [await _side(name, secret, Tokens(pool), clock) for name in ("owner", "intruder")]
        finally:
            await pool.close()
        write_down = lookout.parts.intake.tally.flush
        return await Probe(http, all_there_is(lookout.routes), write_down, owner, intruder).run(clock.now())


@asynccontextmanager
async def _served(settings: Settings, clock: Clock) -> AsyncGenerator[tuple[Running, str]]:
    with bind(settings.host, settings.port) as listening:
        async with running(settings, clock) as lookout:
            server = server_of(lookout)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                await server.listening.wait()
                yield lookout, f"http://{_HOST}:{listening.getsockname()[1]}"
            finally:
                server.stop()
                await serving


async def _side(name: str, secret: str, tokens: Tokens, clock: Clock) -> Side:
    """A tenant with a credential of each kind."""
    tenant_id, now = f"{name}-{secrets.token_hex(8)}", clock.now()
    sender = await tokens.create(tenant_id, (Scope.INGEST,), "sender", now)
    robot = await tokens.create(tenant_id, (Scope.READ, Scope.OPERATE), "robot", now)
    claims = {"user_id": "mira", "tenant_id": tenant_id, "role": "operator", "exp": (now + _LIFE).timestamp()}
    person = jwt.encode(claims, secret, "HS256")
    callers = {
        "a person": _bearer(person),
        "a token": _bearer(robot.text),
        "a browser": {"Cookie": f"{CREDENTIAL}={person}"},
    }
    return Side(tenant_id, callers, _bearer(sender.text), secrets.token_hex(12))


def _bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}
