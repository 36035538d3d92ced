"""What the commands print is safe to print, and the same value where it is JSON."""

import json
from datetime import timedelta

import pytest
from tests.unit.cli.samples import HOSTILE

from lookout.cli.moments import span
from lookout.cli.terminal import json_line


def test_json_keeps_its_value_and_steers_no_terminal() -> None:
    written = json.dumps({"note": HOSTILE, "tag": "\U000e0041"}, ensure_ascii=False)
    line = json_line(written)
    assert json.loads(line) == json.loads(written)
    assert not set("\x9b\u202e\u200b\U000e0041") & set(line)


def test_json_over_several_lines_becomes_one() -> None:
    assert json_line('{\n "a": 1\r\n}') == '{  "a": 1 }'


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-5, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (90_000, "1d")]
)
def test_a_span_is_told_by_its_largest_unit(seconds: float, expected: str) -> None:
    assert span(timedelta(seconds=seconds)) == expected
