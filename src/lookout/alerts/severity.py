"""How bad it is: four words, in one order."""

from collections.abc import Mapping
from enum import StrEnum


class Severity(StrEnum):
    """The order of the members is the order of severity, worst first."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is info, 3 is critical; a higher rank is worse."""
        return _RANK[self]


_RANK = {severity: rank for rank, severity in enumerate(reversed(Severity))}

SYNONYMS: Mapping[str, Severity] = {
    "page": Severity.CRITICAL,
    "fatal": Severity.CRITICAL,
    "emergency": Severity.CRITICAL,
    "high": Severity.ERROR,
    "major": Severity.ERROR,
    "warn": Severity.WARNING,
    "minor": Severity.WARNING,
    "low": Severity.INFO,
    "informational": Severity.INFO,
    "none": Severity.INFO,
}


def severity_of(labels: Mapping[str, str], synonyms: Mapping[str, Severity] = SYNONYMS) -> Severity:
    """The severity that the label `severity` states; a word that nobody knows, or none, is a warning."""
    word = labels.get("severity", "").strip().lower()
    if word in _RANK:
        return Severity(word)
    return synonyms.get(word, Severity.WARNING)


def worst(severities: "list[Severity]") -> Severity:
    """The highest of at least one severity."""
    return max(severities, key=lambda severity: severity.rank)
