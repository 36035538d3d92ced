"""A figure is judged by the median of its rounds, and costs say how many cores each process kept busy."""

import pytest
from bench.figure import Cost, Figure, median_of, short
from bench.targets import TARGETS


def test_the_median_of_the_rounds_is_judged_and_not_the_best() -> None:
    assert Figure("repeats_64", [1.4, 1.6, 1.7]).is_met
    assert not Figure("repeats_64", [1.4, 1.4, 9]).is_met
    assert Figure("page", [14, 15, 90]).is_met
    assert not Figure("page", [1, 15.1, 90]).is_met


def test_the_cores_busy_are_what_each_spent_in_a_second() -> None:
    cost = Cost("Lookout", "alerts", 50_000, {"Lookout": 10, "PostgreSQL": 5, "load": 1})
    assert cost.cores == {"Lookout": 0.5, "PostgreSQL": 0.25, "load": 0.05}


def test_of_several_rounds_the_median_counts_and_of_memory_the_most() -> None:
    rounds = [Cost("Lookout", "alerts", rate, {"load": rate * 2}, {"Lookout": rate * 3}) for rate in (10, 30, 20)]
    assert median_of(rounds) == Cost("Lookout", "alerts", 20, {"load": 40}, {"Lookout": 90})


@pytest.mark.parametrize(("value", "text"), [
    (0, "0"), (0.03291, "0.0329"), (1.5, "1.5"), (99.96, "100"), (78_854, "78,900"), (1024, "1,020"),
])  # fmt: skip
def test_three_figures_are_shown(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in {"storm_lost", "storm_feed"}])
def test_each_target_that_is_no_promise_says_what_limits_it_and_what_would_move_it(name: str) -> None:
    target = TARGETS[name]
    assert target.limit.endswith(".")
    assert target.moves
    assert not target.moves.endswith(".")
