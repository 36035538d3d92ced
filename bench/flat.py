"""Whether a quantity stays as it is: how it moves over time, without what is only noise."""

import statistics
from collections.abc import Sequence
from itertools import combinations

import msgspec

POINTS = 100
"""More are thinned out: every pair of them is looked at."""


class Verdict(msgspec.Struct, frozen=True):
    """`grows` by this part of its median from the beginning to the end of what was looked at; may grow by `limit`."""

    what: str
    unit: str
    median: float
    grows: float
    limit: float

    @property
    def is_flat(self) -> bool:
        """Less is as good as the same."""
        return self.grows <= self.limit


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between all points (Theil and Sen), so that a third of them may be anything."""
    thinned = points[:: -(-len(points) // POINTS) or 1]
    slopes = [
        (later - sooner) / (at - since) for (since, sooner), (at, later) in combinations(thinned, 2) if at > since
    ]
    return statistics.median(slopes) if slopes else 0.0


def verdict(what: str, unit: str, points: Sequence[tuple[float, float]], limit: float, least: float = 0.0) -> Verdict:
    """How (time, value) moves. Growth is compared with the median, or with `least` where that is more."""
    median = statistics.median(value for _, value in points)
    growth = slope(points) * (points[-1][0] - points[0][0])
    compared = max(median, least)
    return Verdict(what, unit, median, growth / compared if compared else growth, limit)


def settled(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """The last two thirds of the time: before that caches and tables fill."""
    begin = points[0][0] + (points[-1][0] - points[0][0]) / 3
    return [point for point in points if point[0] >= begin]
