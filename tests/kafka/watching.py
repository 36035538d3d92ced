"""Looking whether what is waited for has happened yet, and what PostgreSQL says of relays at work."""

import asyncio

from tests.driver import Driver

_BETWEEN_QUESTIONS = 0.03

RELAYS_AT_WORK = (
    "datname = current_database() AND state = 'idle in transaction' AND query LIKE '-- The next events of each tenant%'"
)
"""Of `pg_stat_activity`, which shows the last statement of each: the connections on which tenants are claimed."""


async def still_well(lookout: Driver) -> None:
    """Return after a moment, or fail at once if a part of Lookout dies. Not to ask again and again: what is waited for
    happens in librdkafka's threads and in the broker, from which asking takes the processor."""
    died, _ = await asyncio.wait({lookout.running.failed}, timeout=_BETWEEN_QUESTIONS)
    assert not died
