"""The glossary has every word, and of each enum all words and no other."""

import re
from enum import StrEnum
from pathlib import Path

import pytest

from lookout.alerts.alert import AlertStatus
from lookout.alerts.severity import Severity
from lookout.incidents.events import EventType
from lookout.incidents.incident import Resolution, Status
from lookout.incidents.transitions import Reason
from lookout.sources import WEBHOOKS, prometheus

PAGE = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text()
ENUMS: dict[str, type[StrEnum]] = {
    "Incident status": Status,
    "Alert status": AlertStatus,
    "Severity": Severity,
    "Resolution": Resolution,
    "Event type": EventType,
    "Reason": Reason,
}
WORDS = (
    "source",
    "alert",
    "labels",
    "annotations",
    "fingerprint",
    "lease",
    "dedup key",
    "group labels",
    "incident",
    "severity",
    "event",
    "log",
    "position",
    "feed",
    "follower",
    "investigation",
    "investigator",
    "policy",
    "reopen window",
    "tenant",
)


def rows(section: str) -> dict[str, str]:
    """The table of a section: what each word means."""
    found = re.findall(r"^\| `?([^|`]+?)`? \| (.+) \|$", section, flags=re.MULTILINE)
    return {word: meaning for word, meaning in found if word not in ("word", "---")}


def section(heading: str) -> str:
    (text,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    return text


def test_every_word_of_the_field_is_there() -> None:
    words = rows(PAGE.partition("\n## ")[0])
    assert set(WORDS) <= words.keys()
    for source in (prometheus.NAME, *WEBHOOKS):
        assert f"`{source}`" in words["source"]


@pytest.mark.parametrize("heading", ENUMS)
def test_an_enum_has_a_line_for_each_word_in_its_order_and_nothing_else(heading: str) -> None:
    assert list(rows(section(heading))) == [member.value for member in ENUMS[heading]]


def test_there_is_no_other_section() -> None:
    assert re.findall(r"^## (.*)$", PAGE, flags=re.MULTILINE) == list(ENUMS)
