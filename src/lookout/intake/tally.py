"""What senders sent, counted by tenant, hour and source.

In memory until the timers flush it, a few seconds later, so that no request waits for a statistic. What is killed in
between is lost: these are figures, and nothing is decided by them.
"""

from datetime import UTC, datetime, timedelta

from lookout.store.log import Log, Received, ReceivedKey

_HOUR = timedelta(hours=1)


class Tally:
    """Counts of this process that are not in the table yet. One for each tenant and source that spoke since."""

    def __init__(self, store: Log) -> None:
        self._store = store
        self._counts: dict[ReceivedKey, Received] = {}
        self._hour = datetime.min.replace(tzinfo=UTC)

    def count(self, tenant_id: str, source: str, received_at: datetime, *, alerts: int, rejected: int) -> None:
        """Count one request: its alerts, repeats and refused ones too, and of these those that were refused."""
        if not timedelta() <= received_at - self._hour < _HOUR:
            self._hour = received_at.replace(minute=0, second=0, microsecond=0)
        self._add(ReceivedKey(tenant_id, self._hour, source), Received(alerts, rejected, received_at))

    async def flush(self) -> None:
        """Add the counts to the table. If that fails they are kept for the next time."""
        counts, self._counts = self._counts, {}
        if not counts:
            return
        try:
            await self._store.add_received(counts)
        except BaseException:
            # It may have been committed all the same, and is counted twice then.
            for key, received in counts.items():
                self._add(key, received)
            raise

    def _add(self, key: ReceivedKey, more: Received) -> None:
        known = self._counts.get(key)
        self._counts[key] = more if known is None else known.plus(more)
