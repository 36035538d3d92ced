"""Regular expressions of matchers: RE2's, as in Go, anchored, in time linear in the text. Pure."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol, cast

import re2

from lookout.limits import BOUNDS

PATTERN_LIMIT = BOUNDS["regex_length"].most
"""Characters of one expression, whatever the settings say; they say less."""
PROGRAM_LIMIT = 1 << 20
"""Bytes of one compiled expression with its working space. RE2 refuses what is larger."""


class ExpressionError(ValueError):
    """The text is not an expression. The words are Go's."""


class Program(Protocol):
    """A compiled expression: `search` finds it in the UTF-8 of a text, and being anchored only as the whole text."""

    def search(self, text: bytes, /) -> object | None: ...


@lru_cache(maxsize=128)
def compiled(pattern: str) -> Program:
    """The program that matches where `pattern` matches the whole text. Raises `ExpressionError`."""
    if len(pattern) > PATTERN_LIMIT:
        raise ExpressionError(too_long(PATTERN_LIMIT))
    if any(escape[1] == "C" for escape in _ESCAPE.finditer(pattern)):
        raise ExpressionError("error parsing regexp: invalid escape sequence: `\\C`")
    options = _RE2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = PROGRAM_LIMIT
    try:
        return _RE2.compile(f"^(?:{pattern})$", options)
    except _RE2_ERROR as error:
        raise ExpressionError(f"error parsing regexp: {_reason(error)}") from None


def too_long(limit: int) -> str:
    """What is said of an expression of more characters."""
    return f"error parsing regexp: expression too large: more than {limit} characters"


_ESCAPE = re.compile(r"\\Q.*?(?:\\E|\Z)|\\(.)", re.DOTALL)  # Go has no \C, which finds half a character
_RE2 = cast("Any", re2)  # it has no types
_RE2_ERROR: type[Exception] = _RE2.error
_GO_REASONS: Mapping[str, str] = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
}
"""What RE2 calls an error, and what Go's copy of it does."""


def _reason(error: Exception) -> str:
    reason, _, excerpt = error.args[0].decode(errors="replace").partition(": ")
    if not excerpt:
        return "expression too large"
    return f"{_GO_REASONS.get(reason, reason)}: `{excerpt}`"
