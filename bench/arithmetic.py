"""What a load needs: processors, processes, connections, memory, disk, Kafka, and which of them is short first.

Pure: numbers in, numbers out. `docs/scaling.md` has the tables, and `python -m bench.simulate` compares with a load
that is played.
"""

import math
from collections.abc import Callable, Iterable

import msgspec

from bench.quantities import TOKEN_SECONDS, Costs, Load, Spent, Work, any_of, distinct

DAY = 86_400
TOKEN_NOTED_SECONDS = 60.0
"""How often it is noted when it was used."""
RELAY_POLL_SECONDS = 5.0
RELAY_FEEDS = 2
CHECKPOINT_SECONDS = 300.0
"""PostgreSQL's default: the first change of a page after a checkpoint writes the page whole."""
PACKED = 0.5
"""What is left of such a page with `wal_compression`."""
HEADROOM = 0.5
"""The part of a processor that a steady load may take: the other is for storms."""
PAGE_BYTES = 8192
ROUNDS = 200
LARGEST_BATCH = 4_000.0
"""Requests of a commit beyond which no more is borne."""
MOST_PROCESSES = 1_000

# Bounds of one process, docs/operations.md.
CONNECTIONS_LIMIT = 10_000
REPEATS_LIMIT = 200_000
LABEL_SETS_LIMIT = 16_384
STREAMS_LIMIT = 5_000
TOKENS_LIMIT = 20_000
DATABASE_CONNECTIONS = 17
KAFKA_DATABASE_CONNECTIONS = 4


class Part(msgspec.Struct, frozen=True):
    """What one kind of work costs each second, all processes together."""

    what: str
    per_second: float
    spent: Spent


