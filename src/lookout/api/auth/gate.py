"""The gate: which kind of credential it is, who that is, and whether it still holds."""

import base64
import hmac
from collections.abc import Mapping

from lookout.api.auth.people import People
from lookout.api.auth.tokens import ApiTokens
from lookout.api.parts import SERVICE_CREDENTIAL, Caller, Scope, name_of, tenant_named, text_of_header
from lookout.clock import Clock
from lookout.errors import Overloaded, Unauthenticated
from lookout.store.tokens import PREFIX

SERVICE_ACTOR = "service"
_JWT_PARTS = 3


class Gate:
    """Finds the caller of a credential. `service_token` None: there is none."""

    def __init__(self, tokens: ApiTokens, people: People, service_token: str | None, clock: Clock) -> None:
        self._tokens = tokens
        self._people = people
        self._service_token = service_token
        self._clock = clock

    async def caller(self, authorization: str | None, headers: Mapping[str, str]) -> Caller:
        """Who asks with this `Authorization`.

        Raises `Unauthenticated`, `Refused` for a bad name in a header, and `Overloaded` while nobody can say.
        """
        text = credential_of(authorization)
        if text is None:
            raise Unauthenticated("a credential is needed: Authorization: Bearer ..., or Basic with it as password")
        if self._service_token is not None and hmac.compare_digest(text.encode(), self._service_token.encode()):
            return _service(headers)
        if text.startswith(PREFIX):
            caller = await self._tokens.caller(text)
            if caller is None:
                raise Unauthenticated("the token is not one of ours, or no longer holds")
            return caller
        if text.count(".") == _JWT_PARTS - 1:
            wanted = text_of_header(headers.get("x-tenant-id"))
            return await self._people.caller(text, wanted, self._clock.now())
        raise Unauthenticated("the credential is not one of ours")

    async def holds(self, authorization: str) -> bool:
        """Whether a credential that held still does; also while nobody can say, as it is looked at again soon."""
        try:
            await self.caller(authorization, {})
        except Unauthenticated:
            return False
        except Overloaded:
            return True
        return True


def credential_of(authorization: str | None) -> str | None:
    """The credential in an `Authorization` header: a bearer token, or the password of the basic scheme."""
    scheme, _, rest = (authorization or "").strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer" and rest:
        return rest
    if scheme.lower() == "basic":
        try:
            _, colon, password = base64.b64decode(rest, validate=True).decode().partition(":")
        except ValueError:  # not base64, not even ASCII, or not UTF-8 within
            return None
        return password if colon and password else None
    return None


def _service(headers: Mapping[str, str]) -> Caller:
    tenant_id = tenant_named(text_of_header(headers.get("x-tenant-id")), "X-Tenant-ID")
    user = name_of(text_of_header(headers.get("x-user-id")), "X-User-ID")
    return Caller(
        tenant_id=tenant_id,
        actor=user or SERVICE_ACTOR,
        scopes=frozenset(Scope),
        is_platform=True,
        credential=SERVICE_CREDENTIAL,
    )
