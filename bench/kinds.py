"""What one of each kind of work costs, for the arithmetic: `python -m bench.kinds` measures, and writes `kinds.json`.

A kind of alert is sent in three ways: alone, alone from many at once, and many in a request from several at once. Each
costs so much by request, by commit and by alert, and three equations give the three. Everything is of many tenants.
What has no request of its own is called as Lookout calls it, from here.

    python -m bench.kinds            # about two minutes
    python -m bench.kinds --show     # measures, and writes nothing

Only processor time and bytes are measured, so a machine that does something else changes little; the load is closed,
and as fast as it can be.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import asyncpg
import msgspec
from rich.console import Console
from tests.kafka.brokers import MockBroker, mock_broker
from tests.server_process import empty_place

from bench.arithmetic import RELAY_POLL_SECONDS
from bench.machine import busy, machine
from bench.meter import Meter
from bench.programs import Program, lookout
from bench.quantities import KINDS, Costs, Disk, Memory, Spent, Work
from bench.senders import Sender, alert, body, senders, stream
from bench.tenants import MAKES_TENANTS, SECRET
from lookout.feeds.kafka.records import feeds_of
from lookout.incidents.policy import Policy
from lookout.kafka import INCIDENTS_TOPIC, SERVICE_EVENTS_TOPIC, KafkaSettings
from lookout.sources.reading import read_annotations, read_label_set
from lookout.store import database
from lookout.store.embedded import service_dsn
from lookout.store.log import Log, Received, ReceivedKey
from lookout.store.reads import Reads
from lookout.store.relays import RelayPositions
from lookout.store.retention import Retention
from lookout.store.tokens import Tokens

TENANTS = 1_000
SERVICE = {"Authorization": f"Bearer {SECRET}"}
HOLDS = timedelta(minutes=10)
"""What a begin promises; a repeat promises an hour more."""
ROUNDS = 4
"""How often the repeats are sent: one costs little."""
DELIVERY_US = 10.0
"""For an event on one stream: what RESULTS.md has for a delivery."""
STREAMS = 500
PAGES = 300
IDLE_SECONDS = 10.0
LOOKS = 40
EXTRA_TENANTS = 20_000
"""Tenants without events, among which a relay looks for those that have some."""
RECORD_BYTES = 500
"""Of a record beside its value: key, headers, and what Kafka keeps of its own."""


class Way(msgspec.Struct, frozen=True):
    """One of the three ways in which alerts are sent: `first` is the number of the first of them."""

    connections: int
    per_request: int
    requests: int
    first: int

    @property
    def alerts(self) -> int:
        return self.per_request * self.requests


# Less than the label sets that are known by their bytes: what is parsed anew is measured by itself.
WAYS = (Way(1, 1, 800, 0), Way(32, 1, 3_000, 1_000), Way(8, 64, 180, 5_000))

KNOWN = Way(8, 1, TENANTS, 900_000)
"""One alert of each tenant: until all tenants are known."""
WARM = Way(8, 1, 300, 880_000)
"""Of some of these, before anything is measured: the first statements of each connection are planned."""
MORE_TENANTS = Way(8, 1, 3_000, 910_000)
MORE_KEYS = Way(8, 64, 300, 100_000)


class Seen(msgspec.Struct, frozen=True):
    """What came of one way of sending."""

    requests: int
    alerts: int
    commits: float
    spent: Spent


def work_of(alone: Seen, together: Seen, many: Seen) -> Work:
    """What a request, a commit and an alert cost, from three ways: alone, alone from many at once, and many in one."""
    return Work(
        *(
            Spent(*values)
            for values in zip(
                *(_three(*(_rates(seen, place) for seen in (alone, together, many))) for place in range(3)),
                strict=True,
            )
        )
    )


Rates = tuple[float, float, float]
"""For an alert: requests, commits, and what it costs."""


def _rates(seen: Seen, place: int) -> Rates:
    return (
        seen.requests / seen.alerts,
        seen.commits / seen.alerts,
        msgspec.structs.astuple(seen.spent)[place] / seen.alerts,
    )


def _three(alone: Rates, together: Rates, many: Rates) -> Rates:
    """The price of a request, of a commit and of an alert; none is below 0."""
    commit = max(0.0, (alone[2] - together[2]) / (alone[1] - together[1]))
    beside = [price - commit * commits for _, commits, price in (together, many)]
    request = max(0.0, (beside[0] - beside[1]) / (together[0] - many[0]))
    return request, commit, max(0.0, beside[1] - request * many[0])


class Bench:
    """A Lookout that is measured, and its database."""

    def __init__(self, program: Program, data_dir: Path, owner: asyncpg.Connection, pool: "database.Pool") -> None:
        self.program = program
        self.data_dir = data_dir
        self.owner = owner
        self.pool = pool
        self.meter = Meter(program, data_dir, owner, SECRET)

    def beside(self, program: Program) -> "Bench":
        """Another Lookout on the same database."""
        return Bench(program, self.data_dir, self.owner, self.pool)

    async def kind(self, ends_at: Callable[[datetime], datetime], rounds: int = 1) -> tuple[Seen, Seen, Seen]:
        """The three ways, with alerts whose end is at what `ends_at` makes of the time."""
        alone, together, many = [await self.sent(way, ends_at, rounds) for way in WAYS]
        return alone, together, many

    async def sent(
        self, way: Way, ends_at: Callable[[datetime], datetime], rounds: int = 1, tenants: int = TENANTS
    ) -> Seen:
        """One of the ways, by so many tenants in turn."""
        bodies = list(enumerate(_bodies(way, ends_at(datetime.now(UTC))))) * rounds
        commits, before = (await self.meter.counted())[0], await self.meter.spent()
        async with senders(self.program.url, [SERVICE] * way.connections) as sending:
            left = iter(bodies)
            await asyncio.gather(*(_send(sender, left, tenants) for sender in sending))
        spent = _less(await self.meter.spent(), before)
        return Seen(len(bodies), way.alerts * rounds, (await self.meter.counted())[0] - commits, spent)

    async def of(self, work: Awaitable[object], times: float) -> Spent:
        """What one of `times` cost that `work` does from this process: Lookout's part is this process's."""
        own, before = time.process_time(), await self.meter.spent()
        await work
        after, taken = await self.meter.spent(), time.process_time() - own
        return Spent(taken * 1e6, after.postgres_us - before.postgres_us, after.wal_bytes - before.wal_bytes) * (
            1 / times
        )

    async def served(self, work: Awaitable[object], times: float) -> Spent:
        """The same of what Lookout itself does meanwhile."""
        before = await self.meter.spent()
        await work
        return _less(await self.meter.spent(), before) * (1 / times)


BEGAN = datetime.now(UTC).replace(microsecond=0)


def _bodies(way: Way, ends_at: datetime) -> list[bytes]:
    starts = range(way.first, way.first + way.alerts, way.per_request)
    return [body(alert(number, BEGAN, ends_at) for number in range(start, start + way.per_request)) for start in starts]


async def _send(sender: Sender, left: Iterator[tuple[int, bytes]], tenants: int) -> None:
    for number, content in left:
        await sender.send(content, f"X-Tenant-ID: tenant-{number % tenants:05}\r\n")


def _less(after: Spent, before: Spent) -> Spent:
    return after + before * -1


async def measured() -> Costs:
    """All of it."""
    where = f"{machine()}, {datetime.now(UTC):%Y-%m-%d}, {busy()}"
    with empty_place() as place:
        config = place / "lookout.yaml"
        config.write_text(MAKES_TENANTS)
        environ = {"SERVICE_TOKEN": SECRET, "LOOKOUT_CONFIG": str(config), "LOOKOUT_INGEST_RATE": "1000000"}
        memory = await _memory(environ)
        async with mock_broker() as broker, lookout(**environ, KAFKA_BROKERS=broker.address) as program:
            for topic in (INCIDENTS_TOPIC, SERVICE_EVENTS_TOPIC):
                await broker.create(topic, 3)
            owner = await program.database()
            pool = await database.connect(service_dsn(program.database_url), 4)
            try:
                return await _costs(Bench(program, program.data_dir, owner, pool), broker, environ, memory, where)
            finally:
                pool.terminate()
                await owner.close()


async def _costs(bench: Bench, broker: MockBroker, environ: dict[str, str], memory: Memory, where: str) -> Costs:
    await bench.sent(WARM, lambda now: now + HOLDS)
    first = await _told("tenants", bench.sent(KNOWN, lambda now: now + HOLDS))
    await broker.kill()
    start = await _told("begins", bench.kind(lambda now: now + HOLDS))
    await bench.owner.execute("VACUUM ANALYZE")
    lease = await _row_bytes(bench.owner, "leases")
    repeat = await _told("repeats", bench.kind(lambda now: now + HOLDS * 2, ROUNDS))
    check = await bench.of(_checks(bench), sum(way.alerts for way in WAYS))
    async with lookout(**environ, DATABASE_URL=service_dsn(bench.program.database_url)) as second:
        other = bench.beside(second)
        await other.sent(KNOWN, lambda now: now + HOLDS)
        unknown = await _told("repeats that are not known", other.kind(lambda now: now + HOLDS * 3))
    ended_at = datetime.now(UTC)
    for way in (WARM, KNOWN):
        await bench.sent(way, lambda _: ended_at)
    end = await _told("ends", bench.kind(lambda _: ended_at))
    again = await _told("ends told again", bench.kind(lambda _: ended_at))
    relayed = await _told("the relay", _relayed(bench, broker))
    disk = await _disk(bench, lease)
    followed = await _told("streams", _followed(bench))
    return Costs(
        first_event=_first_event(first, work_of(*start)),
        machine=where,
        flush_ms=await _flush(bench.owner),
        repeat=work_of(*repeat),
        unknown_repeat=work_of(*unknown),
        start=work_of(*start),
        end=work_of(*end),
        ended_again=work_of(*again),
        parsed_anew=Spent(_parsed_anew()),
        check=check,
        relayed=relayed,
        **await _told("the rest", _others(bench)),
        followed=followed,
        delivered=await bench.of(_reads(bench), 1_000) + Spent(DELIVERY_US),
        memory=memory,
        disk=disk,
    )


def _first_event(first: Seen, start: Work) -> Spent:
    """What is left of the first events of tenants when all that every begin costs is taken away."""
    usual = start.request * first.requests + start.commit * first.commits + start.alert * first.alerts
    return _no_less(_less(first.spent, usual) * (1 / (first.alerts - WARM.alerts)))


T = TypeVar("T")


async def _told(what: str, work: Awaitable[T]) -> T:
    sys.stderr.write(f"{what} ...\n")
    return await work


async def _checks(bench: Bench) -> None:
    """All leases of what fires are looked at, at a time when they have been renewed since the last look."""
    later = datetime.now(UTC) + HOLDS * 1.5
    await Log(bench.pool).due_leases(later, Policy().resend_delay, (), 1)


async def _relayed(bench: Bench, broker: MockBroker) -> Spent:
    """What gathered while no broker answered goes out, by two feeds: an event of it."""
    positions = RelayPositions(bench.pool)
    names = [feed.name for feed in _FEEDS]
    events = (await positions.lag(names[-1])).events

    async def all_sent() -> None:
        await broker.start()
        while True:
            if not sum([(await positions.lag(name)).events for name in names]):
                return
            await asyncio.sleep(0.5)

    return await bench.served(all_sent(), events)


_FEEDS = feeds_of(KafkaSettings("nowhere"))


async def _disk(bench: Bench, lease: float) -> Disk:
    """Bytes on the disk, and of the records of some tenant's events."""
    tables = ("events", "event_alerts", "incidents", "alerts", "leases", "silent_decisions")
    await bench.owner.execute("VACUUM FULL ANALYZE")
    episode = sum([await _bytes(bench.owner, table) for table in tables]) / sum(
        way.alerts for way in (*WAYS, WARM, KNOWN)
    )
    events = await RelayPositions(bench.pool).events("tenant-00001", 0, 100, None)
    trigger, service_event = (
        statistics.mean(len(feed.record_of(event).value) + RECORD_BYTES for event in events if feed.takes(event))
        for feed in _FEEDS
    )
    return Disk(lease, episode, await _row_bytes(bench.owner, "received"), service_event, trigger)


