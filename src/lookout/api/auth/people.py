"""JSON Web Tokens: people, as the platform's gateway hands them on (claims `user_id`, `tenant_id`, `role`, `roles`).

The algorithm is settled by what Lookout was given to check with, never by the token: a shared secret means HS256, a
list of public keys RS256 or ES256. Times are compared with Lookout's own clock.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import msgspec
from jwt.types import Options

from lookout.api.auth.keys import KeySet
from lookout.api.parts import Caller, Scope, name_of, tenant_named
from lookout.errors import Refused, Unauthenticated

ROLES: dict[str, frozenset[Scope]] = {
    "viewer": frozenset((Scope.READ,)),
    "operator": frozenset((Scope.READ, Scope.OPERATE)),
    "platform_operator": frozenset((Scope.READ, Scope.OPERATE)),
}
"""What people may do. A role that nobody knows may read."""
PLATFORM_ROLE = "platform_operator"
LONGEST_TOKEN = 16_384
"""Characters of a token: more is not looked at."""
EARLY = timedelta(seconds=60)
"""How far another machine's clock may be ahead, for `nbf`."""

_SECRET_ALGORITHMS = ("HS256",)
_KEY_ALGORITHMS = ("RS256", "ES256")
_UNCHECKED: Options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
"""What is checked here and not by the library, which reads a clock of its own."""


class Claims(msgspec.Struct, frozen=True):
    """What a token says that Lookout reads. `exp` and `nbf` are seconds since 1970."""

    exp: float
    user_id: str = ""
    sub: str = ""
    tenant_id: str = ""
    role: str = ""
    roles: tuple[str, ...] = ()
    nbf: float = 0
    aud: str | tuple[str, ...] = ()


class People:
    """Reads the tokens of people. With `secret` HS256 is accepted, with `keys` RS256 and ES256."""

    def __init__(self, secret: str | None, keys: KeySet | None, audience: str | None) -> None:
        self._secret = secret
        self._keys = keys
        self._audience = audience

    async def caller(self, text: str, tenant_id: str, now: datetime) -> Caller:
        """Whose token this is. `tenant_id` is the one that was asked for, "" for none; only a platform operator's
        counts. Raises `Unauthenticated`."""
        claims = await self._claims_of(text)
        if not (math.isfinite(claims.exp) and math.isfinite(claims.nbf)):
            raise Unauthenticated("the token is not one of ours")
        if now.timestamp() >= claims.exp or (now + EARLY).timestamp() < claims.nbf:
            raise Unauthenticated("the token has expired, or is not valid yet")
        audiences = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
        if self._audience is not None and self._audience not in audiences:
            raise Unauthenticated("the token is for another audience")
        return _caller_of(claims, tenant_id)

    async def _claims_of(self, text: str) -> Claims:
        if len(text) > LONGEST_TOKEN:
            raise Unauthenticated("the token is too long")
        try:
            kind = jwt.get_unverified_header(text)
            key, algorithms = await self._key_of(kind)
            claims: Any = jwt.decode(text, key, algorithms=list(algorithms), options=_UNCHECKED)
            return msgspec.convert(claims, Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, TypeError, RecursionError):
            raise Unauthenticated("the token is not one of ours") from None

    async def _key_of(self, kind: dict[str, Any]) -> tuple[Any, Sequence[str]]:
        if kind.get("alg") in _SECRET_ALGORITHMS and self._secret is not None:
            return self._secret, _SECRET_ALGORITHMS
        if kind.get("alg") in _KEY_ALGORITHMS and self._keys is not None:
            return await self._keys.key(str(kind.get("kid", ""))), _KEY_ALGORITHMS
        raise Unauthenticated("the token is not one of ours")


def _caller_of(claims: Claims, tenant_id: str) -> Caller:
    roles = {claims.role, *claims.roles}
    scopes = frozenset[Scope]().union(*(ROLES.get(role, frozenset((Scope.READ,))) for role in roles))
    is_platform = PLATFORM_ROLE in roles
    try:
        user = name_of(claims.user_id or claims.sub, "user_id") or "somebody"
        own = tenant_named(claims.tenant_id, "tenant_id")
        wanted = tenant_named(tenant_id, "X-Tenant-ID") if is_platform else ""
    except Refused as error:
        raise Unauthenticated(str(error)) from None
    if not own and not is_platform:
        raise Unauthenticated("the token names no tenant")
    return Caller(
        tenant_id=wanted or own,
        # Who acts on other people's incidents is seen to be of the platform.
        actor=f"{user} ({PLATFORM_ROLE})" if is_platform else user,
        scopes=scopes,
        is_platform=is_platform,
        credential=f"user {user}",
        expires_at=_expiry_of(claims.exp),
    )


def _expiry_of(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):  # far beyond any stream
        return datetime.max.replace(tzinfo=UTC)
