"""Matchers: `severity=~"error|critical"`, read as Alertmanager reads them. Pure.

Alertmanager has two parsers. Here as there the classic one (pkg/labels/parse.go) decides wherever it can read the text,
the UTF-8 one of 0.27 (matcher/parse) reads what the classic one cannot, and where both fail the classic one's
error is told.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import msgspec

from lookout.alerts.expression import ExpressionError, compiled, too_long
from lookout.limits import USUAL, Limits


class MatcherError(ValueError):
    """The text is not a matcher. The words are Alertmanager's."""


class Operator(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    MATCHES_NOT = "!~"


_BY_EXPRESSION = frozenset((Operator.MATCHES, Operator.MATCHES_NOT))
_WANTING = frozenset((Operator.EQUAL, Operator.MATCHES))


class Matcher(msgspec.Struct, frozen=True):
    """One condition on a label. An expression has to match the whole value; a missing label is an empty one.

    Raises `MatcherError` if `value` is no regular expression and should be one.
    """

    name: str
    operator: Operator
    value: str

    def __post_init__(self) -> None:
        if self.operator in _BY_EXPRESSION:
            try:
                compiled(self.value)
            except ExpressionError as error:
                raise MatcherError(str(error)) from None

    def matches(self, labels: Mapping[str, str]) -> bool:
        return self.test()(labels.get(self.name, ""))

    def test(self) -> Callable[[str], bool]:
        """What tells of a value whether it fits. It holds its program, for whoever asks often."""
        wanted = self.operator in _WANTING
        if self.operator not in _BY_EXPRESSION:
            return lambda value: (value == self.value) is wanted
        program = compiled(self.value)
        return lambda value: (program.search(value.encode()) is not None) is wanted


def parse_matcher(text: str, limits: Limits = USUAL) -> Matcher:
    """Read one matcher, as it stands in a query's `filter`. Raises `MatcherError`."""
    matcher = _matcher(text)
    check_length(matcher, limits)
    return matcher


def check_length(matcher: Matcher, limits: Limits) -> None:
    """Refuse an expression that is too long. Raises `MatcherError`."""
    if matcher.operator in _BY_EXPRESSION and len(matcher.value) > limits.regex_length:
        raise MatcherError(too_long(limits.regex_length))


def _matcher(text: str) -> Matcher:
    if text.startswith("{") or text.endswith("}"):
        raise MatcherError(f"unexpected open or close brace: {text}")
    try:
        return _classic(text)
    except MatcherError as error:
        match _utf8(text):
            case [matcher]:
                return matcher
            case _:
                raise error from None


def parse_matchers(text: str, limits: Limits = USUAL) -> tuple[Matcher, ...]:
    """Read a list: `{alertname="Down",job=~"db.*"}`, with or without its braces. Raises `MatcherError`."""
    matchers = _matchers(text)
    for matcher in matchers:
        check_length(matcher, limits)
    return matchers


def _matchers(text: str) -> tuple[Matcher, ...]:
    try:
        return tuple(_classic(part) for part in _classic_parts(text))
    except MatcherError as error:
        if (matchers := _utf8(text)) is None:
            raise error from None
        return tuple(matchers)


# The classic parser. Its white space is that of Go's expressions.

_CLASSIC_SPACE = "\t\n\f\r "
_SPACES = "".join(
    map(chr, (*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000))
)
"""White space as Go's unicode.IsSpace has it."""
_CLASSIC_HEAD = re.compile(r"[\t\n\f\r ]*([a-zA-Z_:][a-zA-Z0-9_:]*)[\t\n\f\r ]*(=~|=|!=|!~)")
_CLASSIC_VALUE = re.compile(r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>(?:[^"\\]|\\.)*\\?)', re.DOTALL)
_CLASSIC_ESCAPE = re.compile(r'\\([n"\\])')


def _classic(text: str) -> Matcher:
    head = _CLASSIC_HEAD.match(text)
    if head is None:
        raise MatcherError(f"bad matcher format: {text}")
    told = text[head.end() :].strip(_CLASSIC_SPACE)
    raw = _CLASSIC_VALUE.fullmatch(told)
    if raw is None:
        raise MatcherError(f"matcher value contains unescaped double quote: {told}")
    value = _CLASSIC_ESCAPE.sub(_classic_meaning, raw["bare"] if raw["quoted"] is None else raw["quoted"])
    return Matcher(head[1], Operator(head[2]), value)


def _classic_meaning(escape: re.Match[str]) -> str:
    return "\n" if escape[1] == "n" else escape[1]


def _classic_parts(text: str) -> Sequence[str]:
    """The list cut at its commas, but not at those between double quotes."""
    parts: list[str] = []
    start = 0
    is_quoted = is_escaped = False
    inner = text.removeprefix("{").removesuffix("}")
    for place, character in enumerate(inner):
        if character == "," and not is_quoted:
            parts.append(inner[start:place])
            start = place + 1
            continue
        if character == '"' and not is_escaped:
            is_quoted = not is_quoted
        if character != ",":  # after one an escape still holds, as in Alertmanager
            is_escaped = character == "\\" and not is_escaped
    last = inner[start:].strip(_SPACES)
    return [*parts, last] if last else parts


# The UTF-8 parser: names and values of any characters but the reserved ones, or quoted as Go quotes strings.

_TOKEN = re.compile(
    rf'[{_SPACES}]*(?:(?P<operator>=~|!=|!~|=)|(?P<mark>[{{}},])|"(?P<quoted>(?:[^"\\]|\\.)*)"'
    rf"""|(?P<bare>[^{_SPACES}{{}}!=~,\\"'`]+)|(?P<end>\Z))""",
    re.DOTALL,
)
_GO_STRING = re.compile(
    r'(?:[^\\\n]|\\(?:[abfnrtv\\"]|x[0-9a-fA-F]{2}|[0-3][0-7]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}))*'
)
_GO_ESCAPE = re.compile(rb"\\(?:x(..)|([0-7]{3})|u(.{4})|U(.{8})|(.))")
_GO_MEANINGS = dict(zip(b'abfnrtv\\"', b'\a\b\f\n\r\t\v\\"', strict=True))


class _Token(msgspec.Struct, frozen=True):
    """An `operator`, a `mark` (a brace or a comma), or a `word`: a name or a value."""

    kind: str
    text: str


_OPEN = _Token("mark", "{")
_CLOSE = _Token("mark", "}")
_COMMA = _Token("mark", ",")


def _utf8(text: str) -> list[Matcher] | None:
    """What the UTF-8 parser reads, None if it cannot. Why it cannot is never told."""
    tokens = _tokens(text)
    if tokens is None:
        return None
    if _OPEN in tokens[:1] or _CLOSE in tokens[-1:]:
        if len(tokens) < 2 or (tokens[0], tokens[-1]) != (_OPEN, _CLOSE):
            return None
        tokens = tokens[1:-1]
    read = [_utf8_matcher(tokens[start : start + 4]) for start in range(0, len(tokens), 4)]
    matchers = [matcher for matcher in read if matcher is not None]
    return matchers if len(matchers) == len(read) else None


def _utf8_matcher(tokens: Sequence[_Token]) -> Matcher | None:
    """A matcher, with the comma after it if there is one."""
    match tokens:
        case [_Token("word", name), _Token("operator", operator), _Token("word", value), *end] if end in ([], [_COMMA]):
            try:
                return Matcher(name, Operator(operator), value)
            except MatcherError:
                return None
        case _:
            return None


def _tokens(text: str) -> list[_Token] | None:
    tokens: list[_Token] = []
    place = 0
    while (found := _TOKEN.match(text, place)) is not None:
        place = found.end()
        kind = found.lastgroup or ""
        if kind == "end":
            return tokens
        word = _unquoted(found[kind]) if kind == "quoted" else found[kind]
        if word is None:
            return None
        tokens.append(_Token("word" if kind in ("quoted", "bare") else kind, word))
    return None


def _unquoted(text: str) -> str | None:
    """What a string between double quotes means in Go, None if it is none (strconv.Unquote)."""
    if _GO_STRING.fullmatch(text) is None:
        return None
    try:
        return _GO_ESCAPE.sub(_go_meaning, text.encode()).decode()
    except ValueError:  # no character has that number, or the bytes are not UTF-8
        return None


def _go_meaning(escape: re.Match[bytes]) -> bytes:
    if byte := escape[1]:
        return bytes([int(byte, 16)])
    if byte := escape[2]:
        return bytes([int(byte, 8)])
    if number := escape[3] or escape[4]:
        return chr(int(number, 16)).encode()
    return bytes([_GO_MEANINGS[ord(escape[5])]])