async def _bytes(owner: asyncpg.Connection, table: str) -> int:
    size: int = await owner.fetchval("SELECT pg_total_relation_size($1::text::regclass)", table)
    return size


async def _row_bytes(owner: asyncpg.Connection, table: str) -> float:
    return await _bytes(owner, table) / await owner.fetchval(f"SELECT count(*) FROM {table}")


async def _followed(bench: Bench) -> Spent:
    """What a stream of its own tenant costs in a second in which nothing happens."""
    idle = await bench.served(asyncio.sleep(IDLE_SECONDS), IDLE_SECONDS)
    with ExitStack() as stack:
        _follow(bench, stack)
        await asyncio.sleep(2)
        watched = await bench.served(asyncio.sleep(IDLE_SECONDS), IDLE_SECONDS)
    return _no_less(_less(watched, idle) * (1 / STREAMS))


def _follow(bench: Bench, stack: ExitStack | AsyncExitStack) -> None:
    """Open a stream of each of some tenants."""
    for number in range(STREAMS):
        headers = {**SERVICE, "X-Tenant-ID": f"tenant-{number:05}"}
        stack.enter_context(stream(bench.program.url, headers))


async def _others(bench: Bench) -> dict[str, Spent]:
    """What has no request of its own, and what is not of alerts."""
    now = datetime.now(UTC)
    tenants = [f"tenant-{number:05}" for number in range(TENANTS)]
    log, tokens, relays = Log(bench.pool), Tokens(bench.pool), RelayPositions(bench.pool)
    hour = now.replace(minute=0, second=0, microsecond=0)
    counts = {ReceivedKey(tenant, hour, "prometheus"): Received(5, 0, now) for tenant in tenants}
    await log.add_received(counts)
    made = [await tokens.create(tenant, ("ingest",), "bench", now) for tenant in tenants]

    async def count() -> None:
        for _ in range(ROUNDS):
            await log.add_received(counts)

    async def find() -> None:
        for token in made:
            await tokens.find(token.text)

    async def ask() -> None:
        for _ in range(ROUNDS):
            await tokens.ended([token.token.id for token in made])

    async def look() -> None:
        for _ in range(LOOKS):
            async with relays.claim_any(_FEEDS[0].name, "", 100):
                pass

    async def read() -> None:
        async with senders(bench.program.url, [SERVICE]) as [sender]:
            for number in range(PAGES):
                await sender.send(b"", f"X-Tenant-ID: {tenants[number]}\r\n", "/v1/incidents?status=resolved", "GET")

    spent = {
        "tally": await bench.of(count(), ROUNDS * TENANTS),
        "token": await bench.of(find(), TENANTS),
        "token_asked": await bench.of(ask(), ROUNDS * TENANTS),
        "token_noted": await bench.of(tokens.note_use({token.token.id: now for token in made}), TENANTS),
        **await _looks(bench, look),
        "page": await bench.served(read(), PAGES),
    }
    # Its relays look as well, which is reckoned by itself.
    looks = (spent["relay_look"] + spent["relay_look_tenant"] * (TENANTS + EXTRA_TENANTS)) * (2 / RELAY_POLL_SECONDS)
    standing = _less(await bench.served(asyncio.sleep(IDLE_SECONDS), IDLE_SECONDS), looks)
    return {
        **spent,
        "standing": _no_less(standing),
        "pruned": await bench.of(_prune(bench), sum(w.alerts for w in WAYS)),
    }