class Saturation(msgspec.Struct, frozen=True):
    """How much of a load one resource bears: `part` is 1 for all of it, and beyond 1 for more. And what moves that."""

    resource: str
    part: float
    knob: str


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a load needs of `processes` that share it. Bytes a second where nothing else is said."""

    processes: int
    parts: tuple[Part, ...]
    commits: float
    requests_in_commit: float
    is_stable: bool
    known: float
    """The part of the repeats that is renewed without being decided."""
    database_connections: int
    memory: float
    """Bytes of each process."""
    full_pages: float
    """WAL for pages that are written whole."""
    lease_bytes: float
    bytes_a_day: float
    kafka_records: float
    kafka_bytes: float

    @property
    def spent(self) -> Spent:
        """In a second, all together."""
        return _sum(part.spent for part in self.parts)

    @property
    def lookout_cores(self) -> float:
        """Of all processes."""
        return self.spent.lookout_us / 1e6

    @property
    def postgres_cores(self) -> float:
        """Of the one database."""
        return self.spent.postgres_us / 1e6

    @property
    def wal_bytes(self) -> float:
        """All of it."""
        return self.spent.wal_bytes + self.full_pages


def needs(
    load: Load, costs: Costs, processes: int, *, is_spread: bool = False, checkpoint_seconds: float = CHECKPOINT_SECONDS
) -> Needs:
    """What `load` needs of so many processes.

    Each tenant's senders go to one process, always the same. `is_spread`: any request goes to any of them, so each
    process sees all firings.
    """
    share = 1 if is_spread else processes
    known = recognised(load.keys / share, REPEATS_LIMIT)
    parsed = 0.0 if load.keys <= LABEL_SETS_LIMIT * share else load.repeats
    alerts = [*_alerts(load, costs, known), Part("label sets parsed anew", parsed, costs.parsed_anew * parsed)]
    commits = _commits(load, costs, processes, known, _sum(part.spent for part in alerts))
    parts = [*alerts, *commits.parts, *_beside(load, costs, processes, is_spread=is_spread)]
    leases = load.keys * costs.disk.lease
    memory = costs.memory
    return Needs(
        processes=processes,
        parts=tuple(part for part in parts if part.per_second),
        commits=commits.per_second,
        requests_in_commit=commits.requests,
        is_stable=commits.is_stable,
        known=known,
        database_connections=processes * (DATABASE_CONNECTIONS + KAFKA_DATABASE_CONNECTIONS * load.has_kafka),
        memory=memory.process
        + memory.tenant * load.tenants / share
        + memory.connection * load.connections / processes
        + memory.key * min(load.keys / share, REPEATS_LIMIT)
        + memory.stream * load.streams / processes,
        full_pages=min(leases / checkpoint_seconds, load.repeats * PAGE_BYTES) * PACKED,
        lease_bytes=leases,
        bytes_a_day=load.starts * DAY * costs.disk.episode + load.tenants * 24 * costs.disk.tally,
        kafka_records=(load.events + load.starts) * load.has_kafka,
        kafka_bytes=(load.events * costs.disk.service_event + load.starts * costs.disk.trigger) * load.has_kafka,
    )


def _alerts(load: Load, costs: Costs, known: float) -> list[Part]:
    """What requests and alerts cost, without the commits."""
    renewed, decided = load.repeats * known, load.repeats * (1 - known)
    others = load.starts * (load.twins - 1)  # each further sender of an alert tells its begin and its end as well
    ends_carriers = load.carriers * any_of(load.ended_again / load.carriers)
    dearer = _beyond(costs.ended_again.request, costs.repeat.request)
    return [
        Part("requests that repeat", load.carriers, costs.repeat.request * load.carriers),
        Part("repeats renewed", renewed, costs.repeat.alert * renewed),
        Part("repeats decided", decided, costs.unknown_repeat.alert * decided),
        Part("begins", load.starts, _alone(costs.start) * load.starts),
        Part("ends", load.starts, _alone(costs.end) * load.starts),
        Part("begins and ends by twins", others, (_alone(costs.unknown_repeat) + _alone(costs.ended_again)) * others),
        Part("ends told again", load.ended_again, costs.ended_again.alert * load.ended_again),
        Part("requests with one of these", ends_carriers, dearer * ends_carriers),
    ]


def recognised(firings: float, limit: int) -> float:
    """The part of the repeats that a process recognises, if it sees so many firings in turn and remembers `limit`.

    Each that it does not recognise is remembered in place of any other. So one is still known at its next turn if none
    of those that were not recognised meanwhile took its place.
    """
    part = 1.0 if firings <= limit else 0.0
    for _ in range(ROUNDS):
        part = math.exp(-max(0.0, firings / limit) * (1 - part))
    return part


class _Commits(msgspec.Struct, frozen=True):
    per_second: float
    requests: float
    is_stable: bool
    parts: tuple[Part, ...]


def _commits(load: Load, costs: Costs, processes: int, known: float, alerts: Spent) -> _Commits:
    """How many commits, and how large: each takes what gathered during the last one.

    With few requests each is a commit of its own. With many a commit takes as many as come while it lasts, which is a
    fixed time and some for each of them.
    """
    rate = load.requests / processes
    renews = load.carriers / load.requests * _any_in(known, load.alerts_per_request)
    only_renews = known**load.alerts_per_request * (1 - any_of(load.ended_again / load.carriers))
    decides = 1 - load.carriers / load.requests * only_renews
    each = (alerts.lookout_us + alerts.postgres_us) / 1e6 / load.requests
    renewal, decision = (_seconds(work.commit) + costs.flush_ms / 1000 for work in (costs.repeat, costs.start))
    batch = 1.0
    for _ in range(ROUNDS):
        lasts = _any_in(renews, batch) * renewal + _any_in(decides, batch) * decision + batch * each
        batch = min(max(1.0, rate * lasts), LARGEST_BATCH)
    commits = load.requests / batch
    renewing, deciding = commits * _any_in(renews, batch), commits * _any_in(decides, batch)
    parts = (
        Part("commits that renew", renewing, costs.repeat.commit * renewing),
        Part("commits that decide", deciding, costs.start.commit * deciding),
    )
    return _Commits(commits, batch, batch < LARGEST_BATCH, parts)


def _beside(load: Load, costs: Costs, processes: int, *, is_spread: bool) -> list[Part]:
    """What else goes on."""
    noted = distinct(load.tenants * load.twins, load.requests, TOKEN_NOTED_SECONDS)
    are_known = load.tokens <= TOKENS_LIMIT * (1 if is_spread else processes)
    looked_up = 0.0 if are_known else load.tokens_used
    asked = load.tokens * (processes if is_spread else 1) / TOKEN_SECONDS if are_known else 0.0
    checks = load.keys / load.lease_seconds
    delivered = load.events * min(1.0, load.streams / load.tenants)
    looks = RELAY_FEEDS * processes / RELAY_POLL_SECONDS
    relay = [
        Part("events relayed, by two feeds", load.events, costs.relayed * load.events),
        Part("looks of relays at all tenants", looks, relay_looks(load, costs, looks)),
    ]
    return [
        Part("tokens looked up", looked_up, costs.token * looked_up),
        Part("tokens asked about together", asked, costs.token_asked * asked),
        Part("tokens noted as used", noted, costs.token_noted * noted),
        Part("tenants counted", load.speaking, costs.tally * load.speaking),
        Part("leases looked at", checks, costs.check * checks),
        Part("streams looked after", load.streams, costs.followed * load.streams),
        Part("events to streams", delivered, costs.delivered * delivered),
        Part("pages read", load.pages_per_second, costs.page * load.pages_per_second),
        *(relay if load.has_kafka else ()),
        Part("alerts forgotten after the retention", load.starts, costs.pruned * load.starts),
        Part("processes with nothing to do", processes, costs.standing * processes),
    ]


def relay_looks(load: Load, costs: Costs, looks: float) -> Spent:
    """So many looks at all tenants."""
    return (costs.relay_look + costs.relay_look_tenant * load.tenants) * looks


def processes_for(load: Load, costs: Costs) -> int:
    """The fewest processes that bear it with their bounds and the headroom kept, each tenant at one of them."""
    for processes in range(1, MOST_PROCESSES + 1):
        needed = needs(load, costs, processes)
        if (
            needed.is_stable
            and needed.lookout_cores / processes <= HEADROOM
            and load.keys <= REPEATS_LIMIT * processes
            and load.connections <= CONNECTIONS_LIMIT * processes
            and load.streams <= STREAMS_LIMIT * processes
        ):
            return processes
    raise ValueError(f"more than {MOST_PROCESSES} processes")


def saturations(load: Load, costs: Costs, postgres_cores: int) -> list[Saturation]:
    """What one process, and a database of so many cores, bear of the load: the first is what is short first."""
    found = [
        Saturation(
            "connections of one process",
            CONNECTIONS_LIMIT / load.connections,
            "more processes; or a proxy in front that keeps few connections to Lookout for many senders",
        ),
        Saturation(
            "firings that one process knows",
            REPEATS_LIMIT / load.keys,
            "more processes, and a balancer that leads a sender always to the same one",
        ),
        Saturation(
            "tokens that one process remembers",
            TOKENS_LIMIT / load.tokens,
            "more processes, as above; a sender for many tenants, which has one token",
        ),
        Saturation("streams of one process", STREAMS_LIMIT / load.streams, "more processes"),
        Saturation(
            "the core of one process",
            _part_borne(lambda part: needs(load.scaled(part), costs, 1).lookout_cores <= HEADROOM),
            "more processes; fewer and larger requests (rule groups with more rules, a shared Alertmanager)",
        ),
        Saturation(
            f"{postgres_cores} cores of PostgreSQL",
            _part_borne(lambda part: _postgres_cores(load.scaled(part), costs) <= HEADROOM * postgres_cores),
            "more cores; a longer resend interval (`--rules.alert.resend-delay`, `policy.resend_delay`); an "
            "Alertmanager between, which repeats every four hours; a second Lookout with a database of its own for "
            "half of the tenants",
        ),
    ]
    return sorted(found, key=lambda saturation: saturation.part)


def _postgres_cores(load: Load, costs: Costs) -> float:
    return needs(load, costs, processes_for(load, costs)).postgres_cores


def _part_borne(bears: Callable[[float], bool]) -> float:
    """The largest part of a load that is borne, from a thousandth to sixteen times, within a hundredth."""
    low, high = 0.001, 16.0
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if bears(middle) else (low, middle)
    return low


def _alone(work: Work) -> Spent:
    """An alert in a request of its own, without its part of a commit."""
    return work.request + work.alert


def _beyond(more: Spent, less: Spent) -> Spent:
    return Spent(*(max(0.0, value - base) for value, base in zip(_values(more), _values(less), strict=True)))


def _values(spent: Spent) -> tuple[float, float, float]:
    return spent.lookout_us, spent.postgres_us, spent.wal_bytes


def _sum(spent: Iterable[Spent]) -> Spent:
    return sum(spent, Spent())


def _seconds(spent: Spent) -> float:
    return (spent.lookout_us + spent.postgres_us) / 1e6


def _any_in(part: float, count: float) -> float:
    """How likely one of `count` is of the kind that is this part of all."""
    return 1 - (1 - part) ** count
