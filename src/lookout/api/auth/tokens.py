"""API tokens at the door: remembered for a moment, so that a request costs no query and a revoked one is soon out."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice

import msgspec
import structlog

from lookout.api.parts import Caller, Scope
from lookout.clock import Clock
from lookout.store.database import PASSING_ERRORS
from lookout.store.tokens import Token, Tokens, id_of

REMEMBERED = timedelta(seconds=3)
"""How long a token counts as it was found: a revoked one is out after so long, on every replica."""
REMEMBERED_LIMIT = 20_000
"""About 1 kB each."""
ASKED_FROM = timedelta(seconds=1)
"""How long ago a token was asked about that is asked about with another."""
ASKED_AT_ONCE = 2_000
"""Tokens of one question: with as many it takes the server a millisecond to ask."""
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
        self._asking: dict[str, asyncio.Task[frozenset[str]]] = {}

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
        if known is not None and timedelta() <= now - known.found_at < REMEMBERED:  # a clock may be set back
            return known.token
        if id_of(text) is None:
            return None
        if known is not None and known.token.revoked_at is None:
            return known.token if await self._stands(text, known.token, now) else None
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

    async def _stands(self, text: str, token: Token, now: datetime) -> bool:
        """Whether a token that was found before is still there, and not revoked.

        Most senders come once a minute: who asks about one asks about all that would have to be asked about soon.
        """
        asking = self._asking.get(text)
        if asking is None:
            asked = {text: token.id, **dict(islice(self._long_ago(now), ASKED_AT_ONCE - 1))}
            asking = asyncio.create_task(self._ask(asked, now))
            self._asking.update(dict.fromkeys(asked, asking))
            asking.add_done_callback(lambda _: [self._asking.pop(each) for each in asked])
        return token.id not in await asyncio.shield(asking)

    def _long_ago(self, now: datetime) -> Iterator[tuple[str, str]]:
        """The tokens that nobody has asked about lately, with their ids, the longest ago first."""
        for text, known in self._known.items():
            if known.found_at > now - ASKED_FROM:
                return
            if text not in self._asking and known.token.revoked_at is None:
                yield text, known.token.id

    async def _ask(self, asked: Mapping[str, str], now: datetime) -> frozenset[str]:
        """Remember for another moment those of these that still hold. Returns the ids of the others."""
        ended = await self._store.ended(list(asked.values()))
        for text in asked:
            known = self._known.pop(text, None)
            if known is not None and known.token.id not in ended:
                self._known[text] = _Known(known.token, now)
        return ended