async def _looks(bench: Bench, look: Callable[[], Awaitable[None]]) -> dict[str, Spent]:
    """What a look costs with many tenants more, and how much of that is for each of them."""
    few = await bench.of(look(), LOOKS)
    await bench.owner.execute(
        "INSERT INTO feeds (tenant_id) SELECT 'extra-' || number FROM generate_series(1, $1) AS number", EXTRA_TENANTS
    )
    await look()  # until there is a row for each of them
    await bench.owner.execute("VACUUM ANALYZE")
    each = _no_less(_less(await bench.of(look(), LOOKS), few) * (1 / EXTRA_TENANTS))
    return {"relay_look": _no_less(_less(few, each * TENANTS)), "relay_look_tenant": each}


async def _prune(bench: Bench) -> None:
    """All that is over, as if its time had come."""
    retention = Retention(bench.pool)
    while await retention.prune(datetime.now(UTC) + HOLDS):
        pass


async def _reads(bench: Bench) -> None:
    """What a follower's reader asks."""
    reads = Reads(bench.pool, Policy().severities)
    for number in range(1_000):
        await reads.events_after(f"tenant-{number % TENANTS:05}", 1, 500)


def _parsed_anew() -> float:
    """What labels and annotations cost that are read for the first time, beyond those that are known."""
    alerts = [alert(number, BEGAN, BEGAN) for number in range(10_000)]
    texts = [
        (msgspec.json.encode(told["labels"]), msgspec.json.encode({**told["annotations"], "number": str(number)}))
        for number, told in enumerate(alerts)
    ]

    def read() -> float:
        began = time.process_time()
        for labels, annotations in texts:
            read_label_set(labels, ())
            read_annotations(annotations)
        return time.process_time() - began

    return max(0.0, read() - read()) / len(texts) * 1e6


