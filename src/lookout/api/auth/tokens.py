"""API tokens at the door: remembered for a moment, so that a request costs no query and a revoked one is soon out."""

import asyncio
from datetime import datetime, timedelta

import msgspec
import structlog

from lookout.api.parts import Caller, Scope
from lookout.clock import Clock
from lookout.store.database import PASSING_ERRORS
from lookout.store.tokens import Token, Tokens, id_of

REMEMBERED = timedelta(seconds=3)
"""How long a token counts as it was found: a revoked one is out after so long, on every replica."""
REMEMBERED_LIMIT = 10_000
NOTED = timedelta(minutes=1)
"""How often it is written down when tokens were last used."""

log = structlog.get_logger()


class _Known(msgspec.Struct, frozen=True):
    token: Token
    found_at: datetime


class ApiTokens:
    """Finds the caller of a token."""

    def __init__(self, store: Tokens, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._used: dict[str, datetime] = {}
        self._finding: dict[str, asyncio.Task[Token | None]] = {}

    async def caller(self, text: str) -> Caller | None:
        """Whose token this is, None if it does not hold."""
        now = self._clock.now()
        token = await self._find(text, now)
        if token is None or not token.holds(now):
            return None
        self._used[token.id] = now
        return Caller(
            tenant_id=token.tenant_id,
            actor=token.name,
            scopes=frozenset(Scope(scope) for scope in token.scopes),
            source=token.source,
            credential=f"token {token.id}",
            expires_at=token.expires_at,
            many_tenants=token.many_tenants,
        )

    async def run(self) -> None:
        """Write down now and then which tokens were used, for ever. It is for people to read, and may be late."""
        while True:
            await self._clock.sleep(NOTED)
            used, self._used = self._used, {}
            try:
                if used:
                    await self._store.note_use(used)
            except PASSING_ERRORS as error:
                log.warning("auth", action="use_not_noted", error=repr(error))

    async def _find(self, text: str, now: datetime) -> Token | None:
        known = self._known.get(text)
        if known is not None and now < known.found_at + REMEMBERED:
            return known.token
        if id_of(text) is None:
            return None
        # However many requests wait for it, it is asked for once.
        finding = self._finding.get(text)
        if finding is None:
            finding = self._finding[text] = asyncio.create_task(self._store.find(text))
            finding.add_done_callback(lambda _: self._finding.pop(text, None))
        token = await asyncio.shield(finding)
        self._known.pop(text, None)
        if token is not None:
            self._known[text] = _Known(token, now)
            if len(self._known) > REMEMBERED_LIMIT:
                del self._known[next(iter(self._known))]
        return token
