"""Decision records are numbered without gaps, listed, and say what they cost and what was rejected."""

import re
from pathlib import Path

import pytest

ADR = Path(__file__).parents[2] / "docs" / "adr"
RECORDS = sorted(ADR.glob("[0-9]*.md"))


def test_numbers_have_no_gap() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_the_list_has_all_of_them_by_title() -> None:
    listed = re.findall(r"^\| \[(\d+)\]\((\S+)\) \| (.+) \|$", (ADR / "README.md").read_text(), flags=re.MULTILINE)
    titles = [record.read_text().splitlines()[0] for record in RECORDS]
    assert [(name, f"# {number}. {title}") for number, name, title in listed] == [
        (record.name, title) for record, title in zip(RECORDS, titles, strict=True)
    ]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_has_its_four_parts(record: Path) -> None:
    headings = re.findall(r"^## (.*)$", record.read_text(), flags=re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences", "Rejected"]
    assert len(record.read_text().splitlines()) <= 40