async def _memory(environ: dict[str, str]) -> Memory:
    """Of a Lookout that sees more and more: tenants, firings, connections, streams."""
    async with lookout(**environ) as program:
        owner = await program.database()
        pool = await database.connect(service_dsn(program.database_url), 1)
        bench = Bench(program, program.data_dir, owner, pool)

        async def sent(way: Way) -> None:
            await bench.sent(way, lambda now: now + HOLDS, 2, way.requests)

        async with AsyncExitStack() as stack:
            process = await _uss(bench, bench.sent(KNOWN, lambda now: now + HOLDS, 2))
            tenants = await _uss(bench, sent(MORE_TENANTS))
            keys = await _uss(bench, sent(MORE_KEYS))
            connections = await _uss(bench, _spoken(bench, stack))
            _follow(bench, stack)
            streams = await _uss(bench, asyncio.sleep(3))
        pool.terminate()
        await owner.close()
    key = (keys - tenants) / MORE_KEYS.alerts
    tenant = max(0.0, (tenants - process) / MORE_TENANTS.requests - key)
    return Memory(process, tenant, (connections - keys) / TENANTS, key, (streams - connections) / STREAMS)


async def _uss(bench: Bench, work: Awaitable[object]) -> int:
    """The memory of Lookout alone after something was done."""
    await work
    return (await bench.meter.memory())[0]


