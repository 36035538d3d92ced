"""What people do to an incident."""

import msgspec

from lookout.alerts.text import one_line
from lookout.incidents.investigation import Investigation

NAME_LIMIT = 200


def named(name: str | None) -> str:
    """Whoever did something, on one line for people."""
    return one_line(name or "", NAME_LIMIT) or "somebody"


class Acknowledge(msgspec.Struct, frozen=True):
    by: str


class Assign(msgspec.Struct, frozen=True):
    """`assignee` None takes it from whoever had it."""

    by: str
    assignee: str | None


class Resolve(msgspec.Struct, frozen=True):
    by: str
    reason: str = ""


class AddNote(msgspec.Struct, frozen=True):
    by: str
    text: str


class AttachInvestigation(msgspec.Struct, frozen=True):
    by: str
    investigation: Investigation


Action = Acknowledge | Assign | Resolve | AddNote | AttachInvestigation

REPEATABLE: frozenset[type[Action]] = frozenset({AttachInvestigation})
"""Actions that may be done again when nobody knows whether they were done: the second time changes nothing."""
