"""An event as it goes out: encoded once in a process, for all who follow it."""

import re

import msgspec

from lookout.incidents.events import EventType, FeedEvent

# Line breaks that JSON lets stand, and at which some readers of a stream break their lines: U+0085, U+2028, U+2029.
_BREAKS = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]")


class Encoded(msgspec.Struct, frozen=True):
    """An event of the feed, and the JSON that every surface sends."""

    position: int
    event_type: EventType
    event: FeedEvent
    json: bytes


def encode(event: FeedEvent) -> Encoded:
    """`event` with its JSON, which is one line to every reader."""
    json = _BREAKS.sub(_escape, msgspec.json.encode(event))
    return Encoded(event.position, event.event_type, event, json)


def _escape(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match[0].decode())