async def _spoken(bench: Bench, stack: AsyncExitStack) -> None:
    """A connection of each tenant, with a token of its own, on which one repeat was sent. They stay open."""
    now = datetime.now(UTC)
    tokens = Tokens(bench.pool)
    made = [await tokens.create(f"tenant-{number:05}", ("ingest",), "bench", now) for number in range(TENANTS)]
    headers = [{"Authorization": f"Bearer {token.text}"} for token in made]
    sending = await stack.enter_async_context(senders(bench.program.url, headers))
    for sender, content in zip(sending, _bodies(KNOWN, now + HOLDS), strict=True):
        await sender.send(content)


async def _flush(owner: asyncpg.Connection) -> float:
    """Milliseconds of the smallest commit."""
    await owner.execute("CREATE TABLE flushed (number integer)")
    times: list[float] = []
    for number in range(100):
        began = time.perf_counter()
        await owner.execute("INSERT INTO flushed VALUES ($1)", number)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def _no_less(spent: Spent) -> Spent:
    return Spent(*(max(0.0, value) for value in msgspec.structs.astuple(spent)))


def main() -> None:
    """Measure, show, and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="write nothing")
    given = parser.parse_args()
    text = msgspec.json.format(msgspec.json.encode(_rounded(msgspec.to_builtins(asyncio.run(measured())))), indent=2)
    Console().print(text.decode())
    if not given.show:
        KINDS.write_bytes(text + b"\n")
        sys.stderr.write(f"written to {KINDS}\n")


def _rounded(value: Any) -> Any:
    """Three figures are more than is known."""
    match value:
        case dict():
            parts = cast("dict[str, Any]", value)
            return {name: _rounded(part) for name, part in parts.items()}
        case float():
            return float(f"{value:.3g}")
        case _:
            return value


if __name__ == "__main__":
    main()
