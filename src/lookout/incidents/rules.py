"""Policy rules: the first one that matches an alert says how it is grouped. Pure.

A rule is found by the values of the labels that some rule's matchers look at, and by nothing else. Which rules take a
value is remembered, as the bits of a number, so an alert costs one lookup for each such label and an AND, however many
rules there are: an expression is only tried on a value that is new.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

import msgspec

from lookout.alerts.matcher import Matcher

RULES_LIMIT = 100
MATCHERS_LIMIT = 20
"""Rules of a policy, matchers of a rule. An expression takes 2 us to try: a value that no alert had before costs that
for each matcher of its label, and a storm brings tens of thousands of new values."""
MATCHED_LABELS_LIMIT = 50
"""Different labels that matchers look at: each is looked up for every alert."""
VALUES_KNOWN = 65_536
"""Values of labels of which it is remembered which rules take them. At most 500 bytes each, so 32 MB in all."""
VALUE_LENGTH = 256
"""Characters of a value that is remembered; on a longer one the matchers are tried each time."""


class Rule(msgspec.Struct, frozen=True):
    """How the alerts that all of its matchers take are grouped. What it leaves open is as the policy has it.

    `title` is a text and no template; "" is the alert's name.
    """

    name: str
    matchers: tuple[Matcher, ...]
    group_by: tuple[str, ...] | None = None
    title: str = ""
    reopen_window: timedelta | None = None


class Matching(Protocol):
    """A rule of any kind: it takes what all of its matchers take."""

    @property
    def matchers(self) -> tuple[Matcher, ...]: ...


R = TypeVar("R", bound=Matching)


class Rules(Generic[R]):
    """Rules in their order, to be asked for the first that matches."""

    def __init__(self, rules: Sequence[R]) -> None:
        self._rules = rules
        self._every = (1 << len(rules)) - 1
        self._tests: dict[str, list[tuple[int, Callable[[str], bool]]]] = {}
        for place, rule in enumerate(rules):
            for matcher in rule.matchers:
                self._tests.setdefault(matcher.name, []).append((1 << place, matcher.test()))
        self._known = lru_cache(maxsize=VALUES_KNOWN)(self._takers)

    def first(self, labels: Mapping[str, str]) -> R | None:
        """The first rule that takes these labels, None if none does."""
        left = self._every
        for name in self._tests:
            value = labels.get(name, "")
            left &= self._known(name, value) if len(value) <= VALUE_LENGTH else self._takers(name, value)
            if not left:
                return None
        return self._rules[(left & -left).bit_length() - 1] if left else None

    def _takers(self, name: str, value: str) -> int:
        """The rules that take this value of a label, or do not look at it: one bit each."""
        takers = self._every
        for bit, takes in self._tests[name]:
            if not takes(value):
                takers &= ~bit
        return takers
