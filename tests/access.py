"""Credentials for the scenarios with authentication: who is who, and how each says so."""

import jwt
from tests.driver import Driver

from lookout.access import Access
from lookout.api.parts import Scope
from lookout.store.tenants import Tenants
from lookout.store.tokens import Fresh, Tokens

SECRET = "s" * 40
SERVICE = "v" * 40
ACCESS = Access(jwt_secret=SECRET, service_token=SERVICE)


def bearer(text: str, **headers: str) -> dict[str, str]:
    """The headers of a request with this credential."""
    return {"Authorization": f"Bearer {text}", **headers}


def person(lookout: Driver, tenant_id: str = "acme", role: str = "operator", minutes: float = 60) -> str:
    """A person's token, for so many minutes from now."""
    expires_at = lookout.clock.now().timestamp() + minutes * 60
    claims = {"user_id": "mira", "tenant_id": tenant_id, "role": role, "exp": expires_at}
    return jwt.encode(claims, SECRET, "HS256")


async def api_token(
    lookout: Driver, *scopes: Scope, tenant_id: str = "acme", source: str | None = None, name: str = "robot"
) -> Fresh:
    """A token from the table."""
    return await Tokens(await lookout.pool()).create(tenant_id, scopes, name, lookout.clock.now(), source=source)


async def many_token(lookout: Driver, source: str | None = None) -> Fresh:
    """A token of a sender for many tenants."""
    return await Tokens(await lookout.pool()).create(
        "", (Scope.INGEST,), "shared", lookout.clock.now(), source=source, many_tenants=True
    )


async def make_tenants(lookout: Driver, *tenant_ids: str) -> None:
    """Make tenants, as `lookout tenant create` does."""
    await Tenants(await lookout.pool()).create(tenant_ids, lookout.clock.now())


async def revoke(lookout: Driver, fresh: Fresh) -> None:
    """End a token, in the table."""
    await Tokens(await lookout.pool()).revoke(fresh.token.id, lookout.clock.now())
