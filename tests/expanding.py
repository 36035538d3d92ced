"""What a migration takes away from the release before it, which goes on running while replicas are replaced one by one.

A migration expands: it adds. What it takes away, a later one contracts, when no release that runs uses it any more, and
says so in its head: `-- contract: 0.3.0`, the release that was the last to use it.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pogo_core.migration import read_sql_migration

BEFORE_THE_FIRST_RELEASE = "0013_rejected_alerts"
"""The last migration that no release was before."""

CONTRACT = re.compile(r"^-- contract: \d+\.\d+\.\d+$", re.MULTILINE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_CREATED = re.compile(r"\bCREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w.]+)", re.IGNORECASE)
_ON = re.compile(r"\b(?:ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?|ON\s+)([\w.]+)", re.IGNORECASE)
_PARTS = re.compile(r",(?![^()]*\))")
_TAKES = {
    "drops": r"\bDROP\b(?!\s+NOT\s+NULL)",
    "renames": r"\bRENAME\b",
    "changes a type": r"\bALTER\s+(?:COLUMN\s+)?\w+\s+(?:SET\s+DATA\s+)?TYPE\b",
    "wants a value that the release before does not write": r"\bSET\s+NOT\s+NULL\b"
    r"|\bADD\b(?!.*\b(?:DEFAULT|GENERATED|CHECK)\b).*\bNOT\s+NULL\b",
    "refuses what was allowed": r"\bADD\s+(?:CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)\b|\bUNIQUE\s+INDEX\b",
    "takes a right": r"\bREVOKE\b",
    "empties": r"\bTRUNCATE\b",
}


def taken(path: Path) -> list[str]:
    """What a migration takes away, a line each. One that says that it contracts may."""
    if CONTRACT.search(path.read_text().partition("-- migrate: apply")[0]):
        return []
    *_, statements, _ = read_sql_migration(path)
    return list(_taken(statements))


def _taken(statements: Sequence[str]) -> Iterable[str]:
    new: set[str] = set()
    for statement in statements:
        text = " ".join(_COMMENT.sub(" ", statement).split())
        new |= {name.lower() for name in _CREATED.findall(text)}
        is_of_new = bool(on := _ON.search(text)) and on[1].lower() in new
        if is_of_new or _CREATED.match(text):
            continue
        for what, pattern in _TAKES.items():
            if any(re.search(pattern, part, re.IGNORECASE) for part in _PARTS.split(text)):
                yield f"it {what}: {text}"
