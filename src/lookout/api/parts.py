"""What the HTTP surfaces work with, and who asks."""

import msgspec

from lookout.alerts.text import one_line
from lookout.clock import Clock
from lookout.errors import Refused
from lookout.feeds.follow import Followers
from lookout.incidents.actions import NAME_LIMIT
from lookout.intake.writer import Intake
from lookout.reconcile import Reconciler
from lookout.reload import Reload
from lookout.store.history import History
from lookout.store.reads import Reads
from lookout.store.relations import Relations
from lookout.store.stats import Stats

LOCAL_TENANT = "default"
LOCAL_ACTOR = "local"


class Parts(msgspec.Struct, frozen=True):
    """The running parts behind every request."""

    reads: Reads
    history: History
    relations: Relations
    stats: Stats
    intake: Intake
    followers: Followers
    clock: Clock
    reconciler: Reconciler
    reload: Reload


class Caller(msgspec.Struct, frozen=True):
    """Who asks: whose data they see, and under which name they act."""

    tenant_id: str
    actor: str


def local_caller(user_id: str | None) -> Caller:
    """The caller in local mode: one tenant, and the name that the caller goes by. `user_id` is a header's raw text."""
    # Headers are read as Latin-1, and people's names are sent as UTF-8.
    name = (user_id or "").encode("latin-1", errors="replace").decode(errors="replace")
    return Caller(LOCAL_TENANT, name_of(name, "X-User-ID") or LOCAL_ACTOR)


def name_of(text: str, field: str) -> str:
    """A person's or a program's name. Raises `Refused` if it is too long."""
    if len(text) > NAME_LIMIT:
        raise Refused(f"{field} is longer than {NAME_LIMIT} characters", field, f"maxLength {NAME_LIMIT}")
    return one_line(text, NAME_LIMIT)
