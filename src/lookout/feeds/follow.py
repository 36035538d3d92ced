"""Following a tenant's log: events after a position, then new ones as they are committed.

One reader per tenant and process reads each event once and keeps the last ones, encoded, for all its followers. A
follower holds a position and nothing else: whoever is slow, or comes back after long, reads pages from the table until
it has caught up. What is committed here, and is what the reader would read next, is handed to it: the table has the
same. All else comes from the table: a notification only wakes the reader, and a poll stands behind it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import structlog

from lookout import metrics
from lookout.clock import Clock
from lookout.errors import Conflict, Gone, Overloaded
from lookout.feeds.encoded import Encoded, encode
from lookout.feeds.recent import Recent, Room
from lookout.incidents.events import FeedEvent, Record, feed_event
from lookout.store.database import PASSING_ERRORS, Wakes
from lookout.store.reads import Reads

PAGE = 500
TOLD_AT_ONCE = 200
"""Events of a commit that are handed over: to encode as many takes a millisecond or two."""
POLL = timedelta(seconds=1)
"""How late an event is at most where no notification comes."""
SIGN_OF_LIFE = timedelta(seconds=15)
"""How often a stream on which nothing comes shows that it lives."""
RETRY = timedelta(seconds=1)
STREAM_LIMIT = 5_000
"""Followers of one process."""

Listen = Callable[[Wakes], AbstractAsyncContextManager[None]]

log = structlog.get_logger()


def check_kept(position: int, first: int) -> None:
    """Raises `Gone` if what follows `position` is not kept any more: the log begins at `first`.

    From 0 on everything is wanted that there is, so that begins at the first.
    """
    if 0 < position < first - 1:
        raise Gone(
            f"what follows position {position} is not kept any more: the log begins at {first}. "
            f"Go on after {first - 1}, or start again after 0.",
            first,
        )


class Followers:
    """All the followers of this process."""

    def __init__(self, reads: Reads, clock: Clock, listen: Listen) -> None:
        self._reads = reads
        self._clock = clock
        self._listen = listen
        self._readers: dict[str, _Reader] = {}
        self._room = Room()
        self._closed = asyncio.Event()

    @property
    def count(self) -> int:
        """How many follow here."""
        return sum(reader.followers for reader in self._readers.values())

    async def run(self) -> None:
        """Wake readers when the database says so, and now and then whether it does or not. For ever."""
        async with asyncio.TaskGroup() as beside:
            beside.create_task(self._poll())
            beside.create_task(self._show_life())
            while True:
                await self._wait_for_wakes(beside)
                await self._clock.sleep(RETRY)

    async def _wait_for_wakes(self, beside: asyncio.TaskGroup) -> None:
        """Wake the readers of the tenants that are notified of, until the connection has ended."""
        wakes: Wakes = asyncio.Queue()
        try:
            async with self._listen(wakes):
                # For what came before; and a database that does not answer keeps no wake from its reader.
                beside.create_task(self._look())
                while (tenant_id := await wakes.get()) is not None:
                    if (reader := self._readers.get(tenant_id)) is not None:
                        reader.wake()
        except PASSING_ERRORS as error:
            log.warning("follow", action="listen_lost", error=repr(error))

    async def _poll(self) -> None:
        while True:
            await self._clock.sleep(POLL)
            await self._look()

    async def _look(self) -> None:
        """Wake the readers of the tenants whose log has grown: one question for all, however many are followed.

        Where a server took over that lacks the last events, their positions are given out anew: that ends the reader.
        """
        readers = dict(self._readers)
        heads = {tenant_id: reader.head for tenant_id, reader in readers.items()}
        if not heads:
            return
        try:
            positions = await self._reads.last_positions(heads)
        except PASSING_ERRORS as error:
            log.warning("follow", action="read_failed", error=repr(error))
            return
        for tenant_id, reader in readers.items():
            if self._readers.get(tenant_id) is not reader or reader.failure is not None:
                continue  # one that began meanwhile was not asked for
            position, head = positions.get(tenant_id, 0), heads[tenant_id]
            if position < head:
                error = f"the log ends at {position}, and {head} was told: a server took over that lacked the last"
                log.warning("follow", action="log_went_back", tenant=tenant_id, error=error)
                reader.end(Conflict(error))
            else:
                reader.wake_for(position)

    async def _show_life(self) -> None:
        """Also while the database says nothing."""
        while True:
            await self._clock.sleep(SIGN_OF_LIFE)
            for reader in self._readers.values():
                reader.announce()

    def tell(self, grown: Sequence[tuple[str, Sequence[Record]]]) -> None:
        """What was just committed here, by tenant, of which nobody needs to be told by the database.

        Of much at once only that there is something to read: others have to get their turn.
        """
        are_few = sum(len(records) for _, records in grown) <= TOLD_AT_ONCE
        for tenant_id, records in grown:
            if (reader := self._readers.get(tenant_id)) is None:
                continue
            try:
                if not are_few or not reader.tell(records):
                    reader.wake()
            except Exception as error:  # it is committed: whatever this is, the reader meets it and says so
                log.exception("follow", action="not_told", tenant=tenant_id, error=repr(error))
                reader.wake()

    def close(self) -> None:
        """End every stream: Lookout is going down, and its clients resume elsewhere or later."""
        self._closed.set()
        for reader in self._readers.values():
            reader.announce()

    async def follow(self, tenant_id: str, after: int | None = None) -> AsyncGenerator[list[Encoded]]:
        """Events after position `after`, in order and without gaps, in lists; None: only what comes from now on.

        Yields an empty list when nothing came for a while, for a sign of life. Ends when Lookout stops. Raises
        `Overloaded` if there are too many followers already, `Gone` if what comes next was forgotten meanwhile,
        `Conflict` if the log lost its end.
        """
        async with self._reader(tenant_id) as reader:
            position = await self._reads.last_position(tenant_id) if after is None else after
            while not self._closed.is_set():
                events = reader.after(position)
                if events is None:
                    head = reader.head
                    events = await self._page(tenant_id, position)
                    if not events:  # all that there was has been forgotten
                        check_kept(position, head + 1)
                        position = head
                if events:
                    position = events[-1].position
                    yield events
                elif not await reader.wait(position):
                    yield []

    def check_room(self) -> None:
        """Raises `Overloaded` if there are too many followers already."""
        if self.count >= STREAM_LIMIT:
            raise Overloaded(f"{STREAM_LIMIT} streams are open already", retry_after=5)

    async def page(self, tenant_id: str, after: int, limit: int) -> list[Encoded]:
        """At most `limit` events after a position, at once. Raises `Gone` if the next one was forgotten."""
        return _page_of(after, await self._reads.events_after(tenant_id, after, limit))

    async def _page(self, tenant_id: str, after: int) -> list[Encoded]:
        return _page_of(after, await self._reads.news_after(tenant_id, after, PAGE))

    @asynccontextmanager
    async def _reader(self, tenant_id: str) -> AsyncGenerator["_Reader"]:
        self.check_room()
        reader = self._readers.get(tenant_id)
        if reader is None or reader.failure is not None:
            reader = self._readers[tenant_id] = _Reader(tenant_id, self._reads, self._clock, Recent(self._room))
        reader.followers += 1
        metrics.FOLLOWERS.inc()
        try:
            await reader.ready()
            yield reader
        finally:
            metrics.FOLLOWERS.dec()
            reader.followers -= 1
            if not reader.followers:
                if self._readers.get(tenant_id) is reader:
                    del self._readers[tenant_id]
                reader.close()


class _Reader:
    """Reads one tenant's log once, for all who follow it here."""

    def __init__(self, tenant_id: str, reads: Reads, clock: Clock, recent: Recent) -> None:
        self.followers = 0
        self.head = 0
        """The position of the newest event that is known here."""
        self.failure: Exception | None = None
        self._clock = clock
        self._tenant_id = tenant_id
        self._reads = reads
        self._recent = recent
        self._woken = asyncio.Event()
        self._news = asyncio.Event()
        self._started: asyncio.Task[None] = asyncio.create_task(self._start())
        self._reading: asyncio.Task[None] = asyncio.create_task(self._read())

    async def ready(self) -> None:
        """Return once the end of the log is known."""
        await asyncio.shield(self._started)

    def wake(self) -> None:
        """There may be more to read."""
        self._woken.set()

    def tell(self, records: Sequence[Record]) -> bool:
        """Keep these if they come next. Returns whether they do."""
        if not self._started.done() or self.failure is not None or records[0].event.position != self.head + 1:
            return False
        self._keep([encode(feed_event(record.event, record.incident)) for record in records])
        return True

    def wake_for(self, position: int) -> None:
        """The log ends at `position`: there is more to read if that is beyond what has been read."""
        if position > self.head:
            self._woken.set()

    def announce(self) -> None:
        """Let every follower look: there is news, or it is time for a sign of life."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def end(self, error: Exception) -> None:
        """Read no more, and let every follower see why."""
        self._reading.cancel()
        self.failure = error
        self.announce()

    def close(self) -> None:
        self._started.cancel()
        self._reading.cancel()
        self._recent.forget()

    def after(self, position: int) -> list[Encoded] | None:
        """The events after `position` that are kept here; None if they are not, and have to be read from the table.

        Raises what the reading ended with, if it did.
        """
        if self.failure is not None:
            raise self.failure
        if position >= self.head:
            return []
        return self._recent.after(position)

    async def wait(self, position: int) -> bool:
        """Wait for news; True if there is an event after `position`."""
        if self.head <= position:
            await self._news.wait()
        return self.head > position

    async def _start(self) -> None:
        self.head = await self._reads.last_position(self._tenant_id)

    async def _read(self) -> None:
        await self._started
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                is_whole = False
                while not is_whole:
                    events = await self._reads.news_after(self._tenant_id, self.head, PAGE)
                    is_whole = len(events) < PAGE
                    # Some may have been told meanwhile.
                    if fresh := [event for event in events if event.position > self.head]:
                        self._keep([encode(event) for event in fresh])
            except PASSING_ERRORS as error:
                log.warning("follow", action="read_failed", error=repr(error))
            except Exception as error:  # noqa: BLE001 - it ends the streams, which would else show life and no events
                self.failure = error
                self.announce()
                return

    def _keep(self, events: list[Encoded]) -> None:
        self._recent.keep(events)
        self.head = events[-1].position
        metrics.READ.inc(len(events))
        metrics.FEED_LAG.observe(max(0.0, (self._clock.now() - events[-1].event.recorded_at).total_seconds()))
        self.announce()


def _page_of(after: int, events: list[FeedEvent]) -> list[Encoded]:
    if events:
        check_kept(after, events[0].position)
    return [encode(event) for event in events]
