"""Pictures as SVG paths, drawn by the server: when an incident fired, and how many opened. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from lookout.alerts.severity import Severity
from lookout.store.board import Turn
from lookout.store.stats import Bucket

ACTIVITY_SPAN = timedelta(hours=24)
ACTIVITY_WIDTH = 144
"""A unit is ten minutes."""
ACTIVITY_HEIGHT = 10
_NARROWEST = 1.2


class Activity(msgspec.Struct, frozen=True):
    """When something fired within the day before `end`: the path of its picture, and the same in words."""

    path: str
    words: str


def activity(turns: Sequence[Turn], started_at: datetime, end: datetime, *, is_open: bool) -> Activity:
    """The firing spans of an incident, and of its group before it. `turns` may begin in the midst of a story."""
    spans = list(_spans([turn for turn in turns if turn.at <= end], started_at, end, is_open=is_open))
    begin = end - ACTIVITY_SPAN
    shown = [(max(start, begin), stop) for start, stop in spans if stop > begin]
    path = "".join(_block(start - begin, stop - begin) for start, stop in shown)
    return Activity(path, _words_of(shown, begin))


def _spans(
    turns: Sequence[Turn], started_at: datetime, end: datetime, *, is_open: bool
) -> Iterable[tuple[datetime, datetime]]:
    since: datetime | None = started_at
    if turns:
        # Before the first that is known it did the opposite.
        since = None if turns[0].fires else turns[0].at - ACTIVITY_SPAN
    for turn in turns:
        if turn.fires:
            since = turn.at if since is None else since
        elif since is not None:
            yield since, max(since, turn.at)
            since = None
    if since is not None and is_open:
        yield since, end


def _block(start: timedelta, stop: timedelta) -> str:
    left, right = (ACTIVITY_WIDTH * (at / ACTIVITY_SPAN) for at in (start, stop))
    width = max(right - left, _NARROWEST)
    return f"M{_short(min(left, ACTIVITY_WIDTH - width))} 0h{_short(width)}v{ACTIVITY_HEIGHT}h-{_short(width)}z"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _words_of(spans: Sequence[tuple[datetime, datetime]], begin: datetime) -> str:
    if not spans:
        return "did not fire in these 24 hours"
    fired = sum((stop - start for start, stop in spans), timedelta())
    if len(spans) == 1 and spans[0][0] == begin:
        return "fired all of these 24 hours" if fired >= ACTIVITY_SPAN else f"fired for {in_words(fired)}"
    times = "once" if len(spans) == 1 else f"{len(spans)} times"
    return f"fired {times} in these 24 hours, {in_words(fired)} in all"


def in_words(length: timedelta) -> str:
    """A length of time in its two largest units: `3 h 12 min`."""
    seconds = max(0, int(length.total_seconds()))
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    for place, (unit, size) in enumerate(units):
        if seconds >= size:
            number, rest = divmod(seconds, size)
            smaller = units[place + 1 : place + 2]
            if smaller and number < 10 and (more := rest // smaller[0][1]):
                return f"{number} {unit} {more} {smaller[0][0]}"
            return f"{number} {unit}"
    return "0 s"


class Bar(msgspec.Struct, frozen=True):
    """A part of a column: `kind` is its colour's name."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    words: str


class Columns(msgspec.Struct, frozen=True):
    """A chart of columns: its size, its bars, and the lines behind them with what they stand for."""

    width: int
    height: int
    bars: Sequence[Bar]
    lines: Sequence[tuple[float, int]]
    marks: Sequence[datetime | None]
    """For each column when it begins, if that is written below it. Below the last one it always is."""


COLUMNS_WIDTH, COLUMNS_HEIGHT = 960, 180
_GAP = 0.18
"""Of a column's width, what stays free between two."""
MARKS = 7


def columns(buckets: Sequence[Bucket]) -> Columns:
    """How many incidents opened in each bucket, by severity, the worst at the bottom."""
    top = _round_up(max((sum(bucket.opened.values()) for bucket in buckets), default=0))
    step = COLUMNS_WIDTH / max(1, len(buckets))
    bars: list[Bar] = []
    for place, bucket in enumerate(buckets):
        floor = float(COLUMNS_HEIGHT)
        for severity in Severity:
            count = bucket.opened[severity]
            if count:
                height = COLUMNS_HEIGHT * count / top
                floor -= height
                gap = step * _GAP
                bars.append(
                    Bar(
                        severity.value,
                        round(place * step + gap / 2, 1),
                        round(floor, 1),
                        round(step - gap, 1),
                        round(height, 1),
                        f"{count} {severity}",
                    )
                )
    lines = [(COLUMNS_HEIGHT - COLUMNS_HEIGHT * value / top, value) for value in _ticks(top)]
    every = max(1, -(-len(buckets) // MARKS))
    marks = [
        bucket.start if (len(buckets) - place) % every == 1 % every else None for place, bucket in enumerate(buckets)
    ]
    return Columns(COLUMNS_WIDTH, COLUMNS_HEIGHT, bars, lines, marks)


def _round_up(count: int) -> int:
    """A number from which four even lines can be drawn, or fewer for a handful."""
    if count <= 4:
        return max(1, count)
    size = 4
    while size < count:
        size = size * 5 // 4 if str(size)[0] == "4" else size * 2
    return size


def _ticks(top: int) -> list[int]:
    return sorted({round(top * part / 4) for part in range(1, 5)} - {0})
