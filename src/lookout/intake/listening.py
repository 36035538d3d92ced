"""Since when this process hears all that is sent to it: of everybody, and of each tenant.

Silence counts only since then. A tenant whose requests were refused may have said something in them, and the others
were heard all the same.
"""

from datetime import datetime

TENANTS_LIMIT = 100_000
"""Tenants of which it is remembered that a request was refused: about 200 bytes each. The longest ago is forgotten."""


class Listening:
    """What was not heard, as far as it is known."""

    def __init__(self, now: datetime) -> None:
        self.since = now
        """Since when all are heard that were not refused for reasons of their own."""
        self._refused_at: dict[str, datetime] = {}

    def refused(self, tenant_id: str, now: datetime) -> None:
        """A request of this tenant was refused; "" is one of many tenants, and nobody knows which."""
        if not tenant_id:
            self.since = now
            return
        self._refused_at.pop(tenant_id, None)
        self._refused_at[tenant_id] = now
        if len(self._refused_at) > TENANTS_LIMIT:
            del self._refused_at[next(iter(self._refused_at))]

    def since_of(self, tenant_id: str) -> datetime:
        """Since when all of this tenant is heard."""
        return max(self.since, self._refused_at.get(tenant_id, self.since))

    def refusals(self) -> list[tuple[str, datetime]]:
        """Tenants of which something was refused, and when last."""
        return [(tenant_id, at) for tenant_id, at in self._refused_at.items() if at > self.since]
