"""One seed: everything is started, plays its faults, is healed, and is read back."""

import asyncio
import itertools
import shutil
import subprocess
import time
import traceback
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
from tests.kafka.reading import Read
from tests.server_process import empty_place, run_lookout

from faults import acts, checks
from faults.checks import Record, Told
from faults.disk import small_disk
from faults.followers import Seen, digest_of
from faults.ledger import words_of
from faults.schedule import Fault, Step, schedule
from faults.senders import Prometheus, headers_of, keep_sending
from faults.stage import EVENTS_TOPIC, PARTITIONS, TENANTS, TRIGGERS_TOPIC, Stage, stage
from lookout.errors import StartError
from lookout.store.embedded import service_dsn

Say = Callable[[str], None]

DISK_MEBIBYTES, DISK_MEBIBYTES_A_MINUTE = 768, 64
MEMORY_BOUND = 512 << 20
"""Bytes resident, of one Lookout under this load."""
SETTLE_SECONDS = 100
"""How long it may take, after all was healed, until all is told: an incident that flaps tells once a minute."""
READ_SECONDS = 60
SAY_ALL_SECONDS = 300
"""How long it may take to send everything once more, on a machine that has other things to do."""
START_SECONDS = 60
HEALED_SECONDS = 12
"""How long the load goes on over what is healed: Prometheus says everything once more in that time."""
BURST = 15
"""Changes one after another, more than an incident tells at once."""
LOOK = 0.5
STOOD_STILL = 3.0
PAGE = 500


class NotSettled(Exception):
    """Something did not become what it should within its time."""


class Outcome(msgspec.Struct):
    """What came of one seed. `broken` says what does not hold, `left_out` what this machine cannot do."""

    seed: int
    broken: list[str] = msgspec.field(default_factory=list[str])
    left_out: set[str] = msgspec.field(default_factory=set[str])
    faults: Counter[str] = msgspec.field(default_factory=Counter[str])
    requests: int = 0
    alerts: int = 0
    events: int = 0
    peak: int = 0
    """The most bytes that a Lookout had resident."""


async def play(seed: int, seconds: float, logs: Path, say: Say) -> Outcome:
    """Play one seed, with faults for so many seconds. What it said is in `logs` then, with the data if it broke."""
    outcome = Outcome(seed)
    with empty_place() as place:
        (place / "disk").mkdir()
        with small_disk(place / "disk", round(DISK_MEBIBYTES + DISK_MEBIBYTES_A_MINUTE * seconds / 60)) as disk:
            try:
                async with stage(seed, disk, place, logs) as everything:
                    await _play(everything, seed, seconds, outcome, say)
            except StartError:
                raise
            except Exception as error:  # noqa: BLE001 - a seed that is not played to its end is one that broke
                (logs / "error.txt").write_text("".join(traceback.format_exception(error)))
                outcome.broken.append(f"it was not played to its end: {_first_of(error)!r}")
            _keep(disk.place / "postgres", logs, with_data=bool(outcome.broken))
    return outcome


