"""docs/senders.md names a test for each order and repetition, and a payload or program for each sender."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
SENDERS = (TESTS.parent / "docs" / "senders.md").read_text()
CASES = SENDERS.partition("## What goes wrong on the way")[2].partition("\n## ")[0]


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"\| `(test_\w+\.py)` \|$", CASES, flags=re.MULTILINE)
    assert len(named) > 15
    assert [name for name in named if not (TESTS / "scenario" / name).exists()] == []


def test_every_case_names_one() -> None:
    rows = [line for line in CASES.splitlines() if line.startswith("| ") and not line.startswith("| what happens")]
    assert [row for row in rows if not re.search(r"`test_\w+\.py` \|$", row)] == []
