"""What the arithmetic is about: a load, and what one of each kind of work costs.

What was measured stands in `bench/kinds.json` and nowhere else: `python -m bench.kinds` measures and writes it.
All times are seconds unless the name says otherwise; `_us` are microseconds of a processor.
"""

import math
from pathlib import Path

import msgspec

KINDS = Path(__file__).with_name("kinds.json")
TALLY_SECONDS = 5.0
"""How often what was received is counted in the table, a row for each tenant that spoke."""
TOKEN_SECONDS = 3.0
"""How long a token counts as it was found."""
KEPT_OPEN_SECONDS = 300.0
"""How long Prometheus and Alertmanager keep a connection that they do not use."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What comes, all tenants together.

    `twins` are senders of each alert (2: a pair of Prometheis), `resend_seconds` how often each repeats what fires,
    `lease_seconds` how long that holds, `end_repeats` how often each tells an end again. `firing_hours` is how long an
    alert fires, so what begins and ends each second follows from what is active. Each alert is an incident of its own,
    the dearest case: of those that begin together in one group the others cost a part.
    """

    tenants: int = 100_000
    active_alerts: int = 1_000_000
    twins: int = 1
    resend_seconds: float = 60
    lease_seconds: float = 300
    end_repeats: int = 15
    firing_hours: float = 4
    alerts_per_request: float = 5
    streams: int = 2_000
    pages_per_second: float = 50
    retention_days: int = 400
    has_kafka: bool = True

    def scaled(self, part: float) -> "Load":
        """The same, smaller: so many tenants less, each as before."""
        return msgspec.structs.replace(
            self,
            tenants=round(self.tenants * part),
            active_alerts=round(self.active_alerts * part),
            streams=round(self.streams * part),
            pages_per_second=self.pages_per_second * part,
        )

    @property
    def keys(self) -> int:
        """What fires, as often as it is told: each sender's word is a lease."""
        return self.active_alerts * self.twins

    @property
    def repeats(self) -> float:
        """Alerts a second that are told again while they fire."""
        return self.keys / self.resend_seconds

    @property
    def starts(self) -> float:
        """Alerts a second that begin, and as many end."""
        return self.active_alerts / (self.firing_hours * 3600)

    @property
    def ended_again(self) -> float:
        """Alerts a second that are told again after their end, in requests with what fires."""
        return self.starts * self.twins * self.end_repeats

    @property
    def carriers(self) -> float:
        """Requests a second that repeat what fires."""
        return self.repeats / self.alerts_per_request

    @property
    def changes(self) -> float:
        """Requests a second that tell a begin or an end, each sender by itself."""
        return 2 * self.starts * self.twins

    @property
    def requests(self) -> float:
        """Requests with alerts, a second."""
        return self.carriers + self.changes

    @property
    def deciding(self) -> float:
        """Requests a second in which something has to be decided."""
        return self.carriers * any_of(self.ended_again / self.carriers) + self.changes

    @property
    def events(self) -> float:
        """Events a second: one for each begin and one for each end."""
        return 2 * self.starts

    @property
    def connections(self) -> float:
        """Connections of senders that stay open."""
        return min(self.tenants * self.twins, self.requests * KEPT_OPEN_SECONDS)

    @property
    def speaking(self) -> float:
        """Tenants that are counted anew each second: those that spoke since the last time."""
        return distinct(self.tenants, self.requests, TALLY_SECONDS)

    @property
    def tokens(self) -> int:
        """All that are used: of senders, and of streams, which are other ones."""
        return self.tenants * self.twins + self.streams

    @property
    def tokens_used(self) -> float:
        """Of how many one has to know each second whether they hold, if nobody asked before."""
        return distinct(self.tenants * self.twins, self.requests, TOKEN_SECONDS) + self.streams / TOKEN_SECONDS


class Spent(msgspec.Struct, frozen=True):
    """What something costs: microseconds of a processor, of Lookout and of PostgreSQL, and bytes of WAL."""

    lookout_us: float = 0.0
    postgres_us: float = 0.0
    wal_bytes: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.lookout_us + other.lookout_us, self.postgres_us + other.postgres_us, self.wal_bytes + other.wal_bytes
        )

    def __mul__(self, times: float) -> "Spent":
        return Spent(self.lookout_us * times, self.postgres_us * times, self.wal_bytes * times)


class Work(msgspec.Struct, frozen=True):
    """What a kind of alert costs: each request with some, each commit that takes some, and each alert."""

    request: Spent
    commit: Spent
    alert: Spent


class Memory(msgspec.Struct, frozen=True):
    """Bytes of a process: at first, and for each of what it has seen."""

    process: float
    tenant: float
    connection: float
    """With the token that is used on it."""
    key: float
    """A firing that is known, by one sender."""
    stream: float


class Disk(msgspec.Struct, frozen=True):
    """Bytes on the disk with all indexes, and bytes of records."""

    lease: float
    """Of a firing by one sender, with the room that its page has for the next repeat."""
    episode: float
    """All that a begin and its end leave behind, until the retention."""
    tally: float
    """Of a tenant in an hour."""
    service_event: float
    trigger: float


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured. `machine` says where."""

    machine: str
    flush_ms: float
    repeat: Work
    unknown_repeat: Work
    start: Work
    end: Work
    ended_again: Work
    parsed_anew: Spent
    """What a label set costs that is not among those known by their bytes."""
    token: Spent
    """One that is looked up by itself."""
    token_asked: Spent
    """One that is known, and asked about with all others."""
    token_noted: Spent
    tally: Spent
    check: Spent
    standing: Spent
    """A second of a process that has nothing to do."""
    followed: Spent
    """A second of a tenant that somebody follows."""
    delivered: Spent
    page: Spent
    relayed: Spent
    relay_look: Spent
    """One look of one feed at all tenants, and for each of them `relay_look_tenant`."""
    relay_look_tenant: Spent
    first_event: Spent
    """What a tenant's first event costs beyond others."""
    pruned: Spent
    """What is forgotten after the retention: a begin and its end."""
    memory: Memory
    disk: Disk


def costs(path: Path = KINDS) -> Costs:
    """What is written down."""
    return msgspec.json.decode(path.read_bytes(), type=Costs)


def any_of(expected: float) -> float:
    """How likely there is one at all, where so many are expected."""
    return 1 - math.exp(-expected)


def distinct(count: float, rate: float, seconds: float) -> float:
    """How many of `count` turn up within a time, where `rate` come a second: for each second of it."""
    return count * any_of(rate * seconds / count) / seconds