def _first_of(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def _keep(cluster: Path, logs: Path, *, with_data: bool) -> None:
    log = cluster / "server.log"
    if log.exists():
        shutil.copy(log, logs / "postgresql.log")
    if with_data:
        # With their owner: so they can be started where they are kept.
        subprocess.run(["cp", "-a", str(cluster), str(logs / "postgresql")], check=True)


async def _play(everything: Stage, seed: int, seconds: float, outcome: Outcome, say: Say) -> None:
    async with _beside(_read_records(everything), _look(everything, say), *(one.run() for one in everything.followers)):
        await _until(partial(_are_ready, everything), START_SECONDS, "not every Lookout is ready")
        say("all are up")
        outcome.left_out |= set(filter(None, map(everything.cannot, Fault)))
        for reason in sorted(outcome.left_out):
            say(f"LEFT OUT: {reason}")
        stopped = asyncio.Event()
        async with asyncio.TaskGroup() as sending:
            for sender in everything.senders:
                sending.create_task(keep_sending(sender, stopped))
            async with _beside(_move(everything)):
                await _break(everything, schedule(seed, seconds), outcome, say)
                await asyncio.sleep(HEALED_SECONDS)
            stopped.set()
        await _burst(everything)
        say("all is healed; it settles")
        try:
            await _settle(everything, outcome, say)
        except NotSettled as error:
            outcome.broken.append(str(error))
        outcome.broken += await _read_back(everything, outcome)
    outcome.requests, outcome.alerts = everything.traffic.requests, everything.traffic.alerts


async def _burst(everything: Stage) -> None:
    """Let more happen to some incidents than each may tell at once, so that in the end some of it waits to be told."""
    async with asyncio.TaskGroup() as sending:
        for sender in everything.senders:
            if isinstance(sender, Prometheus):
                sending.create_task(sender.burst(BURST))


async def _break(everything: Stage, steps: Sequence[Step], outcome: Outcome, say: Say) -> None:
    """Play the schedule to its end. Should this machine stand still for a while, the rest is played that much later."""
    now = 0.0
    async with asyncio.TaskGroup() as playing:
        for step in steps:
            await asyncio.sleep(step.at - now)
            now = step.at
            if everything.cannot(step.fault) is None:
                outcome.faults[step.fault] += 1
                say(line_of(step))
                playing.create_task(_play_one(everything, step))
    await _until(partial(_are_ready, everything), START_SECONDS, "not every Lookout is ready after all was healed")


async def _play_one(everything: Stage, step: Step) -> None:
    await acts.begin(everything, step)
    await asyncio.sleep(step.seconds)
    await acts.mend(everything, step)


def line_of(step: Step) -> str:
    """A step, for people."""
    amount = f", {step.amount:+g}" if step.amount else ""
    return f"{step.at:7.2f} s  {step.fault} [{step.target + 1}] for {step.seconds:g} s{amount}"


async def _settle(everything: Stage, outcome: Outcome, say: Say) -> None:
    """Nothing new happens. What was answered has to be there; then all is said again, twice, and then all ends."""
    things = list(words_of(everything.worlds))
    await _told(everything)
    outcome.broken += checks.answered(things, await _stored(everything))
    await _say_all(everything)
    await _told(everything)
    outcome.broken += checks.true(things, await _stored(everything))
    say("what fires is said again")
    before = await _positions(everything)
    await _say_all(everything)
    await _told(everything)
    outcome.broken += checks.silent(before, await _positions(everything))
    say("all ends")
    for world in everything.worlds:
        world.end(datetime.now(UTC))
    await _say_all(everything)
    await _told(everything)
    outcome.broken += checks.true(things, await _stored(everything))
    outcome.broken += checks.own(things, await _stored(everything))
    left = await everything.cluster.fetch("SELECT id FROM incidents WHERE status <> 'resolved'")
    outcome.broken += [f"I3: {len(left)} incidents are open, and nothing fires"] if left else []


async def _say_all(everything: Stage) -> None:
    try:
        async with asyncio.timeout(SAY_ALL_SECONDS), asyncio.TaskGroup() as sending:
            for sender in everything.senders:
                sending.create_task(sender.send_all())
    except TimeoutError:
        raise NotSettled(f"I8: not all that is said again is taken within {SAY_ALL_SECONDS} s") from None


async def _told(everything: Stage) -> None:
    """Return once nothing waits to be told, to the followers and to Kafka too."""

    async def nothing_is_postponed() -> bool:
        return not await everything.cluster.fetch("SELECT FROM postponed_alerts LIMIT 1")

    async def kafka_has_all() -> bool:
        return not await everything.cluster.fetch(
            "SELECT FROM feeds LEFT JOIN (SELECT tenant_id, min(position) AS position FROM relays GROUP BY tenant_id) r"
            " USING (tenant_id) WHERE last_position > coalesce(r.position, 0)"
        )

    async def followers_have_all() -> bool:
        positions = await _positions(everything)
        return all(one.position >= positions.get(one.tenant_id, 0) for one in everything.followers)

    await _until(nothing_is_postponed, SETTLE_SECONDS, "I8: what is postponed is not told")
    await _until(followers_have_all, SETTLE_SECONDS, "I4: a follower does not get to the end of the log")
    await _until(kafka_has_all, SETTLE_SECONDS, "I12: Kafka does not get to the end of the log")


async def _read_back(everything: Stage, outcome: Outcome) -> list[str]:
    """Everything, by the surfaces that readers have."""
    logs = {tenant_id: await _log(everything, tenant_id) for tenant_id in TENANTS}
    outcome.events = sum(map(len, logs.values()))
    opened = {
        tenant_id: [told for told in log if told.seen.event_type == "incident_opened"]
        for tenant_id, log in logs.items()
    }
    with suppress(NotSettled):  # what is missing is said below
        wanted = {EVENTS_TOPIC: outcome.events, TRIGGERS_TOPIC: sum(map(len, opened.values()))}
        await _until(partial(_has_come, everything, wanted), READ_SECONDS, "not every event came from Kafka")
    peaks = {one.name: one.peak for one in everything.replicas}
    outcome.peak = max(peaks.values())
    return [
        *checks.gapless(logs),
        *checks.one_open(logs),
        *checks.isolated(logs),
        *(line for one in everything.followers for line in checks.followed(one.name, one.seen, logs[one.tenant_id])),
        *checks.relayed(EVENTS_TOPIC, _partitions(everything, EVENTS_TOPIC), logs),
        *checks.relayed(TRIGGERS_TOPIC, _partitions(everything, TRIGGERS_TOPIC), opened),
        *checks.bounded(peaks, MEMORY_BOUND),
        *await _fold(everything),
        *everything.traffic.faults[: checks.SHOWN],
        *(fault for one in (*everything.replicas, *everything.followers) for fault in one.faults[: checks.SHOWN]),
    ]


async def _has_come(everything: Stage, wanted: Mapping[str, int]) -> bool:
    """Whether the consumer has as many of each topic as there are: the broker had them all before."""
    came = {(record.topic, record.headers["event_id"]) for record in everything.reader.records}
    counts = Counter(topic for topic, _ in came)
    return all(counts[topic] >= events for topic, events in wanted.items())


async def _fold(everything: Stage) -> list[str]:
    """I5, by the command that operators have."""
    with empty_place() as place:
        environ = {"DATABASE_URL": service_dsn(everything.cluster.dsn), "LOOKOUT_DATA_DIR": str(place)}
        code, stdout, stderr = await run_lookout("rebuild", **environ)
    return [] if code == 0 else [f"I5: lookout rebuild says: {(stdout + stderr)[-1000:]}"]


async def _log(everything: Stage, tenant_id: str) -> list[Told]:
    """A tenant's whole log, by pages of the JSON feed, each over another replica."""
    log: list[Told] = []
    async with httpx.AsyncClient(headers=headers_of(tenant_id), timeout=60, verify=False) as http:
        for way in itertools.cycle(everything.to_lookout):
            query = {"after": len(log), "first": PAGE}
            answer = await http.get(f"http://127.0.0.1:{way.port}/v1/feed", params=query)
            events = msgspec.json.decode(answer.raise_for_status().content, type=_Page).events
            log += map(_told_of, events)
            if not events:
                return log
    raise AssertionError("unreachable")


class _Page(msgspec.Struct, frozen=True):
    events: list[msgspec.Raw]


class _Incident(msgspec.Struct, frozen=True):
    id: str
    dedup_key: str
    status: str


class _Event(msgspec.Struct, frozen=True):
    position: int
    event_id: str
    event_type: str
    tenant_id: str
    incident: _Incident


def _told_of(raw: msgspec.Raw) -> Told:
    event, incident = (it := msgspec.json.decode(raw, type=_Event)), it.incident
    seen = Seen(event.position, event.event_id, event.event_type, digest_of(bytes(raw)))
    names = frozenset(tenant_id for tenant_id in TENANTS if tenant_id.encode() in bytes(raw))
    return Told(seen, event.tenant_id, incident.id, incident.dedup_key, incident.status, names)


def _partitions(everything: Stage, topic: str) -> list[list[Record]]:
    partitions: list[list[Record]] = [[] for _ in range(PARTITIONS)]
    for record in everything.reader.records:
        if record.topic == topic:
            partitions[record.partition].append(_record_of(record))
    return partitions


def _record_of(read: Read) -> Record:
    value = read.value
    position = value["position"] if read.topic == TRIGGERS_TOPIC else value["data"]["event"]["position"]
    return Record(read.headers["tenant_id"], read.headers["event_id"], read.key, position)


async def _stored(everything: Stage) -> dict[tuple[str, str], str]:
    rows = await everything.cluster.fetch("SELECT tenant_id, fingerprint, status FROM alerts")
    return {(row["tenant_id"], row["fingerprint"]): row["status"] for row in rows}


async def _positions(everything: Stage) -> dict[str, int]:
    rows = await everything.cluster.fetch("SELECT tenant_id, last_position FROM feeds")
    return {row["tenant_id"]: row["last_position"] for row in rows}


async def _are_ready(everything: Stage) -> bool:
    async with httpx.AsyncClient(timeout=5, verify=False) as http:
        try:
            answers = [await http.get(f"http://127.0.0.1:{way.port}/ready") for way in everything.to_lookout]
        except httpx.HTTPError:
            return False
    return all(answer.is_success for answer in answers)


async def _until(is_so: Callable[[], Awaitable[bool]], seconds: float, otherwise: str) -> None:
    """Return once it is so. Raises `NotSettled`. Time in which the machine itself stands still does not count."""
    for _ in range(round(seconds / LOOK)):
        if await is_so():
            return
        await asyncio.sleep(LOOK)
    raise NotSettled(f"{otherwise} within {seconds:g} s")


async def _move(everything: Stage) -> None:
    """Let things begin and end, in all worlds. For ever."""
    while True:
        for world in everything.worlds:
            world.move(datetime.now(UTC), world.per_second)
        await asyncio.sleep(1)


async def _read_records(everything: Stage) -> None:
    """Read what Kafka has, as it comes: a broker may not keep all of it. For ever."""
    while True:
        await everything.reader.read_on(1.0)


async def _look(everything: Stage, say: Say) -> None:
    """See how much memory each has, and whether the harness itself gets its turns. For ever."""
    while True:
        for one in everything.replicas:
            one.look()
        before = time.monotonic()
        await asyncio.sleep(LOOK)
        if (late := time.monotonic() - before - LOOK) > STOOD_STILL:
            say(f"           (the harness itself stood still for {late:.0f} s)")


@asynccontextmanager
async def _beside(*work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """All of this goes on until the block ends. Whatever of it fails ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
