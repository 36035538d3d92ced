"""The threat model links to tests by their names, and those tests are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
LINKS = re.findall(r"\[([^\]]+)\]\(\.\./(tests/[^)]*/test_\w+\.py)\)", PAGE)


def test_every_test_that_is_named_is_there() -> None:
    assert len(LINKS) > 80
    missing = [
        f"{path}: {words}"
        for words, path in LINKS
        if not re.search(rf"^(?:async )?def test_{words.replace(' ', '_')}\(", (ROOT / path).read_text(), re.MULTILINE)
    ]
    assert missing == []


def attacks() -> dict[str, str]:
    """What each table says of tests, by the words of its first column."""
    tables = re.findall(r"^\|[^|\n]+\|[^|\n]+\| shown by \|\n\|[-|]+\|\n((?:\|.*\|\n)+)", PAGE, re.MULTILINE)
    rows = [row.strip("| ").split(" | ", 2) for table in tables for row in table.splitlines()]
    return {row[0]: row[2] if len(row) == 3 else "" for row in rows}


def test_every_attack_has_a_test_or_says_that_there_is_none() -> None:
    found = attacks()
    assert len(found) > 30
    assert [words for words, tests in found.items() if "../tests/" not in tests] == [
        "makes two different label sets with one fingerprint",
        "somebody has Lookout ask an address of theirs",
    ]


def test_each_file_about_hostile_input_is_named() -> None:
    named = {path for _, path in LINKS}
    about = ("hostile", "fuzz", "secrets", "security", "isolation")
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if any(word in path.name for word in about) and not path.name.startswith("test_docs_")
    }
    assert found <= named, found - named
