"""What is to be reached, and for each target what stands in the way of more. Pure: measures and documents use it."""

import msgspec


class Target(msgspec.Struct, frozen=True):
    """`bound` is in `unit`. Where it is missed, `limit` says what holds it up, and `moves` what would change that."""

    what: str
    bound: float
    is_at_most: bool
    unit: str
    limit: str
    moves: str
    cost: str = ""
    """Which of the measured loads it is about, where there are several."""
    is_beside: bool = False
    """It was measured because it is of use, and nobody set it as a target: the README leaves it out."""

    @property
    def wanted(self) -> str:
        return f"{'at most' if self.is_at_most else 'at least'} {self.bound:,g} {self.unit}"


_IN_TURNS = (
    "All of it is one tenant's, whose commits are one after the other: Lookout's process and PostgreSQL work by turns, "
    "and not at once"
)
_MORE_CORES = "more cores, with a process for each"

TARGETS = {
    "repeats_64": Target(
        "re-sent alerts, 64 per request, 16 connections",
        1.5,
        False,
        "x Alertmanager's alerts/s",
        f"{_IN_TURNS}. Alertmanager keeps every core that the load leaves it busy, in memory only.",
        "the renewal of leases in one round trip, two renewals of a tenant under way at once, and several processes "
        "with tenants of their own",
    ),
    "repeats_1": Target(
        "re-sent alerts, 1 per request, 64 connections",
        0.65,
        False,
        "x Alertmanager's alerts/s",
        "A request goes through a server and an application in Python on one core, and its part of a commit is that of "
        "a small batch, no larger than there are connections.",
        f"{_MORE_CORES}; senders that send several alerts in a request, as Prometheus does",
    ),
    "first_seen": Target(
        "first-seen alerts, 64 per request",
        0.35,
        False,
        "x bare upserts/s",
        f"{_IN_TURNS}. PostgreSQL alone writes five rows and fifteen index entries where a bare upsert writes one and "
        "one, so that even without Lookout's part the target would leave less than those rows take.",
        "fewer rows (the alert and its lease in one), fewer indexes on incidents, rows handed over in one binary "
        "block; for many tenants, several processes",
    ),
    "one_body": Target(
        "100,000 alerts in one body of about 51 MB",
        2,
        True,
        "x Alertmanager's time",
        "One body is one commit: it is read, decided and written one after the other, on one core at a time, while "
        "Alertmanager takes its alerts by requests of 64.",
        "deciding a part of a body while the part before it is written; a sender that sends several bodies at once",
    ),
    "one_body_memory": Target(
        "100,000 alerts in one body of about 51 MB: peak memory of Lookout",
        1024,
        True,
        "MiB",
        "The body, its alerts and their rows are in memory until the commit.",
        "a smaller bound of the body (`LOOKOUT_MAX_BODY_BYTES`)",
    ),
    "active_alerts": Target(
        "GET /api/v2/alerts with 10,000 active alerts",
        1,
        True,
        "x Alertmanager's time",
        "Each alert is read from the database and written as JSON for each question.",
        "keeping the list as bytes until an alert changes",
    ),
    "page": Target(
        "a page of 50 incidents by GraphQL, 1,000,000 in history, 10,000 open: p99",
        15,
        True,
        "ms",
        "The query is checked, resolved and written by GraphQL in Python; the database has the smaller part.",
        "a faster core; the same list by REST",
        cost="1,000,000 in history",
    ),
    "page_growth": Target(
        "a page of 50 incidents by GraphQL, 1,000,000 in history, 10,000 open: p99",
        1.2,
        True,
        "x that with 10,000 in history",
        "The page goes by keys, so a difference is the tail of what else the machine does, and the memory that a "
        "larger index wants.",
        "`shared_buffers` with room for the indexes of what is open",
    ),
    "subscribers": Target(
        "answered POST to SSE event, 100 events/s to 1,000 subscribers: p99",
        50,
        True,
        "ms",
        "One process writes each event to each stream, one after the other, beside all else that it does.",
        "fewer streams for each process",
    ),
    "catching_up": Target(
        "Kafka relay, catching up",
        10_000,
        False,
        "events/s",
        "One tenant's events go out by one process, in order, a batch confirmed before the next.",
        "more tenants, shared by more processes; a broker that is nearer",
    ),
    "keeping_up": Target(
        "Kafka relay, the worst lag at 2,000 events/s",
        1,
        True,
        "s",
        "The relay shares its process with what takes those events in.",
        "a process that only relays (`KAFKA_BROKERS` at that one alone)",
    ),
    "storm_lost": Target(
        "storm of 100,000 alerts in 10 s over 50 tenants: lost",
        0,
        True,
        "alerts",
        "",
        "",
    ),
    "storm_feed": Target(
        "storm of 100,000 alerts in 10 s over 50 tenants: events of the incident that told most",
        1,
        True,
        "x its bound",
        "",
        "",
    ),
    "storm_quiet": Target(
        "storm of 100,000 alerts in 10 s over 50 tenants: p99 of a quiet tenant",
        2,
        True,
        "x alone",
        "The quiet tenant's alert goes before all others once it is read, but reading it, deciding the storm and "
        "writing to the streams share one process and its one core, and its commit shares PostgreSQL's disk and locks "
        "with the storm's.",
        "more cores; reading requests, or deciding a storm, in a process of its own; a process for those that storm",
    ),
    "one_storm_quiet": Target(
        "one tenant at full speed: p99 of a quiet one, POST to event",
        2,
        True,
        "x alone",
        "A message of the quiet tenant's commit waits for what the storm's has begun ([below](#what-holds-nobody-up)).",
        "more cores; deciding and writing a storm in a process of its own",
        is_beside=True,
    ),
    "idle": Target(
        "idle: memory without the embedded database",
        150,
        True,
        "MiB",
        "Python with what it has imported.",
        "importing a surface when it is first asked for",
    ),
    "start": Target(
        "start to ready",
        3,
        True,
        "s",
        "PostgreSQL's own start, and importing what is served.",
        "a database that runs already (`DATABASE_URL`)",
    ),
    "first_start": Target(
        "first start to ready, the database made",
        5,
        True,
        "s",
        "Making a database, and its schema.",
        "a database that is there already (`DATABASE_URL`)",
        is_beside=True,
    ),
    "replicas": Target(
        "two replicas, first-seen alerts of 16 tenants, each sent to one of them",
        1.5,
        False,
        "x one replica",
        "With many tenants one process already works at the same time as PostgreSQL and the load, and two share the "
        "same cores with these: what one replica leaves idle is all that a second can add. All of one tenant's goes "
        "through one row lock, whichever replica has it, and where any request goes to any replica, commits of both "
        "wait for each other's tenants.",
        "more cores than two; senders that keep to one replica ([scaling](scaling.md))",
        cost="two, 16 tenants, each to one replica",
    ),
}
