"""One figure of the table: what was measured, what it should be, what it is, and what that took. Pure."""

import statistics
from collections.abc import Mapping, Sequence

import msgspec

from bench.targets import TARGETS, Target


class Size(msgspec.Struct, frozen=True):
    """How long and how often each thing is measured."""

    seconds: float = 10
    rounds: int = 3


class Cost(msgspec.Struct, frozen=True):
    """What a load came to, and what each process spent on it."""

    of: str
    """What was under load, as `one replica`."""
    unit: str
    per_second: float
    cpu_us: Mapping[str, float]
    """Microseconds of the processor for one `unit`, by process. `load` is who sends, reads and measures."""
    peak_mib: Mapping[str, float] = {}
    """The most memory that each ever had, in MiB."""

    @property
    def cores(self) -> Mapping[str, float]:
        """How many cores each kept busy."""
        return {name: spent * self.per_second / 1e6 for name, spent in self.cpu_us.items()}


class Figure(msgspec.Struct, frozen=True):
    """What the rounds gave, for the target of this name. `value` is their median."""

    of: str
    values: Sequence[float]
    notes: Mapping[str, int | float | str] = {}
    costs: Sequence[Cost] = ()

    @property
    def target(self) -> Target:
        return TARGETS[self.of]

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    @property
    def is_met(self) -> bool:
        bound = self.target.bound
        return self.value <= bound if self.target.is_at_most else self.value >= bound


def median_of(costs: Sequence[Cost]) -> Cost:
    """Of the same load in several rounds: the median of each number, and of memory the most."""
    first = costs[0]
    return Cost(
        first.of,
        first.unit,
        statistics.median(cost.per_second for cost in costs),
        {name: statistics.median(cost.cpu_us[name] for cost in costs) for name in first.cpu_us},
        {name: max(cost.peak_mib[name] for cost in costs) for name in first.peak_mib},
    )


def percentile(values: Sequence[float], part: float) -> float:
    """Of sorted or unsorted values; `part` from 0 to 1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def short(value: float) -> str:
    """Three figures; more are not known."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:g}"
