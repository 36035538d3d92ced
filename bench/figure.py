"""One figure of the table: what was measured, what it should be, what it is."""

import statistics
from collections.abc import Mapping, Sequence

import msgspec


class Size(msgspec.Struct, frozen=True):
    """How long and how often each thing is measured."""

    seconds: float = 10
    rounds: int = 3


class Figure(msgspec.Struct, frozen=True):
    """`value` is the median of what the rounds gave, `low` and `high` are the worst and the best of them."""

    what: str
    target: float
    is_at_most: bool
    unit: str
    value: float
    low: float
    high: float
    notes: Mapping[str, float | str] = {}

    @property
    def is_met(self) -> bool:
        return self.value <= self.target if self.is_at_most else self.value >= self.target


def at_least(what: str, target: float, unit: str, values: Sequence[float], **notes: float | str) -> Figure:
    """A figure that should not be lower."""
    return Figure(what, target, False, unit, statistics.median(values), min(values), max(values), notes)


def at_most(what: str, target: float, unit: str, values: Sequence[float], **notes: float | str) -> Figure:
    """A figure that should not be higher."""
    return Figure(what, target, True, unit, statistics.median(values), min(values), max(values), notes)


def percentile(values: Sequence[float], part: float) -> float:
    """Of sorted or unsorted values; `part` from 0 to 1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
