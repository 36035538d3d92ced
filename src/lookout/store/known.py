"""What is known to be in a table, so that nobody is asked about it again."""

from collections.abc import Hashable, Iterable
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Known(Generic[T]):
    """So many at most: what was remembered first is forgotten first, and asked about once more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[T, None] = {}

    def __contains__(self, one: T) -> bool:
        return one in self._known

    def remember(self, some: Iterable[T]) -> None:
        self._known.update(dict.fromkeys(some))
        for one in list(islice(self._known, max(0, len(self._known) - self._limit))):
            del self._known[one]
