"""What asyncpg asks of a type, it asks once in a process and not once in each connection.

Each test's connections are new, and asking takes PostgreSQL longer than what most tests then do.
"""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest

_FIRST_OF_A_DATABASE = 16384
"""Types with lower numbers are PostgreSQL's own: the same in every database."""


@contextmanager
def types_asked_once() -> Generator[None]:
    """While this lasts."""
    asks: Any = vars(asyncpg.Connection)["_introspect_types"]
    known: dict[frozenset[int], Any] = {}

    async def asks_once(self: Any, numbers: Iterable[int], seconds: float) -> Any:
        wanted = frozenset(numbers)
        if max(wanted) >= _FIRST_OF_A_DATABASE:
            return await asks(self, wanted, seconds)
        if wanted not in known:
            known[wanted] = await asks(self, wanted, seconds)
        return known[wanted]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncpg.Connection, "_introspect_types", asks_once)
        yield
