"""Facets: what the incidents that are found can be told apart by, with counts. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from lookout.alerts.severity import Severity
from lookout.incidents.incident import Status
from lookout.web.finding import SEVERITY, SOURCE, STATUS, Found, Query, Sight, matching

LABELS_SHOWN = 3
VALUES_SHOWN = 6
VALUES_LIMIT = 50
"""A label with more values than that tells each incident from every other: it is no facet."""
LOOKED_AT = 5_000
"""Incidents whose labels are looked at for which of them split the list best."""
_SAYS_NOTHING = frozenset({SEVERITY})


class Choice(msgspec.Struct, frozen=True):
    """A value of a facet: how many have it, whether it is chosen, and the search that a click on it makes."""

    value: str
    count: int
    is_chosen: bool
    query: str


class Facet(msgspec.Struct, frozen=True):
    """A name and its most frequent values; `others` counts the values that are not shown."""

    name: str
    choices: Sequence[Choice]
    others: int


def facets_of(query: Query, among: Sequence[Found], sight: Sight) -> list[Facet]:
    """The facets of what `query` finds. A facet counts as if nothing were chosen in it, so that one can change over."""
    found = matching(query, among, sight)
    chosen = {matcher.name for matcher in query.matchers}
    names = [SEVERITY, STATUS, SOURCE, *_best_labels(found, chosen)]
    facets: list[Facet] = []
    for name in names:
        counted = matching(query.without(name), among, sight) if name in chosen else found
        counts = Counter(value for incident in counted for value in _values(incident, name, sight))
        facet = _facet(name, counts, query)
        if facet.choices:
            facets.append(facet)
    return facets


def _values(incident: Found, name: str, sight: Sight) -> Iterable[str]:
    if name == STATUS:
        return (incident.status.value,)
    return sight.of(incident, name)


def _facet(name: str, counts: Counter[str], query: Query) -> Facet:
    order = {SEVERITY: list(Severity), STATUS: list(Status)}.get(name)
    if order is not None:
        listed = [(value.value, counts[value.value]) for value in order if counts[value.value]]
    else:
        listed = sorted(counts.items(), key=lambda item: (not query.wants(name, item[0]), -item[1], item[0]))
    choices = [
        Choice(value, count, query.wants(name, value), query.toggled(name, value).text)
        for value, count in listed[:VALUES_SHOWN]
    ]
    return Facet(name, choices, max(0, len(listed) - VALUES_SHOWN))


def _best_labels(found: Sequence[Found], chosen: set[str]) -> list[str]:
    """The labels that split the list best: even parts, few of them, and no incident without. The chosen ones stay."""
    counts: dict[str, Counter[str]] = {}
    looked_at = found[:LOOKED_AT]
    for incident in looked_at:
        for name, value in incident.labels.items():
            counts.setdefault(name, Counter())[value] += 1
    scored = [
        (name not in chosen, -_worth(values, len(looked_at)), name)
        for name, values in counts.items()
        if name not in _SAYS_NOTHING
        and (name in chosen or (1 < len(values) <= VALUES_LIMIT and len(values) < len(looked_at)))
    ]
    best: list[str] = []
    for *_, name in sorted(scored):
        if len(best) == LABELS_SHOWN:
            break
        # A region that says what the cluster says already is no choice.
        if name in chosen or not any(_say_the_same(name, other, looked_at) for other in best):
            best.append(name)
    return best


def _worth(values: Counter[str], total: int) -> float:
    """How much a label helps: the entropy of its values, over those who have it; less, the more values there are."""
    having = values.total()
    entropy = -sum(count / having * math.log2(count / having) for count in values.values())
    return entropy * having / total * (1 - len(values) / (total + 1))


def _say_the_same(one: str, other: str, among: Sequence[Found]) -> bool:
    """Whether each value of one label goes with one value of the other."""
    pairs = {(incident.labels.get(one), incident.labels.get(other)) for incident in among}
    return len(pairs) == len({pair[0] for pair in pairs}) == len({pair[1] for pair in pairs})
