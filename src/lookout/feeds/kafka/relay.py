"""The shell: for each feed, claim tenants that are behind, send their next events, move their positions.

At least once, each tenant's events in order (I12): a position moves only over what the broker has confirmed, in the
transaction that claimed it, and a producer that has failed sends nothing more. Woken by the notification that wakes
followers, with a poll behind it. While no broker answers no transaction is open, and nobody but the relay waits.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import TypeVar

import msgspec
import structlog

from lookout import metrics
from lookout.clock import Clock
from lookout.feeds.follow import Listen
from lookout.feeds.kafka.producer import BrokerAway, Outcome, Producer, Refusal, TopicRefused
from lookout.feeds.kafka.records import Feed, Record, feeds_of
from lookout.kafka import KafkaSettings
from lookout.store.database import PASSING_ERRORS, Wakes
from lookout.store.relays import Claim, LoggedEvent, RelayPositions

POLL = timedelta(seconds=5)
"""How late an event is sent at most where no notification comes."""
TENANTS_AT_ONCE = 100
EVENTS_AT_ONCE = 1_000
"""Of one round: what is claimed, read, sent and confirmed together."""
WOKEN_LIMIT = 1_000
"""Tenants that are woken by name; if there are more all are looked through."""
THREADS = "kafka-"
"""How the names of the threads begin that call librdkafka."""
FIRST_RETRY = timedelta(milliseconds=500)
LAST_RETRY = timedelta(seconds=5)
"""How long to wait for a broker that is away: at first, and at most."""
PARKED_RETRY = timedelta(minutes=1)
"""How often an event that is refused for good is tried again."""
PARKED_AT_ONCE = 20
"""Parked tenants that are tried again, and told of, in one poll."""

log = structlog.get_logger()

T = TypeVar("T")


class State(StrEnum):
    """What a relay does."""

    STARTING = "starting"
    RELAYING = "relaying"
    AWAY = "away"
    REFUSED = "refused"
    STALLED = "stalled"


class Sent(msgspec.Struct, frozen=True):
    """What came of a round: how far each tenant is now, whose next event is refused and why, and if all was sent."""

    positions: Mapping[str, int] = {}
    refused: Mapping[str, Refusal] = {}
    is_whole: bool = True


class Relay:
    """One feed's way out."""

    def __init__(self, feed: Feed, producer: Producer, positions: RelayPositions, clock: Clock) -> None:
        self.feed = feed
        self.state = State.STARTING
        self.parked = 0
        self._producer = producer
        self._positions = positions
        self._clock = clock
        self._woken: dict[str, None] = {}
        self._news = asyncio.Event()
        self._looks_at_all = True
        self._closed = asyncio.Event()
        self._at_once = EVENTS_AT_ONCE
        self._told: tuple[State, bool] = (State.STARTING, False)
        self._told_parked: set[str] = set()
        # librdkafka blocks, and is used by one thread; the loop's own threads belong to the writer.
        self._thread = ThreadPoolExecutor(1, f"{THREADS}{feed.name}")

    def wake(self, tenant_id: str | None = None) -> None:
        """The log of a tenant has grown; None: that of any may have."""
        if tenant_id is None or len(self._woken) >= WOKEN_LIMIT:
            self._looks_at_all = True
        else:
            self._woken[tenant_id] = None
        self._news.set()

    def close(self) -> None:
        """End when the round under way has ended."""
        self._producer.stop()
        self._closed.set()
        self._news.set()

    async def run(self) -> None:
        """Send whatever there is, until `close`."""
        retry = FIRST_RETRY
        try:
            while not self._closed.is_set():
                try:
                    await self._catch_up()
                except Exception as error:  # noqa: BLE001 - what fails here must not cost Lookout its alerts
                    self._looks_at_all = True
                    await self._note_trouble(error)
                    await self._pause(retry)
                    retry = min(retry * 2, LAST_RETRY)
                else:
                    retry = FIRST_RETRY
                    await self._news.wait()
        finally:
            self._producer.stop()
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _pause(self, delay: timedelta) -> None:
        waits = [asyncio.create_task(self._clock.sleep(delay)), asyncio.create_task(self._closed.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _catch_up(self) -> None:
        """Send what there is to send now, of the tenants that were woken or of all."""
        if self.state is not State.RELAYING:
            await self._in_thread(self._producer.check)
            self._note_relaying()
        self._news.clear()
        if self._looks_at_all:
            self._looks_at_all = False
            await self._look_through()
            await self._retry_parked()
        await self._send_woken()

    async def _look_through(self) -> None:
        """A round of each tenant that is behind, in the order of their ids. Whose events are more is woken.

        Once, however much there is: with many tenants looking for those that are behind costs more than sending.
        """
        after = ""
        while not self._closed.is_set():
            async with self._positions.claim_any(self.feed.name, after, TENANTS_AT_ONCE) as claim:
                sent = await self._round(claim)
            await self._settle(sent)
            self._wake_behind(claim, sent)
            if len(claim.positions) < TENANTS_AT_ONCE:
                return
            after = max(claim.positions)

    async def _send_woken(self) -> None:
        """Rounds of who was woken, in turn: whose events are more goes to the end, so that nobody waits for a busy one.

        Until nobody is left, or all are to be looked through.
        """
        while self._woken and not self._looks_at_all and not self._closed.is_set():
            some = list(islice(self._woken, TENANTS_AT_ONCE))
            for tenant_id in some:
                del self._woken[tenant_id]
            async with self._positions.claim(self.feed.name, some) as claim:
                sent = await self._round(claim)
            await self._settle(sent)
            self._wake_behind(claim, sent)

    def _wake_behind(self, claim: Claim, sent: Sent) -> None:
        for tenant_id, last in claim.last_positions.items():
            if tenant_id in sent.refused or sent.positions.get(tenant_id, last) < last:
                self.wake(tenant_id)

    async def _round(self, claim: Claim, limit: int | None = None) -> Sent:
        """Send the next events of what is claimed, and move over what was confirmed."""
        if not claim.positions:
            return Sent()
        events = await claim.events(max(1, (limit or self._at_once) // len(claim.positions)), self.feed.wanted)
        records, unreadable = records_of(self.feed, events)
        try:
            outcomes = await self._in_thread(partial(self._producer.send, records)) if records else []
            sent = self._progress(events, records, outcomes, unreadable)
        except TopicRefused as error:
            error.tenant_id, error.position = records[0].tenant_id, records[0].position
            raise
        metrics.RELAYED.labels(self.feed.name).inc(sum(outcome is True for outcome in outcomes))
        await claim.move(sent.positions)
        return sent

    def _progress(
        self,
        events: Sequence[LoggedEvent],
        records: Sequence[Record],
        outcomes: Sequence[Outcome],
        unreadable: Mapping[str, Refusal],
    ) -> Sent:
        """Each tenant is as far as its events are sent, or are not for this feed, without a gap."""
        sent = {(record.tenant_id, record.position): outcome for record, outcome in zip(records, outcomes, strict=True)}
        positions: dict[str, int] = {}
        refused: dict[str, Refusal] = {}
        stopped: set[str] = set()
        for event in events:
            if event.tenant_id in stopped:
                continue
            outcome = sent.get((event.tenant_id, event.position), not self.feed.takes(event))
            if outcome is True:
                positions[event.tenant_id] = event.position
                continue
            stopped.add(event.tenant_id)
            is_known = (event.tenant_id, event.position) in sent
            refusal = self._producer.refusal(outcome) if is_known else unreadable.get(event.tenant_id)
            if refusal is not None:
                refused[event.tenant_id] = refusal
        return Sent(positions, refused, not stopped)

    async def _settle(self, sent: Sent) -> None:
        """After a round: what was refused is tried alone, and a broker that is away is told.

        Alone, because a broker refuses a whole batch for the size of all, and the producer ends at a refusal, so that
        nothing is known of what was sent beside it.
        """
        # Smaller rounds where a topic takes each record and not all together; and larger ones again.
        self._at_once = max(1, self._at_once // 2) if sent.refused else min(self._at_once * 2, EVENTS_AT_ONCE)
        for tenant_id in sent.refused:
            await self._send_alone(tenant_id)
        if not sent.is_whole and not sent.refused:
            raise self._producer.away()

    async def _send_alone(self, tenant_id: str) -> None:
        """Send one tenant's next event. If it is refused, park the tenant: it is not skipped, and others go on."""
        async with self._positions.claim(self.feed.name, [tenant_id], parked=True) as claim:
            sent = await self._round(claim, limit=1)
            refusal = sent.refused.get(tenant_id)
            if refusal is not None:
                await claim.park(tenant_id, refusal.text, self._clock.now() + PARKED_RETRY)
        if refusal is not None:
            self._note_parked(tenant_id, claim.positions[tenant_id] + 1, refusal)
        elif not sent.is_whole:
            raise self._producer.away()
        elif sent.positions:
            self._note_accepted(tenant_id, sent.positions[tenant_id])

    async def _retry_parked(self) -> None:
        now = self._clock.now()
        for parked in await self._positions.parked(self.feed.name, PARKED_AT_ONCE):
            if parked.retry_at <= now and not self._closed.is_set():
                await self._send_alone(parked.tenant_id)
                self.wake(parked.tenant_id)
        self.parked = await self._positions.count_parked(self.feed.name)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _note_relaying(self) -> None:
        if self.state is not State.STARTING:
            log.info("relay", action="relay_recovered", topic=self.feed.topic)
        self.state = State.RELAYING
        self._told = (self.state, False)

    async def _note_trouble(self, error: Exception) -> None:
        """One line for each change, not for each try."""
        match error:
            case TopicRefused():
                self.state = State.REFUSED
                metrics.RELAY_FAILURES.labels(self.feed.name, error.reason).inc()
                await self._note_topic_refused(error)
                return
            case BrokerAway():
                self.state, reason = State.AWAY, "broker_away"
            case _:
                self.state = State.STALLED
                reason = "database_away" if isinstance(error, PASSING_ERRORS) else "fault"
        metrics.RELAY_FAILURES.labels(self.feed.name, reason).inc()
        if self._told[0] is self.state:
            return
        self._told = (self.state, False)
        if self.state is State.AWAY:
            log.warning("relay", action="broker_away", topic=self.feed.topic, error=str(error))
        elif reason == "database_away":
            log.warning("relay", action="positions_unknown", topic=self.feed.topic, error=repr(error))
        else:
            log.error("relay", action="relay_failed", topic=self.feed.topic, error=repr(error), exc_info=error)

    async def _note_topic_refused(self, error: TopicRefused) -> None:
        """Told once, and once more when it is known whose events wait for it."""
        if self._told == (State.REFUSED, True):
            return
        tenant_id, position = error.tenant_id, error.position
        if not tenant_id:
            with suppress(*PASSING_ERRORS):
                async with self._positions.claim_any(self.feed.name, "", 1) as claim:
                    tenant_id, position = next(iter(claim.positions.items()), ("", 0))
                    position += 1
        if self._told != (State.REFUSED, bool(tenant_id)):
            self._told = (State.REFUSED, bool(tenant_id))
            told = {"tenant": tenant_id, "position": position} if tenant_id else {}
            log.error("relay", action="topic_refused", topic=self.feed.topic, **told, error=str(error))

    def _note_parked(self, tenant_id: str, position: int, refusal: Refusal) -> None:
        metrics.RELAY_FAILURES.labels(self.feed.name, refusal.reason).inc()
        if tenant_id in self._told_parked:
            return
        self._told_parked.add(tenant_id)
        self.parked = max(self.parked, len(self._told_parked))
        log.error(
            "relay",
            action="record_refused",
            topic=self.feed.topic,
            tenant=tenant_id,
            position=position,
            error=refusal.text,
        )

    def _note_accepted(self, tenant_id: str, position: int) -> None:
        if tenant_id in self._told_parked:
            self._told_parked.remove(tenant_id)
            log.info("relay", action="record_accepted", topic=self.feed.topic, tenant=tenant_id, position=position)


def records_of(feed: Feed, events: Iterable[LoggedEvent]) -> tuple[list[Record], dict[str, Refusal]]:
    """The records of the events, each tenant's up to the first that cannot be read, and why that cannot."""
    records: list[Record] = []
    unreadable: dict[str, Refusal] = {}
    for event in events:
        if event.tenant_id in unreadable or not feed.takes(event):
            continue
        try:
            records.append(feed.record_of(event))
        except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
            unreadable[event.tenant_id] = Refusal(
                "unreadable",
                f"This version cannot read the event ({error!r}). Bring every Lookout to the newest version that runs.",
            )
    return records, unreadable


class Relays:
    """All that goes to Kafka from this process."""

    def __init__(
        self,
        settings: KafkaSettings,
        positions: RelayPositions,
        clock: Clock,
        listen: Listen,
        poll: timedelta = POLL,
    ) -> None:
        self.feeds = [Relay(feed, Producer(settings, feed.topic), positions, clock) for feed in feeds_of(settings)]
        self._cluster = settings.cluster or settings.brokers
        self._positions = positions
        self._clock = clock
        self._listen = listen
        self._interval = poll

    async def begin(self) -> None:
        """Before anything is written: a feed that is switched on for the first time begins at the end of the log."""
        for relay in self.feeds:
            if await self._positions.begin(relay.feed.name, self._clock.now()):
                log.info("relay", action="relay_begun", topic=relay.feed.topic)

    async def run(self) -> None:
        """Relay until `close`."""
        waking = [asyncio.create_task(self._wake()), asyncio.create_task(self._poll())]
        try:
            async with asyncio.TaskGroup() as relaying:
                for relay in self.feeds:
                    relaying.create_task(relay.run())
        finally:
            for task in waking:
                task.cancel()

    def close(self) -> None:
        """End when what is under way has been confirmed, or soon."""
        for relay in self.feeds:
            relay.close()

    async def _wake(self) -> None:
        """Wake the relays when the database says so. For ever."""
        while True:
            wakes: Wakes = asyncio.Queue()
            try:
                async with self._listen(wakes):
                    self._wake_all(None)  # for what came before
                    while (tenant_id := await wakes.get()) is not None:
                        self._wake_all(tenant_id)
            except PASSING_ERRORS as error:
                log.warning("relay", action="listen_lost", error=repr(error))
            await self._clock.sleep(self._interval)

    async def _poll(self) -> None:
        """Wake them now and then, whether the database says so or not. For ever."""
        while True:
            await self._clock.sleep(self._interval)
            self._wake_all(None)

    def _wake_all(self, tenant_id: str | None) -> None:
        for relay in self.feeds:
            relay.wake(tenant_id)

    async def measure(self) -> None:
        """Bring the gauges up to date: how far each feed is behind, as the database has it."""
        now = self._clock.now()
        for relay in self.feeds:
            lag = await self._positions.lag(relay.feed.name)
            metrics.RELAY_LAG_EVENTS.labels(relay.feed.name).set(lag.events)
            seconds = max(0.0, (now - lag.oldest_at).total_seconds()) if lag.oldest_at is not None else 0.0
            metrics.RELAY_LAG_SECONDS.labels(relay.feed.name).set(seconds)
            metrics.RELAY_PARKED.labels(relay.feed.name).set(await self._positions.count_parked(relay.feed.name))

    def health(self) -> tuple[bool, str]:
        """Whether all goes out as it should, and what is so. Names no tenant."""
        troubles = [trouble for relay in self.feeds for trouble in _troubles_of(relay, self._cluster)]
        return not troubles, "; ".join(troubles) or f"relaying to {self._cluster}"


def _troubles_of(relay: Relay, cluster: str) -> Iterable[str]:
    match relay.state:
        case State.AWAY:
            yield f"{relay.feed.topic}: {cluster} is away"
        case State.REFUSED:
            yield f"{relay.feed.topic}: the broker refuses the topic, see topic_refused in the log"
        case State.STALLED:
            yield f"{relay.feed.topic}: the relay failed and tries again, see the log"
        case State.STARTING:
            yield f"{relay.feed.topic}: {cluster} has not answered yet"
        case State.RELAYING:
            pass
    if relay.parked:
        yield f"{relay.feed.topic}: {relay.parked} tenants wait for a refused record, see record_refused in the log"
