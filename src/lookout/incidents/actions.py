"""What people do to an incident."""

import msgspec

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


Action = Acknowledge | Assign | Resolve | AddNote
