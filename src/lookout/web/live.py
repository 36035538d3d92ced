"""The page's stream: not the events, but that there were some, of which incidents, and up to which position.

A page reads anew what it shows, so it needs no event. What a browser missed while it slept is one message, however much
that is, and each says after which position it goes on: a page can tell that it missed nothing.
"""

from collections.abc import AsyncGenerator

import msgspec

from lookout.feeds.encoded import Encoded
from lookout.feeds.follow import Followers
from lookout.store.reads import LogEnds

BEHIND_LIMIT = 500
"""Events that a page may be behind to be told of them. Beyond, it is told where the log ends, and reads all anew."""
NAMED = 50
"""Incidents that one message names. With more it names none, and the page looks at everything."""


class Changes(msgspec.Struct, frozen=True, rename={"all_changed": "all"}):
    """What happened after `after` and up to `position`. `all`: look at everything, whatever is named."""

    after: int
    position: int
    incidents: list[str]
    all_changed: bool = False


async def changes(followers: Followers, tenant_id: str, after: int, ends: LogEnds) -> AsyncGenerator[bytes]:
    """Messages as they stand in the stream; one at once, that says where it begins."""
    seen = after
    if not max(ends.pruned, ends.last - BEHIND_LIMIT) <= after <= ends.last:
        # Long asleep, or of another log.
        seen = ends.last
        yield _message(Changes(after, seen, [], all_changed=True))
    else:
        yield _here(seen)
    async for events in followers.follow(tenant_id, seen):
        if events:
            yield _message(_changes_of(seen, events))
            seen = events[-1].position
        else:
            yield _here(seen)


def _changes_of(after: int, events: list[Encoded]) -> Changes:
    named = list(dict.fromkeys(event.event.incident.id for event in events))
    many = len(named) > NAMED
    return Changes(after, events[-1].position, [] if many else named, many)


def _message(changes: Changes) -> bytes:
    return b"id: %d\nevent: changed\ndata: %s\n\n" % (changes.position, msgspec.json.encode(changes))


def _here(position: int) -> bytes:
    """A sign of life, as an event: a script cannot see a comment."""
    return b"id: %d\nevent: here\ndata: %d\n\n" % (position, position)
