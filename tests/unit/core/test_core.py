"""The core is pure: what it imports is held by the import contracts, and that it waits for nothing is held here."""

import ast
from pathlib import Path

import pytest

LOOKOUT = Path(__file__).parents[3] / "src" / "lookout"
CORE = [path for package in ("alerts", "sources", "incidents") for path in sorted((LOOKOUT / package).rglob("*.py"))]
WAITING = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(LOOKOUT)))
def test_the_core_holds_nothing_that_waits(path: Path) -> None:
    found = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, WAITING)]
    assert [node.lineno for node in found] == []
