"""Pictures: each begins and ends where it should, and says in words what it shows."""

from datetime import timedelta
from itertools import pairwise

import pytest
from tests.unit.web.found import NOON

from lookout.alerts.severity import Severity
from lookout.store.board import Turn
from lookout.store.stats import Bucket
from lookout.web.charts import ACTIVITY_WIDTH, COLUMNS_HEIGHT, MARKS, activity, columns, in_words

HOUR = timedelta(hours=1)


def at(hours: float, *, fires: bool) -> Turn:
    return Turn(NOON - hours * HOUR, fires)


def test_what_fires_for_six_hours_fills_the_last_quarter() -> None:
    shown = activity([at(6, fires=True)], NOON - 6 * HOUR, NOON, is_open=True)
    assert shown.path == "M108 0h36v10h-36z"
    assert shown.words == "fired once in these 24 hours, 6 h in all"


def test_what_fires_since_longer_fills_all() -> None:
    shown = activity([at(30, fires=True)], NOON - 30 * HOUR, NOON, is_open=True)
    assert (shown.path, shown.words) == ("M0 0h144v10h-144z", "fired all of these 24 hours")


def test_what_was_resolved_and_came_back_has_a_gap() -> None:
    turns = [at(12, fires=True), at(6, fires=False), at(3, fires=True)]
    shown = activity(turns, NOON - 12 * HOUR, NOON, is_open=True)
    assert shown.path == "M72 0h36v10h-36zM126 0h18v10h-18z"
    assert shown.words == "fired 2 times in these 24 hours, 9 h in all"


def test_turns_that_begin_in_the_midst_fired_before() -> None:
    shown = activity([at(12, fires=False)], NOON - 40 * HOUR, NOON, is_open=False)
    assert shown.path == "M0 0h72v10h-72z"
    assert shown.words == "fired for 12 h"


def test_what_ended_before_did_not_fire() -> None:
    shown = activity([at(30, fires=True), at(25, fires=False)], NOON - 30 * HOUR, NOON, is_open=False)
    assert (shown.path, shown.words) == ("", "did not fire in these 24 hours")


def test_a_moment_is_wide_enough_to_be_seen_and_stays_within() -> None:
    shown = activity([Turn(NOON - timedelta(seconds=1), True)], NOON - timedelta(seconds=1), NOON, is_open=True)
    assert shown.path == f"M{ACTIVITY_WIDTH - 1.2} 0h1.2v10h-1.2z"


def test_what_came_later_is_not_in_the_picture_of_a_time() -> None:
    turns = [at(12, fires=True), at(2, fires=False)]
    assert activity(turns, NOON - 12 * HOUR, NOON - 6 * HOUR, is_open=True).words == (
        "fired once in these 24 hours, 6 h in all"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (3600, "1 h")),
        *((11_520, "3 h 12 min"), (37_200, "10 h"), (90_000, "1 d 1 h"), (30 * 86_400, "30 d")),
    ],
)
def test_lengths_in_words(seconds: int, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words


def bucket(hour: int, **opened: int) -> Bucket:
    return Bucket(NOON + hour * HOUR, {severity: opened.get(severity.value, 0) for severity in Severity}, 0)


@pytest.mark.parametrize(("most", "top"), [(0, 1), (1, 1), (3, 3), (4, 4), (5, 5), (9, 10), (41, 50), (999, 1000)])
def test_a_chart_is_as_high_as_a_round_number(most: int, top: int) -> None:
    lines = columns([bucket(0, warning=most)]).lines
    assert lines[-1] == (0, top)


def test_columns_stand_on_each_other_and_on_the_floor() -> None:
    chart = columns([bucket(0, critical=1, warning=2), bucket(1), bucket(2, info=1)])
    assert [(bar.kind, bar.words) for bar in chart.bars] == [
        ("critical", "1 critical"),
        ("warning", "2 warning"),
        ("info", "1 info"),
    ]
    critical, warning, info = chart.bars
    assert critical.y + critical.height == COLUMNS_HEIGHT == info.y + info.height
    assert warning.y + warning.height == critical.y
    assert warning.y == 0
    assert critical.x == warning.x < info.x


@pytest.mark.parametrize("count", [1, 2, 7, 8, 25, 31, 91])
def test_a_few_columns_say_when_they_begin_and_the_last_does(count: int) -> None:
    marks = columns([bucket(hour) for hour in range(count)]).marks
    assert len(marks) == count
    assert marks[-1] == NOON + (count - 1) * HOUR
    written = [place for place, mark in enumerate(marks) if mark is not None]
    assert min(count, 4) <= len(written) <= MARKS
    assert len({later - earlier for earlier, later in pairwise(written)}) <= 1


def test_a_chart_of_nothing_is_one() -> None:
    assert columns([]).bars == []
