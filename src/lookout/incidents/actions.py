"""What people do to an incident."""

import msgspec

from lookout.incidents.investigation import Investigation

NOTE_LIMIT = 10_000
NAME_LIMIT = 200


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
