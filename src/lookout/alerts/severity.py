"""How bad it is: four words, in one order."""

from collections.abc import Mapping
from enum import StrEnum

_NOTHING: Mapping[str, str] = {}


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


def severity_of(
    labels: Mapping[str, str], synonyms: Mapping[str, Severity] = SYNONYMS, annotations: Mapping[str, str] = _NOTHING
) -> Severity:
    """The severity that the label `severity` states, or the annotation of that name where there is no such label.

    A word that nobody knows, or none, is a warning. An event (sources/events.py) has its severity in an annotation,
    for it may change from one event to the next, and labels are identity.
    """
    word = (labels.get("severity") or annotations.get("severity", "")).strip().lower()
    if word in _RANK:
        return Severity(word)
    return synonyms.get(word, Severity.WARNING)


def worst(severities: "list[Severity]") -> Severity:
    """The highest of at least one severity."""
    return max(severities, key=lambda severity: severity.rank)
