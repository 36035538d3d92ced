"""What is searched for: matchers as Alertmanager writes them, with plain words among them. Pure.

severity=critical cluster=~"eu-.*" buffer "rolled back"
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from lookout.alerts.matcher import Matcher, MatcherError, Operator, parse_matcher
from lookout.alerts.severity import Severity
from lookout.alerts.text import one_line
from lookout.incidents.incident import Status
from lookout.limits import USUAL, Limits

QUERY_LIMIT = 1000
"""Characters of a search. What is longer is cut, and said to be."""
TERMS_LIMIT = 20
ID_PART = 8
"""Characters from which on a word may be a part of an id: of fewer, ids have nearly all."""

SEVERITY, STATUS, SOURCE = "severity", "status", "source"
OPEN = "open"
"""What `status` also is, while an incident is not resolved."""

_TERM = re.compile(
    r"""(?P<matcher>(?:[a-zA-Z_:][\w:.-]*|"(?:[^"\\]|\\.)*")\s*(?:=~|!=|!~|=)\s*(?:"(?:[^"\\]|\\.)*"|[^\s,"]*))"""
    r"""|"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<word>[^\s,]+)"""
)
_BARE = re.compile(r"[\w.:/@+-]+")
_BARE_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class Found(Protocol):
    """An incident as far as it is searched by."""

    @property
    def id(self) -> str: ...
    @property
    def opened_position(self) -> int: ...
    @property
    def status(self) -> Status: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def title(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def resolved_at(self) -> datetime | None: ...
    @property
    def assignee(self) -> str | None: ...
    @property
    def rule(self) -> str: ...


_OWN: Mapping[str, Callable[[Found], Sequence[str]]] = {
    SEVERITY: lambda found: (found.severity.value,),
    STATUS: lambda found: (found.status.value,) if found.status is Status.RESOLVED else (found.status.value, OPEN),
    "assignee": lambda found: (found.assignee or "",),
    "rule": lambda found: (found.rule,),
    "title": lambda found: (found.title,),
}
"""What an incident says of itself. Every other name is a label, but `source`."""


class Term(msgspec.Struct, frozen=True):
    """One part of a search, as it was written: a matcher, or a word to be found anywhere."""

    text: str
    matcher: Matcher | None = None
    word: str = ""


class Query(msgspec.Struct, frozen=True):
    """A search, and what is wrong with it. What is wrong is left out."""

    terms: tuple[Term, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As it stands in the field and in the URL."""
        return " ".join(term.text for term in self.terms)

    @property
    def matchers(self) -> list[Matcher]:
        return [term.matcher for term in self.terms if term.matcher is not None]

    @property
    def words(self) -> list[str]:
        return [term.word for term in self.terms if term.matcher is None]

    @property
    def label_names(self) -> set[str]:
        """Of which labels it asks."""
        return {matcher.name for matcher in self.matchers} - _OWN.keys() - {SOURCE}

    def asks_for(self, status: Status) -> bool:
        """Whether an incident of this status can be among what is found; without a word about it, an open one."""
        tests = [_test_of(matcher) for matcher in self.matchers if matcher.name == STATUS]
        values = (status.value,) if status is Status.RESOLVED else (status.value, OPEN)
        return all(test(values) for test in tests) if tests else status is not Status.RESOLVED

    def wants(self, name: str, value: str) -> bool:
        """Whether it asks for just this value."""
        return Matcher(name, Operator.EQUAL, value) in self.matchers

    def without(self, name: str) -> "Query":
        """The same, without what it says of `name`."""
        return Query(tuple(term for term in self.terms if term.matcher is None or term.matcher.name != name))

    def toggled(self, name: str, value: str) -> "Query":
        """The same, with this value of `name` and no other; or without, if it asks for it already."""
        rest = self.without(name)
        if self.wants(name, value):
            return rest
        matcher = Matcher(name, Operator.EQUAL, value)
        return Query((*rest.terms, Term(written(matcher), matcher)))


def read_query(text: str, limits: Limits = USUAL) -> Query:
    """What was written into the field. Nothing is refused: what cannot be read is named, and left out."""
    line = one_line(text, QUERY_LIMIT)
    problems = [f"a search has at most {QUERY_LIMIT} characters"] if len(text) > QUERY_LIMIT else []
    terms: list[Term] = []
    for match in _TERM.finditer(line):
        if len(terms) == TERMS_LIMIT:
            problems.append(f"a search has at most {TERMS_LIMIT} parts")
            break
        try:
            terms.append(_term_of(match, limits))
        except MatcherError as error:
            problems.append(f"{match[0]}: {error}")
    return Query(tuple(terms), tuple(problems))


def _term_of(match: re.Match[str], limits: Limits) -> Term:
    if match["matcher"] is not None:
        return Term(match[0], parse_matcher(match["matcher"], limits))
    word = match["word"] if match["phrase"] is None else re.sub(r"\\(.)", r"\1", match["phrase"])
    return Term(match[0], word=word.casefold())


def written(matcher: Matcher) -> str:
    """A matcher as people write it."""
    name = matcher.name if _BARE_NAME.fullmatch(matcher.name) else _quoted(matcher.name)
    value = matcher.value if _BARE.fullmatch(matcher.value) else _quoted(matcher.value)
    return f"{name}{matcher.operator}{value}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


class Sight(msgspec.Struct, frozen=True):
    """What is known of incidents besides themselves: who tells of them, and what their alerts have for labels."""

    sources: Mapping[str, Iterable[str]] = {}
    values: Mapping[str, Mapping[str, Iterable[str]]] = {}

    def of(self, found: Found, name: str) -> Sequence[str]:
        """What an incident has for a name: one value, several, or none."""
        if name in _OWN:
            return _OWN[name](found)
        if name == SOURCE:
            return tuple(self.sources.get(found.id, ()))
        if name in found.labels:
            return (found.labels[name],)
        return tuple(self.values.get(name, {}).get(found.id, ()))


def matching(query: Query, among: Iterable[Found], sight: Sight) -> list[Found]:
    """Those that a search finds, in their order."""
    tests = [(matcher.name, _test_of(matcher)) for matcher in query.matchers]
    words = query.words
    return [
        found
        for found in among
        if all(test(sight.of(found, name)) for name, test in tests) and (not words or _has(found, words))
    ]


def unanswered(query: Query, among: Iterable[Found]) -> tuple[str, ...]:
    """Which parts of a search find nothing where incidents alone are searched, and not who tells of them nor alerts."""
    asked = [term for term in query.terms if term.matcher is not None and term.matcher.name not in _OWN]
    names = {name for found in among for name in found.labels} if asked else set[str]()
    return tuple(
        f"{term.text} cannot be answered here: "
        + (
            "it is not kept who told of what is over"
            if term.matcher.name == SOURCE
            else "no incident has this label, and its alerts are searched in what is open now alone"
        )
        for term in asked
        if term.matcher is not None and term.matcher.name not in names
    )


def _test_of(matcher: Matcher) -> Callable[[Sequence[str]], bool]:
    """Of several values one has to be as it is wanted; none may be as it is not. A missing label is an empty one."""
    test = matcher.test()
    if matcher.operator in (Operator.EQUAL, Operator.MATCHES):
        return lambda values: any(map(test, values or ("",)))
    return lambda values: all(map(test, values or ("",)))


def _has(found: Found, words: Iterable[str]) -> bool:
    text = "\n".join((found.title, found.summary, found.assignee or "", *found.labels.values())).casefold()
    return all(word in text or (len(word) >= ID_PART and word in found.id) for word in words)
