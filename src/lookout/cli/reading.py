"""An event as the server writes it, read back into the domain's own types.

A server that is newer than this command may tell events that are not known here: they have a place in the log all
the same, and are read as far as they can be.
"""

from datetime import datetime

import msgspec

from lookout.errors import LookoutError
from lookout.incidents.events import FeedEvent
from lookout.incidents.incident import Incident


class UnknownEvent(msgspec.Struct, frozen=True):
    """What is known of an event that a newer server tells."""

    event_type: str
    position: int
    recorded_at: datetime
    incident: Incident


Heard = FeedEvent | UnknownEvent


class UnreadableEvent(LookoutError):
    """What came is not an event."""


def read_event(raw: bytes | str) -> Heard:
    """The event of one JSON object. Raises `UnreadableEvent`."""
    try:
        return msgspec.json.decode(raw, type=FeedEvent)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _read_unknown(raw)


def _read_unknown(raw: bytes | str) -> UnknownEvent:
    try:
        return msgspec.json.decode(raw, type=UnknownEvent)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableEvent(f"the server sent an event that cannot be read: {error}") from None
