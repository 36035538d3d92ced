"""What has to hold in the end, whatever happened: each check reads what is there, and says what is broken. Pure.

A check answers with lines for people, none where all is well. A line begins with the invariant (docs/architecture.md).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from faults.followers import Seen
from faults.ledger import RESOLVED, Thing, allowed

SHOWN = 5
"""Examples of one kind of break."""


class Told(msgspec.Struct, frozen=True):
    """One event of a tenant's log, as the JSON feed gives it."""

    seen: Seen
    tenant_id: str
    incident_id: str
    dedup_key: str
    status: str
    names: frozenset[str]
    """The tenants that are named anywhere in it: in what a tenant sends its own stands in labels and summaries."""


class Record(msgspec.Struct, frozen=True):
    """One record of Kafka, in the order in which it stands in its partition."""

    tenant_id: str
    event_id: str
    key: str
    position: int


Log = Sequence[Told]
Logs = Mapping[str, Log]
"""Of each tenant."""


def gapless(logs: Logs) -> list[str]:
    """I4: positions are 1, 2, 3, ..., and no event stands there twice."""
    broken: list[str] = []
    for tenant_id, log in logs.items():
        positions = [told.seen.position for told in log]
        if positions != list(range(1, len(log) + 1)):
            broken.append(f"I4: the positions of {tenant_id} are not 1 to {len(log)}: {_first_gap(positions)}")
        if len({told.seen.event_id for told in log}) != len(log):
            broken.append(f"I4: an event id of {tenant_id} stands there twice")
    return broken


def followed(name: str, seen: Sequence[Seen], log: Log) -> list[str]:
    """I4: a follower saw each event once, in order, and as the JSON feed shows it."""
    positions = [event.position for event in seen]
    if positions != [told.seen.position for told in log]:
        return [f"I4: {name} saw {len(seen)} of {len(log)} events: {_first_gap(positions)}"]
    return [
        f"I4: {name} saw another event at {event.position} than the JSON feed shows"
        for event, told in zip(seen, log, strict=True)
        if not _is_same(event, told.seen)
    ][:SHOWN]


def one_open(logs: Logs) -> list[str]:
    """I2: at no position of the log two incidents of one group are open."""
    broken: list[str] = []
    for log in logs.values():
        open_of: dict[str, str] = {}
        for told in log:
            if told.status == RESOLVED:
                if open_of.get(told.dedup_key) == told.incident_id:
                    del open_of[told.dedup_key]
            elif (other := open_of.setdefault(told.dedup_key, told.incident_id)) != told.incident_id:
                broken.append(f"I2: at {told.seen.position} {told.incident_id} and {other} of one group are open")
    return broken[:SHOWN]


def isolated(logs: Logs) -> list[str]:
    """I6: a tenant's log has what is its own, and no word of another's."""
    return [
        f"I6: the log of {tenant_id} has at {told.seen.position} an event of another tenant"
        for tenant_id, log in logs.items()
        for told in log
        if told.tenant_id != tenant_id or not told.names <= {tenant_id}
    ][:SHOWN]


def own(things: Iterable[tuple[str, Thing]], stored: Iterable[tuple[str, str]]) -> list[str]:
    """I6: a tenant has no alert but what was sent as its own."""
    sent = {(tenant_id, thing.key) for tenant_id, thing in things}
    others = [f"I6: {tenant_id} has the alert {key}, which is not its own" for tenant_id, key in {*stored} - sent]
    return _some(sorted(others), "of others")


def relayed(topic: str, records: Sequence[Sequence[Record]], wanted: Mapping[str, Log]) -> list[str]:
    """I12: of each partition the records; every wanted event is in one of them, and each tenant's come in order.

    All of one key are in one partition.

    What comes twice counts where it comes first.
    """
    ids = {told.seen.event_id for log in wanted.values() for told in log}
    there = {record.event_id for partition in records for record in partition}
    broken = [f"I12: {topic} lacks {len(ids - there)} of {len(ids)} events"] if ids - there else []
    if there - ids:
        broken.append(f"I12: {topic} has {len(there - ids)} events that are not in the log")
    places: dict[str, int] = {}
    for place, partition in enumerate(records):
        last: dict[str, int] = {}
        came: set[str] = set()
        for record in partition:
            if record.event_id not in came:
                came.add(record.event_id)
                before = last.get(record.tenant_id, 0)
                if record.position < before:
                    broken.append(f"I12: {topic} has {record.position} of {record.tenant_id} after {before}")
                last[record.tenant_id] = record.position
            if places.setdefault(record.key, place) != place:
                broken.append(f"I12: {topic} has {record.key} in two partitions")
    return broken[: SHOWN + 2]


def answered(things: Iterable[tuple[str, Thing]], stored: Mapping[tuple[str, str], str]) -> list[str]:
    """I1: what was answered is there, in a state that it can have by what was answered."""
    lost: list[str] = []
    other: list[str] = []
    for tenant_id, thing in things:
        states = allowed(thing.words.values())
        state = stored.get((tenant_id, thing.key))
        if states is not None and state is None:
            lost.append(f"I1: {_name(tenant_id, thing)} was answered and is not there")
        elif states is not None and state not in states:
            other.append(f"I1: {_name(tenant_id, thing)} is {state}; by what was answered it is {'|'.join(states)}")
    return [*_some(lost, "lost"), *_some(other, "in another state")]


def true(things: Iterable[tuple[str, Thing]], stored: Mapping[tuple[str, str], str]) -> list[str]:
    """I3: once everything was said again, each alert is what it is."""
    wrong = [
        f"I3: {_name(tenant_id, thing)} is {thing.state}, and Lookout has it as {state}"
        for tenant_id, thing in things
        if (state := stored.get((tenant_id, thing.key))) not in (None, thing.state)
        or (state is None and allowed(thing.words.values()) is not None)
    ]
    return _some(wrong, "not what they are")


def silent(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """I7: what was only said again added no event. The last position of each tenant, before and after."""
    return [
        f"I7: repeats added {after.get(tenant_id, 0) - position} events to the log of {tenant_id}"
        for tenant_id, position in before.items()
        if after.get(tenant_id) != position
    ]


def bounded(peaks: Mapping[str, int], bound: int) -> list[str]:
    """I8: no process had more memory than this, in bytes."""
    return [
        f"I8: {name} had {peak >> 20} MiB resident, more than {bound >> 20}"
        for name, peak in peaks.items()
        if peak > bound
    ]


def _is_same(event: Seen, told: Seen) -> bool:
    is_alike = (event.event_id, event.event_type) == (told.event_id, told.event_type)
    return is_alike and event.digest in ("", told.digest)


def _first_gap(positions: Collection[int]) -> str:
    for expected, position in enumerate(positions, 1):
        if position != expected:
            return f"{position} stands where {expected} should"
    return f"it ends at {len(positions)}"


def _name(tenant_id: str, thing: Thing) -> str:
    return f"{thing.labels['instance']} ({thing.key}) of {tenant_id}"


def _some(lines: Sequence[str], what: str) -> list[str]:
    return [*lines[:SHOWN], *_rest(len(lines) - SHOWN, what)]


def _rest(count: int, what: str) -> Iterator[str]:
    if count > 0:
        yield f"and {count} more are {what}"
