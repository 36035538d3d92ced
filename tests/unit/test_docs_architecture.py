"""The diagram is the transition table's, and what is in the log is said of every table there is."""

import re
from pathlib import Path

from scripts.write_documents import diagram, documents

from lookout.incidents.incident import Status
from lookout.incidents.transitions import TRANSITIONS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()


def test_generated_documents_are_as_the_code_says() -> None:
    stale = [str(path.relative_to(ROOT)) for path, text in documents().items() if path.read_text() != text]
    assert stale == [], "run `make documents`"


def test_the_diagram_has_every_move_of_the_table() -> None:
    drawn = set(re.findall(r"^    (\S+) --> (\w+):", diagram(), flags=re.MULTILINE))
    moves = {(before or "[*]", step.status) for (before, _), step in TRANSITIONS.items() if before is not step.status}
    assert drawn == moves
    assert {name for move in drawn for name in move} == {"[*]", *Status}


def test_every_table_of_the_schema_is_explained() -> None:
    migrations = sorted((ROOT / "src" / "lookout" / "store" / "migrations").glob("*.sql"))
    tables = {
        name for path in migrations for name in re.findall(r"^CREATE TABLE (\w+)", path.read_text(), re.MULTILINE)
    }
    explained = re.findall(r"^\| `(\w+)` \| ", PAGE.partition("## What is in the log")[2], flags=re.MULTILINE)
    assert sorted(explained) == sorted(tables)
