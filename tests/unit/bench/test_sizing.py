"""The tables of `docs/scaling.md`: figures as far as they are known, and what was played beside what was reckoned."""

import pytest
from bench.comparison import Comparison, Line
from bench.quantities import Load
from bench.sizing import compared, in_bytes, loads, rounded


@pytest.mark.parametrize(("value", "text"), [
    (0, "0"), (0.0123, "0.012"), (3.14, "3.1"), (9.96, "10"), (42.4, "42"), (149, "150"), (16_667, "17,000"),
    (1_234_567, "1,200,000"),
])  # fmt: skip
def test_two_figures_are_shown(value: float, text: str) -> None:
    assert rounded(value) == text


@pytest.mark.parametrize(("value", "text"), [
    (12, "12 B"), (2_680, "2.7 kB"), (476e6, "480 MB"), (1.06e12, "1.1 TB"), (999_600, "1 MB"), (14.2e12, "14 TB"),
])  # fmt: skip
def test_bytes_have_the_unit_that_suits_them(value: float, text: str) -> None:
    assert in_bytes(value) == text


def test_the_three_loads_are_of_the_same_alerts() -> None:
    told = loads(100, 1_000)
    assert {load.events for load in told.values()} == {2 * 1_000 / 14_400}
    assert told["pairs of Prometheis"].repeats == 2 * told["Prometheus"].repeats
    assert told["Alertmanager"].repeats == pytest.approx(told["Prometheus"].repeats / 240)


def test_a_play_is_a_line_for_each_quantity() -> None:
    lines = [Line("WAL", "kB/s", 30, 20), Line("from POST to SSE, p99", "ms", 12.3)]
    text = compared(Comparison("a machine", Load().scaled(0.01), 1, 60, {"at real pace": lines}))
    assert "1,000 tenants with 10,000 active alerts" in text
    assert "| at real pace | WAL | kB/s | 30 | 20 | 1.50 |" in text
    assert "| at real pace | from POST to SSE, p99 | ms | 12 |  |  |" in text


def test_a_play_says_what_of_it_is_off() -> None:
    lines = [Line("WAL", "kB/s", 30, 10), Line("commits", "/s", 10, 10)]
    load = Load().scaled(0.01)
    assert "Off by more than 1.5 times: WAL (at pace)." in compared(Comparison("", load, 1, 60, {"at pace": lines}))
    assert "Off by more than 4 times: nothing." in compared(Comparison("", load, 1, 60, {"at pace": lines}, 4))
