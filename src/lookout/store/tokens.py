"""API tokens: made, found, revoked. A token is 256 random bits; the table holds a keyed digest of them."""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from lookout.errors import NotFound
from lookout.store.isolation import Platform, tenants
from lookout.store.sql import SQL

if TYPE_CHECKING:
    import asyncpg

    from lookout.store.database import Pool

PREFIX = "lkt_"
"""What every token begins with, so that one that leaked can be searched for."""
_FORM = re.compile(rf"{PREFIX}([a-z2-7]{{16}})_([A-Za-z0-9_-]{{43}})", re.ASCII)
_KEY = "tokens"


class Token(msgspec.Struct, frozen=True):
    """A token as it is stored: whose it is, and what it is for. `source` None: for any.

    With `many_tenants` the alerts that are sent with it say whose they are, and `tenant_id` is "".
    """

    id: str
    digest: bytes
    tenant_id: str
    source: str | None
    scopes: tuple[str, ...]
    name: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    many_tenants: bool = False

    def holds(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Fresh(msgspec.Struct, frozen=True):
    """A token that was just made: `text` is said once and kept nowhere."""

    token: Token
    text: str


def id_of(text: str) -> str | None:
    """The id that a token's text begins with, None if it is none."""
    found = _FORM.fullmatch(text)
    return found[1] if found is not None else None


class Tokens:
    """The tokens of all tenants: whose one is has to be found out before it is known whose it is."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._platform = Platform(pool)
        self._key: bytes | None = None

    async def create(
        self,
        tenant_id: str,
        scopes: tuple[str, ...],
        name: str,
        now: datetime,
        *,
        source: str | None = None,
        expires_at: datetime | None = None,
        many_tenants: bool = False,
    ) -> Fresh:
        """Make a token."""
        token_id = base64.b32encode(secrets.token_bytes(10)).decode().lower()
        text = f"{PREFIX}{token_id}_{secrets.token_urlsafe(32)}"
        digest = await self._digest(text)
        token = Token(
            token_id,
            digest,
            tenant_id,
            source,
            scopes,
            name,
            now,
            expires_at=expires_at,
            many_tenants=many_tenants,
        )
        async with tenants(self._pool, (tenant_id,)) as connection:
            await connection.execute(
                SQL["create_token"],
                token.id,
                token.digest,
                token.tenant_id,
                token.source,
                list(token.scopes),
                token.name,
                token.created_at,
                token.expires_at,
                token.many_tenants,
            )
        return Fresh(token, text)

    async def find(self, text: str) -> Token | None:
        """The token with this text, revoked or not; None if there is none."""
        token_id = id_of(text)
        row = await self._platform.fetchrow("token", token_id) if token_id is not None else None
        if row is None or not hmac.compare_digest(row["digest"], await self._digest(text)):
            return None
        return _token_of(row)

    async def ended(self, token_ids: Sequence[str]) -> frozenset[str]:
        """Those of these tokens that are revoked, or not there any more."""
        return frozenset(row["id"] for row in await self._platform.fetch("ended_tokens", token_ids))

    async def listed(self, tenant_id: str | None = None) -> list[Token]:
        """All tokens, or those of a tenant, the oldest first."""
        return [_token_of(row) for row in await self._platform.fetch("tokens", tenant_id)]

    async def revoke(self, token_id: str, now: datetime) -> Token:
        """End a token; one that was revoked before stays so. Raises `NotFound`."""
        row = await self._platform.fetchrow("revoke_token", token_id, now)
        if row is None:
            raise NotFound(f"there is no token {token_id[:64]!r}: `lookout token list` names them")
        return _token_of(row)

    async def note_use(self, used: Mapping[str, datetime]) -> None:
        """Note when tokens were last used, by id."""
        ids = sorted(used)
        await self._platform.execute("note_token_use", ids, [used[token_id] for token_id in ids])

    async def _digest(self, text: str) -> bytes:
        """Fast on purpose: nobody guesses 256 random bits, and a slow one would be paid for with every request."""
        if self._key is None:
            await self._pool.execute(SQL["draw_key"], _KEY, secrets.token_bytes(32))
            self._key = await self._pool.fetchval(SQL["key"], _KEY)
            assert self._key is not None
        return hashlib.blake2b(text.encode(), key=self._key, digest_size=32).digest()


def _token_of(row: "asyncpg.Record") -> Token:
    return msgspec.convert({name: row[name] for name in Token.__struct_fields__}, Token)
