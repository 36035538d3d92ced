"""What goes wrong, and when: a pure function of the seed, so that a seed plays the same faults again."""

import random
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

import msgspec

REPLICAS = 3
FOLLOWERS = 6
FIRST = 2.0
GAP = (0.3, 4.0)
"""Seconds from one fault to the next. One may last longer than that: then there are two at once."""
KAFKA_GAP = (3.0, 20.0)
"""The same of what happens to the ways to Kafka, which have a schedule of their own beside all others."""
REST = 2.0
"""Seconds for which nothing new happens to what was just mended."""


class Fault(StrEnum):
    """What can go wrong."""

    LOOKOUT_KILLED = "a Lookout is killed (SIGKILL)"
    LOOKOUT_STOPPED = "a Lookout is stopped (SIGTERM)"
    LOOKOUT_FROZEN = "a Lookout is frozen (SIGSTOP)"
    CLOCK_MOVED = "a Lookout's clock is moved"
    POSTGRES_KILLED = "PostgreSQL is killed (SIGKILL)"
    POSTGRES_STOPPED = "PostgreSQL is stopped at once (SIGQUIT)"
    POSTGRES_FROZEN = "PostgreSQL is frozen (SIGSTOP)"
    BACKEND_KILLED = "a backend of PostgreSQL is killed (SIGKILL)"
    BACKENDS_ENDED = "all backends of PostgreSQL are terminated"
    DISK_FULL = "the database's disk is full"
    DATABASE_CUT = "the way to the database is cut"
    DATABASE_DELAYED = "the way to the database is slow"
    DATABASE_SILENT = "the way to the database is silent"
    CLIENTS_CUT = "the way to a Lookout is cut"
    CLIENTS_DELAYED = "the way to a Lookout is slow"
    CLIENTS_SILENT = "the way to a Lookout is silent"
    KAFKA_KILLED = "Kafka is killed"
    KAFKA_FROZEN = "Kafka is frozen (SIGSTOP)"
    FOLLOWER_KILLED = "a follower is cut off"
    FOLLOWER_FROZEN = "a follower stops reading"
    KAFKA_CUT = "the way to Kafka is cut"
    KAFKA_DELAYED = "the way to Kafka is slow"
    KAFKA_SILENT = "the way to Kafka is silent"


class Step(msgspec.Struct, frozen=True):
    """One fault. It begins `at` so many seconds after the load did, lasts `seconds`, and is mended then.

    `target` is the number of the replica or of the follower that it happens to, from 0, and 0 where there is only one.
    `amount` is of the fault's own kind: seconds of delay, seconds by which the clock moves, or for a way that is
    silent whether it hands on afterwards what it kept (below a half) or is cut.
    """

    at: float
    fault: Fault
    target: int
    seconds: float
    amount: float = 0.0


AHEAD = 200.0
"""Seconds by which a clock is ahead at most.

From 240 on what Prometheus sends has ended when it comes: it promises four minutes, and no receiver of its API can tell
that from an end.
"""


class _Kind(NamedTuple):
    weight: int
    what: str
    """What it happens to: two things do not happen to the same at once."""
    targets: int
    seconds: tuple[float, float]
    amount: tuple[float, float] = (0.0, 0.0)


_Kinds = dict[Fault, _Kind]

_KINDS: _Kinds = {
    Fault.LOOKOUT_KILLED: _Kind(8, "lookout", REPLICAS, (0.2, 4)),
    Fault.LOOKOUT_STOPPED: _Kind(5, "lookout", REPLICAS, (0.2, 4)),
    Fault.LOOKOUT_FROZEN: _Kind(6, "lookout", REPLICAS, (1, 12)),
    Fault.CLOCK_MOVED: _Kind(5, "clock", REPLICAS, (3, 15), (-90, AHEAD)),
    Fault.POSTGRES_KILLED: _Kind(3, "postgres", 1, (0.2, 4)),
    Fault.POSTGRES_STOPPED: _Kind(2, "postgres", 1, (0.2, 4)),
    Fault.POSTGRES_FROZEN: _Kind(2, "postgres", 1, (1, 12)),
    Fault.BACKEND_KILLED: _Kind(2, "postgres", 1, (0.2, 1)),
    Fault.BACKENDS_ENDED: _Kind(4, "postgres", 1, (0.2, 1)),
    Fault.DISK_FULL: _Kind(3, "postgres", 1, (1, 6)),
    Fault.DATABASE_CUT: _Kind(4, "way to the database", REPLICAS, (0.1, 5)),
    Fault.DATABASE_DELAYED: _Kind(4, "way to the database", REPLICAS, (2, 10), (0.01, 0.3)),
    Fault.DATABASE_SILENT: _Kind(4, "way to the database", REPLICAS, (1, 15), (0, 1)),
    Fault.CLIENTS_CUT: _Kind(4, "way to a lookout", REPLICAS, (0.1, 5)),
    Fault.CLIENTS_DELAYED: _Kind(3, "way to a lookout", REPLICAS, (2, 10), (0.01, 0.5)),
    Fault.CLIENTS_SILENT: _Kind(4, "way to a lookout", REPLICAS, (1, 15), (0, 1)),
    Fault.KAFKA_KILLED: _Kind(3, "kafka", 1, (0.5, 8)),
    Fault.KAFKA_FROZEN: _Kind(3, "kafka", 1, (1, 12)),
    Fault.FOLLOWER_KILLED: _Kind(5, "follower", FOLLOWERS, (0, 0)),
    Fault.FOLLOWER_FROZEN: _Kind(5, "follower", FOLLOWERS, (1, 12)),
}
_TO_KAFKA: _Kinds = {
    Fault.KAFKA_CUT: _Kind(1, "way to kafka", REPLICAS, (0.1, 5)),
    Fault.KAFKA_DELAYED: _Kind(1, "way to kafka", REPLICAS, (2, 10), (0.01, 0.3)),
    Fault.KAFKA_SILENT: _Kind(1, "way to kafka", REPLICAS, (1, 15), (0, 1)),
}


def schedule(seed: int, seconds: float) -> list[Step]:
    """The faults of so many seconds, in the order in which they begin. All are mended by then."""
    steps = [*_drawn(random.Random(seed), _KINDS, GAP, seconds)]
    # By a chance of their own: so a seed's other faults are those that it had before there were these.
    steps += _drawn(random.Random(f"{seed} to kafka"), _TO_KAFKA, KAFKA_GAP, seconds)
    return sorted(steps, key=lambda step: step.at)


def _drawn(chance: random.Random, kinds: _Kinds, gap: tuple[float, float], seconds: float) -> Iterator[Step]:
    faults, weights = list(kinds), [kind.weight for kind in kinds.values()]
    free_at: dict[tuple[str, int], float] = {}
    at = FIRST
    while at < seconds:
        (fault,) = chance.choices(faults, weights)
        kind = kinds[fault]
        step = Step(
            round(at, 2), fault, chance.randrange(kind.targets),
            round(chance.uniform(*kind.seconds), 2), round(chance.uniform(*kind.amount), 2),
        )  # fmt: skip
        at += chance.uniform(*gap)
        what = (kind.what, step.target)
        if free_at.get(what, 0.0) <= step.at and step.at + step.seconds <= seconds:
            free_at[what] = step.at + step.seconds + REST
            yield step
