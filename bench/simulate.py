"""Plays a load of many tenants, a hundredth of 100,000 unless told otherwise, and compares with the arithmetic.

    python -m bench.simulate                                 # 1,000 tenants, 10,000 active alerts: three minutes
    python -m bench.simulate --tenants 10000 --alerts 100000
    python -m bench.simulate --processes 2 --twins 2         # two Lookouts, pairs of Prometheis

PostgreSQL and Lookout are started; each tenant has a token and a connection of its own. All begin to fire; then the
load goes on at real pace for one interval, so that all is as in the long run; then it is measured. Beside each figure
stands what `bench/arithmetic.py` says of the same load, and the ratio; where they differ by more than `--factor` a line
says so, and the exit code is 1. Last, while the load goes on, a tenant measures its time from POST to SSE.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import asyncpg
import msgspec
from rich.console import Console
from rich.table import Table
from tests.kafka.brokers import mock_broker
from tests.server_process import empty_place

from bench.arithmetic import RELAY_FEEDS, RELAY_POLL_SECONDS, Needs, needs, relay_looks
from bench.comparison import SIMULATED, Comparison, Line
from bench.figure import percentile
from bench.machine import busy, machine
from bench.meter import Meter
from bench.players import HOLDS, Players
from bench.programs import Program, lookout
from bench.quantities import KINDS, Costs, Load, Spent, costs
from bench.senders import Sender, senders, stream
from bench.tenants import MAKES_TENANTS, SECRET, Quiet
from lookout.kafka import INCIDENTS_TOPIC, SERVICE_EVENTS_TOPIC
from lookout.store import database
from lookout.store.embedded import service_dsn
from lookout.store.tokens import Tokens

IDLE_SECONDS = 10.0
PROBE_SECONDS = 20.0
PROBE_EVERY = 0.5
SECRETS = {"SERVICE_TOKEN": SECRET, "LOOKOUT_INGEST_RATE": "100000"}


class Reading(msgspec.Struct, frozen=True):
    """What was spent up to a moment, all processes together."""

    spent: Spent
    commits: float
    alerts: float
    events: int
    records: float
    bytes_on_disk: int
    at: float


class Stage:
    """The processes that are measured, and their database."""

    def __init__(self, programs: Sequence[Program], data_dir: Path, owner: asyncpg.Connection) -> None:
        self.programs = programs
        self.data_dir = data_dir
        self.owner = owner
        self._meters = [Meter(program, data_dir, owner, SECRET) for program in programs]

    async def reading(self) -> Reading:
        """Now. PostgreSQL is asked once."""
        spent = [await meter.spent() for meter in self._meters]
        counted = [await meter.counted() for meter in self._meters]
        commits, alerts, records = (sum(values) for values in zip(*counted, strict=True))
        return Reading(
            spent=Spent(sum(one.lookout_us for one in spent), spent[-1].postgres_us, spent[-1].wal_bytes),
            commits=commits,
            alerts=alerts,
            events=await self.owner.fetchval("SELECT coalesce(sum(last_position), 0)::bigint FROM feeds"),
            records=records,
            bytes_on_disk=await self.owner.fetchval("SELECT pg_database_size(current_database())"),
            at=asyncio.get_running_loop().time(),
        )

    async def memory(self) -> tuple[float, float]:
        """Bytes of the largest Lookout, and of PostgreSQL."""
        sizes = [await meter.memory() for meter in self._meters]
        return max(own for own, _ in sizes), sizes[0][1]


@asynccontextmanager
async def staged(load: Load, processes: int) -> AsyncGenerator[Stage]:
    """So many Lookouts on one database, and a broker if there is one."""
    async with AsyncExitStack() as stack:
        place = stack.enter_context(empty_place())
        config = place / "lookout.yaml"
        config.write_text(f"{MAKES_TENANTS}policy:\n  resend_delay: {load.resend_seconds:.0f}s\n")
        environ = {**SECRETS, "LOOKOUT_CONFIG": str(config)}
        if load.has_kafka:
            broker = await stack.enter_async_context(mock_broker())
            for topic in (INCIDENTS_TOPIC, SERVICE_EVENTS_TOPIC):
                await broker.create(topic, 3)
            environ["KAFKA_BROKERS"] = broker.address
        first = await stack.enter_async_context(lookout(**environ))
        owner = await first.database()
        stack.push_async_callback(owner.close)
        environ["DATABASE_URL"] = service_dsn(first.database_url)
        others = [await stack.enter_async_context(lookout(**environ)) for _ in range(processes - 1)]
        yield Stage([first, *others], first.data_dir, owner)


async def tokens_of(stage: Stage, count: int) -> list[str]:
    """A token of each of so many tenants, made as `lookout token create` does."""
    pool = await database.connect(service_dsn(stage.programs[0].database_url), 4)
    tokens, now = Tokens(pool), datetime.now(UTC)
    left = iter(range(count))
    made: dict[int, str] = {}

    async def some() -> None:
        for number in left:
            fresh = await tokens.create(f"tenant-{number:05}", ("ingest", "read"), "simulated", now)
            made[number] = fresh.text

    await asyncio.gather(*(some() for _ in range(4)))
    pool.terminate()
    return [made[number] for number in range(count)]


class Played(msgspec.Struct, frozen=True):
    """What was measured of each stage. `began` are the alerts that began with it, and
    `ended` those of them that ended."""

    began: int
    ended: int
    fill_requests: int
    fill: tuple[Reading, Reading]
    idle: tuple[Reading, Reading]
    play: tuple[Reading, Reading]
    play_requests: int
    memory: tuple[float, float]
    lease_bytes: int
    latencies: Sequence[float]
    refused: int
    late_seconds: float


async def played(load: Load, processes: int, seconds: float) -> Played:
    """Fill, wait, play and measure, all on this machine."""
    async with staged(load, processes) as stage, AsyncExitStack() as stack:
        tell("tokens ...")
        tokens = await tokens_of(stage, load.tenants)
        urls = [stage.programs[number % processes].url for number in range(load.tenants)]
        twins = [
            [Sender(url, bearer(token)) for _ in range(load.twins)] for url, token in zip(urls, tokens, strict=True)
        ]
        for sender in (sender for some in twins for sender in some):
            stack.callback(sender.close)
        players = Players(load, twins)
        tell("all begin to fire ...")
        before = await stage.reading()
        began, ended = await players.fill()
        fill, fill_requests = (before, await stage.reading()), players.requests
        await stage.owner.execute("VACUUM ANALYZE")
        tell(f"{IDLE_SECONDS:.0f} s in which nothing is sent ...")
        idle = await _between(stage, IDLE_SECONDS)
        for number in range(load.streams):
            place = number % load.tenants
            stack.enter_context(stream(urls[place], bearer(tokens[place])))
        stop = asyncio.Event()
        playing = [
            asyncio.create_task(players.play(stop)),
            asyncio.create_task(_read_pages(load.pages_per_second, urls, tokens, stop)),
        ]
        tell(f"played for {load.resend_seconds:.0f} s ...")
        await _wait(load.resend_seconds, playing)
        await stage.owner.execute("CHECKPOINT")
        tell(f"measured for {seconds:.0f} s ...")
        requests = players.requests
        before = await stage.reading()
        await _wait(seconds, playing)
        play, requests = (before, await stage.reading()), players.requests - requests
        memory = await stage.memory()
        tell("from POST to SSE ...")
        latencies = await _probed(stage.programs[-1].url)
        stop.set()
        await asyncio.gather(*playing)
        return Played(
            began=began,
            ended=ended,
            fill_requests=fill_requests,
            fill=fill,
            idle=idle,
            play=play,
            play_requests=requests,
            memory=memory,
            lease_bytes=await stage.owner.fetchval("SELECT pg_total_relation_size('leases')"),
            latencies=latencies,
            refused=players.refused,
            late_seconds=players.late_seconds,
        )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def tell(text: str) -> None:
    """What goes on, while it does."""
    sys.stderr.write(f"{text}\n")


async def _between(stage: Stage, seconds: float) -> tuple[Reading, Reading]:
    before = await stage.reading()
    await asyncio.sleep(seconds)
    return before, await stage.reading()


async def _wait(seconds: float, playing: Sequence[asyncio.Task[None]]) -> None:
    """So long, or until one of those that play fails."""
    done, _ = await asyncio.wait(playing, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()


async def _read_pages(rate: float, urls: Sequence[str], tokens: Sequence[str], stop: asyncio.Event) -> None:
    """One tenant after the other reads the list of its open incidents."""
    if not rate:
        return
    began = asyncio.get_running_loop().time()
    for number in count():
        await asyncio.sleep(max(0.0, began + number / rate - asyncio.get_running_loop().time()))
        if stop.is_set():
            return
        place = number * 7919 % len(tokens)
        async with senders(urls[place], [bearer(tokens[place])]) as [reader]:
            await reader.send(b"", path="/v1/incidents?status=open", method="GET")


async def _probed(url: str) -> list[float]:
    """Seconds from POST to SSE of a tenant of its own, sorted."""
    quiet = Quiet(url, PROBE_EVERY)
    following = asyncio.create_task(quiet.run())
    await quiet.measure(2 * PROBE_EVERY)
    times = await quiet.measure(PROBE_SECONDS)
    following.cancel()
    await asyncio.wait([following])
    return times


def compared(where: str, load: Load, processes: int, seconds: float, played: Played, known: Costs) -> Comparison:
    """What was measured beside what is predicted, by stage."""
    known = msgspec.structs.replace(known, pruned=Spent())  # nothing is that old
    predicted = needs(load, known, processes, checkpoint_seconds=seconds)
    stages = {
        "all begin to fire": _filled(load, played, known),
        "nothing is sent": _idle(load, processes, played, known),
        "at real pace": _at_pace(load, predicted, played),
    }
    return Comparison(where, load, processes, seconds, stages)


def _filled(load: Load, played: Played, known: Costs) -> list[Line]:
    """The alerts all at once, by requests of a group each."""
    grown = _grown(*played.fill)
    begins = round(load.active_alerts / load.alerts_per_request)
    ends = played.fill_requests / load.twins - begins
    others = (played.began + played.ended) * (load.twins - 1)
    predicted = (
        known.start.request * begins
        + known.start.alert * played.began
        + known.end.request * ends
        + known.end.alert * played.ended
        + known.unknown_repeat.alert * others
        + known.start.commit * grown.commits
        + known.first_event * load.tenants
        + known.token * min(load.tenants, played.fill_requests)
        + known.relayed * (grown.events * load.has_kafka)
    )
    events = played.began + played.ended
    return [
        Line("alerts that begin", "/s", played.began / grown.at),
        Line("events", "", grown.events, events),
        Line("alerts in a commit", "", grown.alerts / grown.commits),
        Line("Lookout, an event", "us", grown.spent.lookout_us / events, predicted.lookout_us / events),
        Line("PostgreSQL, an event", "us", grown.spent.postgres_us / events, predicted.postgres_us / events),
        Line("WAL, an event", "bytes", grown.spent.wal_bytes / events, predicted.wal_bytes / events),
        Line("disk, an event", "bytes", grown.bytes_on_disk / events),
    ]


def _idle(load: Load, processes: int, played: Played, known: Costs) -> list[Line]:
    grown = _grown(*played.idle)
    looks = RELAY_FEEDS * processes / RELAY_POLL_SECONDS * load.has_kafka
    predicted = known.standing * processes + relay_looks(load, known, looks)
    return [
        Line("Lookout", "ms/s", grown.spent.lookout_us / grown.at / 1000, predicted.lookout_us / 1000),
        Line("PostgreSQL", "ms/s", grown.spent.postgres_us / grown.at / 1000, predicted.postgres_us / 1000),
    ]


def _at_pace(load: Load, predicted: Needs, played: Played) -> list[Line]:
    grown = _grown(*played.play)
    seconds = grown.at
    own, postgres = played.memory
    return [
        Line("requests with alerts", "/s", played.play_requests / seconds, load.requests),
        Line("events", "/s", grown.events / seconds, load.events),
        Line("records to Kafka", "/s", grown.records / seconds, predicted.kafka_records),
        Line("commits", "/s", grown.commits / seconds, predicted.commits),
        Line("Lookout", "ms/s", grown.spent.lookout_us / seconds / 1000, predicted.lookout_cores * 1000),
        Line("PostgreSQL", "ms/s", grown.spent.postgres_us / seconds / 1000, predicted.postgres_cores * 1000),
        Line("WAL", "kB/s", grown.spent.wal_bytes / seconds / 1000, predicted.wal_bytes / 1000),
        Line("memory of a Lookout", "MB", own / 1e6, predicted.memory / 1e6),
        Line("memory of PostgreSQL", "MB", postgres / 1e6),
        Line("leases on the disk", "MB", played.lease_bytes / 1e6, predicted.lease_bytes / 1e6),
        Line("from POST to SSE, median", "ms", percentile(played.latencies, 0.5) * 1000),
        Line("from POST to SSE, p99", "ms", percentile(played.latencies, 0.99) * 1000),
        Line("requests refused", "", played.refused),
        Line("the senders were late by", "s", played.late_seconds),
    ]


def _grown(before: Reading, after: Reading) -> Reading:
    """What came between; `at` is how many seconds."""
    return Reading(
        after.spent + before.spent * -1,
        after.commits - before.commits,
        after.alerts - before.alerts,
        after.events - before.events,
        after.records - before.records,
        after.bytes_on_disk - before.bytes_on_disk,
        after.at - before.at,
    )


def show(stages: Mapping[str, Sequence[Line]], factor: float) -> bool:
    """The tables, on the terminal. Whether measured and predicted agree."""
    console, agree = Console(), True
    for stage, lines in stages.items():
        table = Table("", "unit", "measured", "arithmetic", "ratio", title=stage, title_justify="left")
        for line in lines:
            predicted = "" if line.predicted is None else f"{line.predicted:,.5g}"
            ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
            style = "bold red" if line.is_off(factor) else ""
            table.add_row(line.what, line.unit, f"{line.measured:,.5g}", predicted, ratio, style=style)
        console.print(table)
    for stage, lines in stages.items():
        for line in lines:
            if line.is_off(factor):
                agree = False
                console.print(f"OFF: {line.what} ({stage}) is {line.ratio:.2f} times what the arithmetic says")
    return agree


def main() -> None:
    """Play, compare, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = Load().scaled(1 / 100)
    parser.add_argument("--tenants", type=int, default=usual.tenants)
    parser.add_argument("--alerts", type=int, default=usual.active_alerts, help="that fire")
    parser.add_argument("--twins", type=int, default=usual.twins, help="senders of each alert")
    parser.add_argument("--resend", type=float, default=usual.resend_seconds, help="seconds between two repeats")
    parser.add_argument("--per-request", type=float, default=usual.alerts_per_request, help="alerts of a request")
    parser.add_argument("--firing-hours", type=float, default=usual.firing_hours, help="how long an alert fires")
    parser.add_argument("--streams", type=int, default=usual.streams, help="open streams, each of another tenant")
    parser.add_argument("--pages", type=float, default=usual.pages_per_second, help="pages read each second")
    parser.add_argument("--no-kafka", action="store_true")
    parser.add_argument("--processes", type=int, default=1, help="Lookouts on one database")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it is measured")
    parser.add_argument("--factor", type=float, default=1.5, help="by how much measured and predicted may differ")
    parser.add_argument("--costs", type=Path, default=KINDS, help="what one of each kind costs")
    parser.add_argument("--write", action="store_true", help=f"keep it in {SIMULATED.name}, for docs/scaling.md")
    given = parser.parse_args()
    load = Load(
        tenants=given.tenants,
        active_alerts=given.alerts,
        twins=given.twins,
        resend_seconds=given.resend,
        lease_seconds=(HOLDS + 1) * given.resend,
        firing_hours=given.firing_hours,
        alerts_per_request=given.per_request,
        streams=given.streams,
        pages_per_second=given.pages,
        has_kafka=not given.no_kafka,
    )
    known = costs(given.costs)
    where = f"{machine()}, {datetime.now(UTC):%Y-%m-%d}, {busy()}"
    seen = asyncio.run(played(load, given.processes, given.seconds))
    comparison = compared(where, load, given.processes, given.seconds, seen, known)
    comparison = msgspec.structs.replace(comparison, factor=given.factor)
    if given.write:
        SIMULATED.write_bytes(msgspec.json.format(msgspec.json.encode(comparison), indent=1) + b"\n")
    sys.exit(not show(comparison.stages, given.factor))


if __name__ == "__main__":
    main()
