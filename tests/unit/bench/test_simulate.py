"""What was measured stands beside what was reckoned, and where they differ much that is said."""

import pytest
from bench.comparison import Line
from bench.simulate import show


def test_a_line_is_off_in_either_direction() -> None:
    assert not Line("", "", 14, 10).is_off(1.5)
    assert Line("", "", 16, 10).is_off(1.5)
    assert not Line("", "", 7, 10).is_off(1.5)
    assert Line("", "", 6, 10).is_off(1.5)


def test_what_is_only_measured_is_never_off() -> None:
    assert Line("", "", 16).ratio is None
    assert not Line("", "", 16).is_off(1.5)


def test_what_is_off_is_said_by_its_name_and_stage(capsys: pytest.CaptureFixture[str]) -> None:
    assert not show({"at pace": [Line("WAL", "kB/s", 30, 10), Line("commits", "/s", 10, 10)]}, 1.5)
    told = capsys.readouterr().out
    assert "OFF: WAL (at pace) is 3.00 times what the arithmetic says" in told
    assert "OFF: commits" not in told


def test_all_that_agrees_is_all_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert show({"at pace": [Line("commits", "/s", 10, 11)]}, 1.5)
    assert "OFF" not in capsys.readouterr().out
