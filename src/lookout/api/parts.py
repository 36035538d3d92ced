"""What the HTTP surfaces work with, and who asks."""

from datetime import datetime
from enum import StrEnum

import msgspec

from lookout.alerts.text import one_line
from lookout.api.limits import Key, Streams
from lookout.clock import Clock
from lookout.errors import Forbidden, Refused
from lookout.feeds.follow import Followers
from lookout.feeds.kafka.relay import Relays
from lookout.incidents.actions import NAME_LIMIT
from lookout.incidents.tenants import TENANT_LENGTH, is_tenant_id
from lookout.intake.placing import Placing
from lookout.intake.writer import Intake
from lookout.limits import Limits
from lookout.reconcile import Reconciler
from lookout.reload import Reload
from lookout.store.history import History
from lookout.store.reads import Reads
from lookout.store.relations import Relations
from lookout.store.stats import Stats

LOCAL_TENANT = "default"
LOCAL_ACTOR = "local"
LOCAL_CREDENTIAL = "local"
"""What stands for the credential in local mode, where there is none."""
SERVICE_CREDENTIAL = "service token"
"""By which the platform's own services are known."""


class Parts(msgspec.Struct, frozen=True):
    """The running parts behind every request."""

    reads: Reads
    history: History
    relations: Relations
    stats: Stats
    intake: Intake
    placing: Placing
    followers: Followers
    streams: Streams
    clock: Clock
    reconciler: Reconciler
    reload: Reload
    limits: Limits
    relays: Relays | None = None


class Scope(StrEnum):
    """What a credential is for."""

    READ = "read"
    OPERATE = "operate"
    INGEST = "ingest"


class Caller(msgspec.Struct, frozen=True):
    """Who asks: whose data they see, under which name they act, and what they may do.

    `source` is the one that an ingest credential is bound to, None for any. `is_platform` callers see what is of no
    tenant, and have named the tenant that they ask for; one that has named none has "" for it. `credential` names what
    the caller is known by, for the log; with `expires_at`, or when it is revoked, it ends. Whoever sends for
    `many_tenants` has "" for the tenant: each alert says whose it is.
    """

    tenant_id: str
    actor: str
    scopes: frozenset[Scope] = frozenset(Scope)
    source: str | None = None
    is_platform: bool = False
    credential: str = LOCAL_CREDENTIAL
    expires_at: datetime | None = None
    many_tenants: bool = False

    @property
    def counted_as(self) -> tuple[Key, ...]:
        """By whom its requests and streams are counted: its tenant, and its credential.

        The service token speaks for many people of a tenant, and a sender for many tenants is as one of them.
        """
        if self.many_tenants:
            return (("", self.credential),)
        if self.credential == SERVICE_CREDENTIAL:
            return ((self.tenant_id, ""),)
        return (self.tenant_id, ""), (self.tenant_id, self.credential)

    def allowed(self, scope: Scope) -> "Caller":
        """This caller, who may do this. Raises `Forbidden`, and `Refused` if no tenant is named."""
        if scope not in self.scopes:
            raise Forbidden(f"this credential is not for {scope}: it is for {', '.join(sorted(self.scopes))}")
        if not self._is_of_a_tenant:
            raise Refused("name the tenant with X-Tenant-ID", "X-Tenant-ID", "required")
        return self

    @property
    def may_send(self) -> bool:
        """Whether alerts are taken of this caller at all; `allowed` says why not."""
        return Scope.INGEST in self.scopes and self._is_of_a_tenant

    @property
    def _is_of_a_tenant(self) -> bool:
        return bool(self.tenant_id) or self.many_tenants

    def as_platform(self) -> "Caller":
        """This caller, who may see what is of all tenants together. Raises `Forbidden`."""
        if not self.is_platform:
            raise Forbidden("this is of all tenants together: it needs the service token or a platform operator")
        return self


def local_caller(user_id: str | None) -> Caller:
    """The caller in local mode: one tenant, and the name that the caller goes by. `user_id` is a header's raw text."""
    return Caller(LOCAL_TENANT, name_of(text_of_header(user_id), "X-User-ID") or LOCAL_ACTOR, is_platform=True)


def text_of_header(raw: str | None) -> str:
    """Headers are read as Latin-1, and people's names are sent as UTF-8."""
    return (raw or "").encode("latin-1", errors="replace").decode(errors="replace")


def tenant_named(text: str, field: str) -> str:
    """The id of a tenant as it is written, "" for none. Nothing is cleaned: that could make it another tenant's.

    Raises `Refused` for what is no id of a tenant.
    """
    if text and not is_tenant_id(text):
        wanted = f"letters, digits, dots, dashes and underscores, at most {TENANT_LENGTH}"
        raise Refused(f"{field} is not the name of a tenant: {wanted}", field, wanted)
    return text


def name_of(text: str, field: str) -> str:
    """A person's or a program's name. Raises `Refused` if it is too long."""
    if len(text) > NAME_LIMIT:
        raise Refused(f"{field} is longer than {NAME_LIMIT} characters", field, f"maxLength {NAME_LIMIT}")
    return one_line(text, NAME_LIMIT)
