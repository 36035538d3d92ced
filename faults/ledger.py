"""What is so, what was said of it, and what was answered: from that follows what Lookout has to know."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from lookout.alerts.fingerprint import fingerprint

FIRING, RESOLVED = "firing", "resolved"
LIVES = (3.0, 60.0)
"""Seconds for which a thing goes on."""
A_GROUP = 25
"""Things of a kind that have a service and a name in common, one after another: an incident has a beginning and an end,
and so much happens to it in between that some of it is told later, with other things."""
NAMES = ("HostDown", "DiskFull", "Slow")


@dataclass(slots=True)
class Word:
    """What one sender said of one alert, and what it was answered.

    `is_unsure` is whether the order of what it said is not known for certain: an attempt had no answer, and may still
    arrive. It counts only where Lookout has no time in the message to tell by.
    """

    firing_answered: bool = False
    resolve_tried: bool = False
    resolve_answered: bool = False
    is_unsure: bool = False


@dataclass(slots=True)
class Thing:
    """Something that goes wrong and is well again: an alert, as whoever watches it knows it."""

    labels: dict[str, str]
    started_at: datetime
    ended_at: datetime | None = None
    words: dict[str, Word] = field(default_factory=dict[str, Word])
    key: str = ""
    """By which Lookout knows it."""

    @property
    def state(self) -> str:
        """What is so."""
        return FIRING if self.ended_at is None else RESOLVED

    def word_of(self, sender: str) -> Word:
        """What this sender said of it."""
        return self.words.setdefault(sender, Word())


def allowed(words: Collection[Word]) -> frozenset[str] | None:
    """The states in which Lookout may have the alert; None if it need not have heard of it."""
    if not any(word.firing_answered for word in words):
        return None
    if any(word.firing_answered and not word.resolve_tried for word in words):
        return frozenset({FIRING})
    if all(word.resolve_answered and not word.is_unsure for word in words):
        return frozenset({RESOLVED})
    return frozenset({FIRING, RESOLVED})


class World:
    """The things of one tenant that one kind of sender watches."""

    def __init__(self, tenant_id: str, kind: str, chance: Random, per_second: int) -> None:
        self.tenant_id = tenant_id
        self.kind = kind
        self.per_second = per_second
        self.things: list[Thing] = []
        self._chance = chance
        self._ends: list[tuple[float, Thing]] = []
        self._number = 0

    def move(self, now: datetime, count: int) -> None:
        """Let so many things begin, and end what has gone on for long enough."""
        for _ in range(count):
            thing = self._new(now)
            self.things.append(thing)
            self._ends.append((now.timestamp() + self._chance.uniform(*LIVES), thing))
        due = [thing for ends, thing in self._ends if ends <= now.timestamp()]
        self._ends = [(ends, thing) for ends, thing in self._ends if ends > now.timestamp()]
        for thing in due:
            thing.ended_at = now

    def end(self, now: datetime) -> None:
        """Everything is well."""
        for _, thing in self._ends:
            thing.ended_at = now
        self._ends.clear()

    def _new(self, now: datetime) -> Thing:
        self._number += 1
        labels = {
            "alertname": NAMES[self._number // A_GROUP % len(NAMES)],
            "service": f"{self.tenant_id}-{self._number // A_GROUP}",
            "instance": f"{self.kind}-{self._number}",
            "tenant": self.tenant_id,
            "severity": self._chance.choice(("critical", "warning", "info")),
        }
        key = fingerprint(labels if self.kind != "events" else {"dedup_key": labels["instance"]})
        return Thing(labels, now, key=key)


def words_of(worlds: Collection[World]) -> Iterator[tuple[str, Thing]]:
    """Everything of all worlds, with its tenant."""
    for world in worlds:
        for thing in world.things:
            yield world.tenant_id, thing
