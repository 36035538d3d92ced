"""Related incidents: of those that opened at about the same time, the ones that share label values. Pure.

A shared value weighs the more, the fewer of the compared incidents have it: a node or a service that two of them name
says much, a cluster that all of them name says next to nothing. Nothing is merged by it: it is a hint, and says why.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from lookout.incidents.incident import Incident

RELATED_WITHIN = timedelta(minutes=10)
"""How far apart two starts may be."""
_SAYS_NOTHING = frozenset({"severity"})
"""How bad it is, not what it is about."""


class Compared(msgspec.Struct, frozen=True):
    """An incident with the labels that it is compared by."""

    incident: Incident
    labels: Mapping[str, str]


class Related(msgspec.Struct, frozen=True):
    """An incident that may have to do with another. `shared` are the label values of both, the rarest first."""

    incident: Incident
    score: float
    shared: Mapping[str, str]


def common_labels(label_sets: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The labels that all of them have with the same value."""
    if not label_sets:
        return {}
    shared = set(label_sets[0].items())
    for labels in label_sets[1:]:
        shared &= set(labels.items())
    return dict(sorted(shared))


def related(one: Compared, others: Sequence[Compared], limit: int) -> list[Related]:
    """At most `limit` of the others that share something with `one`, the best first; alike, the nearest in time.

    A value that `n` of all `N` compared incidents have weighs log2((N + 1) / n) bits.
    """
    counts = Counter(item for compared in (one, *others) for item in compared.labels.items())
    total = len(others) + 2
    weights = {item: math.log2(total / counts[item]) for item in one.labels.items() if item[0] not in _SAYS_NOTHING}
    found = [_compare(weights, other) for other in others]
    return sorted((it for it in found if it.shared), key=lambda it: _place(one.incident, it))[:limit]


def _compare(weights: Mapping[tuple[str, str], float], other: Compared) -> Related:
    shared = sorted(weights.keys() & other.labels.items(), key=lambda item: (-weights[item], item))
    return Related(other.incident, round(sum(weights[item] for item in shared), 3), dict(shared))


def _place(one: Incident, it: Related) -> tuple[float, timedelta, int]:
    return -it.score, abs(it.incident.started_at - one.started_at), -it.incident.opened_position
