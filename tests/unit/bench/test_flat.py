"""Whether a quantity is flat: what grows is found, and what is only noise is not taken for growth."""

import random

import pytest
from bench.flat import settled, slope, verdict

HOUR = [float(second) for second in range(0, 3600, 10)]


def test_the_slope_of_a_line_is_its_slope() -> None:
    assert slope([(at, 3 + 0.5 * at) for at in HOUR]) == pytest.approx(0.5)


@pytest.mark.parametrize("points", [[], [(1.0, 5.0)], [(1.0, 5.0), (1.0, 7.0)]])
def test_what_has_no_two_times_has_no_slope(points: list[tuple[float, float]]) -> None:
    assert slope(points) == 0


def test_a_fifth_of_the_points_may_be_anything() -> None:
    noise = random.Random(0)
    points = [(at, 100.0 if noise.random() > 0.2 else 10_000 * noise.random()) for at in HOUR]
    assert abs(slope(points) * 3600) < 1


def test_growth_is_told_in_parts_of_the_median() -> None:
    grows = verdict("memory", "MiB", [(at, 100 + at / 360) for at in HOUR], 0.05)
    assert grows.median == pytest.approx(105, abs=0.1)
    assert grows.grows == pytest.approx(0.095, abs=0.001)
    assert not grows.is_flat


def test_a_slow_leak_under_much_noise_is_found() -> None:
    noise = random.Random(1)
    points = [(at, 100 * (1 + 0.2 * at / 3600) + noise.uniform(-20, 20)) for at in HOUR]
    assert not verdict("memory", "MiB", points, 0.10).is_flat


def test_a_saw_that_does_not_rise_is_flat() -> None:
    assert verdict("dead rows", "rows", [(at, 1000 + at % 600) for at in HOUR], 0.20).is_flat


def test_what_shrinks_is_flat() -> None:
    assert verdict("latency", "ms", [(at, 10 - at / 3600) for at in HOUR], 0.05).is_flat


def test_growth_of_what_is_small_is_compared_with_the_least_that_counts() -> None:
    points = [(at, 10 + at / 360) for at in HOUR]
    assert not verdict("dead rows", "rows", points, 0.20).is_flat
    assert verdict("dead rows", "rows", points, 0.20, least=1000).is_flat


def test_what_is_zero_and_grows_is_not_flat() -> None:
    assert verdict("gaps", "", [(at, 0.0) for at in HOUR], 0.1).is_flat
    assert not verdict("gaps", "", [(0, 0.0), (1, 0.0), (2, 0.0), (3, 1.0), (4, 5.0)], 0.1).is_flat


def test_only_the_last_two_thirds_of_the_time_count() -> None:
    assert next(at for at, _ in settled([(at, 0.0) for at in HOUR])) == pytest.approx(1200, abs=10)
