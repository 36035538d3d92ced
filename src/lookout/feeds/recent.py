"""The last events of each tenant that is followed here, so that its followers share one reading of the table.

What is not kept is read from the table by whoever needs it, so anything may be forgotten at any time: a tenant keeps a
number of events, and all tenants together a number of bytes, the oldest of whichever tenant going first. No I/O.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence

import msgspec

from lookout.feeds.encoded import Encoded

RECENT_LIMIT = 1024
"""Events of a tenant that are kept."""
RECENT_BYTES = 16 * 1024 * 1024
"""Bytes of JSON of all that is kept for all tenants; with what it was made of it takes about six times as much."""


class _Batch(msgspec.Struct, eq=False):
    """Events that were read together."""

    events: list[Encoded]
    size: int
    owner: "Recent"


class Room:
    """What all tenants share."""

    def __init__(self, limit: int = RECENT_BYTES) -> None:
        self._limit = limit
        self._batches: OrderedDict[int, _Batch] = OrderedDict()
        """The oldest first, by what tells one from another."""
        self.taken = 0

    def give(self, batch: _Batch) -> None:
        """Take a batch in. The oldest of all go, until it fits."""
        self._batches[id(batch)] = batch
        self.taken += batch.size
        while self.taken > self._limit:
            oldest = next(iter(self._batches.values()))
            oldest.owner.forget_first()

    def take_back(self, batch: _Batch) -> None:
        """A batch is kept no more."""
        del self._batches[id(batch)]
        self.taken -= batch.size


class Recent:
    """The last events of one tenant: without gaps, up to its newest."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._batches: deque[_Batch] = deque()
        self._count = 0

    def keep(self, events: Sequence[Encoded]) -> None:
        """Keep these, which come next."""
        batch = _Batch(list(events), sum(len(event.json) for event in events), self)
        self._batches.append(batch)
        self._count += len(events)
        self._room.give(batch)
        while self._batches and self._count - len(self._batches[0].events) >= RECENT_LIMIT:
            self.forget_first()

    def after(self, position: int) -> list[Encoded] | None:
        """The events after `position`, which is before the newest; None if they are not all kept."""
        if not self._batches or self._batches[0].events[0].position > position + 1:
            return None
        found: list[Sequence[Encoded]] = []
        for batch in reversed(self._batches):
            first = batch.events[0].position
            found.append(batch.events[max(0, position + 1 - first) :])
            if first <= position + 1:
                break
        return [event for events in reversed(found) for event in events]

    def forget_first(self) -> None:
        """Forget what was read first of what is kept."""
        batch = self._batches.popleft()
        self._count -= len(batch.events)
        self._room.take_back(batch)

    def forget(self) -> None:
        """Forget all: nobody follows."""
        while self._batches:
            self.forget_first()
