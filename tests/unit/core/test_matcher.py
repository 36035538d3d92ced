"""Matchers are read as Alertmanager 0.33 reads them.

Both tables are what its own parser answered: `compat.Matcher` and `compat.Matchers` of the module
github.com/prometheus/alertmanager v0.33.1, in its default mode (UTF-8 with the classic parser behind it).
"""

from contextlib import nullcontext

import pytest

from lookout.alerts.expression import PATTERN_LIMIT
from lookout.alerts.matcher import Matcher, MatcherError, Operator, parse_matcher, parse_matchers
from lookout.limits import USUAL, Limits

Told = tuple[str, str, str]

ONE: list[tuple[str, Told | str]] = [
    ("a=b", ("a", "=", "b")),
    ("a!=b", ("a", "!=", "b")),
    ("a=~b", ("a", "=~", "b")),
    ("a!~b", ("a", "!~", "b")),
    ("a = b", ("a", "=", "b")),
    (" a\t=\n b ", ("a", "=", "b")),
    ('a="b"', ("a", "=", "b")),
    ('a = "b c"', ("a", "=", "b c")),
    ("a=b c", ("a", "=", "b c")),
    ("a=", ("a", "=", "")),
    ('a=""', ("a", "=", "")),
    ("a=~", ("a", "=~", "")),
    ("a:b=c", ("a:b", "=", "c")),
    ("_a=b", ("_a", "=", "b")),
    ("1a=b", ("1a", "=", "b")),
    ("a-b=c", ("a-b", "=", "c")),
    ('"a-b"=c', ("a-b", "=", "c")),
    ('"a b"="c d"', ("a b", "=", "c d")),
    ("café=b", ("café", "=", "b")),
    ('"café"=~"é.*"', ("café", "=~", "é.*")),
    ("a=é", ("a", "=", "é")),
    ('a="\\"x\\""', ("a", "=", '"x"')),
    ('a="b\\nc"', ("a", "=", "b\nc")),
    ('a="b\\\\c"', ("a", "=", "b\\c")),
    ('a="\\d+"', ("a", "=", "\\d+")),
    ("a=\\d+", ("a", "=", "\\d+")),
    ("a=b\\", ("a", "=", "b\\")),
    ('a="b\\"', 'matcher value contains unescaped double quote: "b\\"'),
    ('a="b', 'matcher value contains unescaped double quote: "b'),
    ('a=b"', 'matcher value contains unescaped double quote: b"'),
    ('a=b"c', 'matcher value contains unescaped double quote: b"c'),
    ('a="b"c', 'matcher value contains unescaped double quote: "b"c'),
    ("a=b,", ("a", "=", "b,")),
    ('a="b",', ("a", "=", "b")),
    ('"a"="b",', ("a", "=", "b")),
    ('"a"="b",,', 'bad matcher format: "a"="b",,'),
    ("a=b,c=d", ("a", "=", "b,c=d")),
    ('"a"="b","c"="d"', 'bad matcher format: "a"="b","c"="d"'),
    ('"a"="\\u00e9\\x41\\101"', ("a", "=", "éAA")),
    ('"a"="\\t\\"\\\\"', ("a", "=", '\t"\\')),
    ('"a"="\\ud800"', 'bad matcher format: "a"="\\ud800"'),
    ('"a"="\\U00110000"', 'bad matcher format: "a"="\\U00110000"'),
    ('"a"="\\xff"', 'bad matcher format: "a"="\\xff"'),
    ('"a"="\\400"', 'bad matcher format: "a"="\\400"'),
    ('"a"="\\q"', 'bad matcher format: "a"="\\q"'),
    ('"a"="b\nc"', 'bad matcher format: "a"="b\nc"'),
    ('a="b\nc"', ("a", "=", "b\nc")),
    ('a="\\t"', ("a", "=", "\\t")),
    ("a==b", ("a", "=", "=b")),
    ("a=~~b", ("a", "=~", "~b")),
    ("a=!b", ("a", "=", "!b")),
    ("a!b", "bad matcher format: a!b"),
    ("a~b", "bad matcher format: a~b"),
    ("=b", "bad matcher format: =b"),
    ("", "bad matcher format: "),
    ("  ", "bad matcher format:   "),
    ("a", "bad matcher format: a"),
    ('"a"', 'bad matcher format: "a"'),
    ("{a=b}", "unexpected open or close brace: {a=b}"),
    ("{a=b", "unexpected open or close brace: {a=b"),
    ("a=b}", "unexpected open or close brace: a=b}"),
    (" {a=b} ", ("a", "=", "b")),
    ("a='b'", ("a", "=", "'b'")),
    ("a=`b`", ("a", "=", "`b`")),
    ('"a"=`b`', 'bad matcher format: "a"=`b`'),
    ("\"a'=b", "bad matcher format: \"a'=b"),
    ("🙂=🙂", ("🙂", "=", "🙂")),
    ("a\xa0=b", ("a", "=", "b")),
    ('"a"\xa0=b', ("a", "=", "b")),
    ("a\u3000=\u3000b", ("a", "=", "b")),
    ('"a"=\\d', 'bad matcher format: "a"=\\d'),
    ('"a" "b"', 'bad matcher format: "a" "b"'),
    ('"a"="b"}', 'unexpected open or close brace: "a"="b"}'),
    ('a=~"(?i)B"', ("a", "=~", "(?i)B")),
    ('a=~"b|c"', ("a", "=~", "b|c")),
    ('a=~"("', "error parsing regexp: missing closing ): `^(?:()$`"),
    ('a=~"(?=b)"', "error parsing regexp: invalid or unsupported Perl syntax: `(?=`"),
    ('a=~"\\\\1"', "error parsing regexp: invalid escape sequence: `\\1`"),
    ('a=~"["', "error parsing regexp: missing closing ]: `[)$`"),
    ('a=~"*"', "error parsing regexp: missing argument to repetition operator: `*`"),
    ('a=~"b**"', "error parsing regexp: invalid nested repetition operator: `**`"),
    ('a=~"b{1001}"', "error parsing regexp: invalid repeat count: `{1001}`"),
    ('a=~"[z-a]"', "error parsing regexp: invalid character class range: `z-a`"),
    ('a=~"\\pX"', "error parsing regexp: invalid character class range: `\\pX`"),
    ('a=~"b\\\\"', "error parsing regexp: missing closing ): `^(?:b\\)$`"),
    ('a=~"\\\\"', "error parsing regexp: missing closing ): `^(?:\\)$`"),
    ('a=~")"', "error parsing regexp: unexpected ): `^(?:))$`"),
    ('a=~"(?P<n"', "error parsing regexp: invalid named capture: `(?P<n)$`"),
    ('a=~"\\C"', "error parsing regexp: invalid escape sequence: `\\C`"),
    ('a=~"\\Q\\C\\E"', ("a", "=~", "\\Q\\C\\E")),
    ('a=~"\\Qb("', "error parsing regexp: missing closing ): `^(?:\\Qb()$`"),
    ('"a b"=~"("', 'bad matcher format: "a b"=~"("'),
]

LISTS: list[tuple[str, list[Told] | str]] = [
    ("", []),
    ("{}", []),
    ("a=b", [("a", "=", "b")]),
    ("{a=b}", [("a", "=", "b")]),
    ("{a=b,}", [("a", "=", "b")]),
    ("a=b,", [("a", "=", "b")]),
    ("{a=b", [("a", "=", "b")]),
    ("a=b}", [("a", "=", "b")]),
    ('{a="b",c!="d"}', [("a", "=", "b"), ("c", "!=", "d")]),
    ('a=b,c=~"d.*",e!~f', [("a", "=", "b"), ("c", "=~", "d.*"), ("e", "!~", "f")]),
    ('{a="b,c",d=e}', [("a", "=", "b,c"), ("d", "=", "e")]),
    ("a=b,,c=d", "bad matcher format: "),
    (",", "bad matcher format: "),
    ("{,}", "bad matcher format: "),
    (" {a=b} ", [("a", "=", "b")]),
    ('{ a = "b" , c = "d" }', [("a", "=", "b"), ("c", "=", "d")]),
    ('{"a b"="c",d=e}', [("a b", "=", "c"), ("d", "=", "e")]),
    ('{"a b"="c","d,e"=f,}', [("a b", "=", "c"), ("d,e", "=", "f")]),
    ('{"a b"="c",,}', 'bad matcher format: "a b"="c"'),
    ('"a b"=c,d', 'bad matcher format: "a b"=c'),
    ('"a b"=c}', 'bad matcher format: "a b"=c'),
    ('{"a b"=c', 'bad matcher format: "a b"=c'),
    ('{"a b"=c}}', 'bad matcher format: "a b"=c}'),
    ('{a="\\",b=c"}', [("a", "=", '",b=c')]),
    ('{a="\\\\",b=c}', [("a", "=", "\\"), ("b", "=", "c")]),
    ("{a=b}\u2003", [("a", "=", "b}")]),
    ('"é"=~"(",a=b', 'bad matcher format: "é"=~"("'),
    ('a=~"("', "error parsing regexp: missing closing ): `^(?:()$`"),
    ('{"a"=b "c"=d}', 'bad matcher format: "a"=b "c"=d'),
    ('a="\\,",', 'matcher value contains unescaped double quote: "\\,",'),
]


def _told(matcher: Matcher) -> Told:
    return matcher.name, matcher.operator.value, matcher.value


@pytest.mark.parametrize(("text", "expected"), ONE)
def test_one_matcher(text: str, expected: Told | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(MatcherError) as raised:
            parse_matcher(text)
        assert str(raised.value) == expected
    else:
        assert _told(parse_matcher(text)) == expected


@pytest.mark.parametrize(("text", "expected"), LISTS)
def test_a_list_of_matchers(text: str, expected: list[Told] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(MatcherError) as raised:
            parse_matchers(text)
        assert str(raised.value) == expected
    else:
        assert [_told(matcher) for matcher in parse_matchers(text)] == expected


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("a=b", "b", True),
        ("a=b", "B", False),
        ("a=b", None, False),
        ("a=", None, True),
        ("a!=b", "c", True),
        ("a!=b", "b", False),
        ("a!=b", None, True),
        ("a!=", None, False),
        ("a=~b|c", "c", True),
        ("a=~b", "abc", False),
        ("a=~b.*", "bc", True),
        ("a=~b.d", "b\nd", False),
        ("a=~(?s)b.d", "b\nd", True),
        ("a=~b$", "b\n", False),
        ("a=~", None, True),
        ("a=~.*", None, True),
        ("a=~.+", None, False),
        ("a=~(?i)É", "é", True),
        ("a=~.", "\N{GRINNING FACE}", True),
        ("a=~b|(?:c", "c", None),
        ("a=~b)|(?:c", "xb", False),
        ("a!~b|c", "c", False),
        ("a!~b|c", "d", True),
        ("a!~b|c", None, True),
        ("a!~", None, False),
        ('a="x\\\\0"', "x\\0", True),
        ("a=~b", "b\0", False),
    ],
)
def test_an_expression_matches_the_whole_value_and_a_missing_label_is_empty(
    text: str, value: str | None, expected: bool | None
) -> None:
    if expected is None:
        with pytest.raises(MatcherError):
            parse_matcher(text)
    else:
        assert parse_matcher(text).matches({} if value is None else {"a": value}) is expected


def test_the_worst_patterns_take_no_longer_than_others() -> None:
    """Python's own `re` would need longer than the universe has."""
    for pattern in ("(x+x+)+y", "(a?){500}a{500}", "(.*a.*b|.*c.*d){100}", "(x*)*" * 50 + "y"):
        assert not Matcher("a", Operator.MATCHES, pattern).matches({"a": "x" * 5000})


@pytest.mark.parametrize(
    ("text", "is_matcher"),
    [
        ("a=b" + " " * 60_000 + "c", True),
        ("a=" + "\\" * 60_001, True),
        ('"a' + "\\" * 60_001, False),
        ('"' * 60_000, False),
        ("," * 60_000, False),
        ("a b" + " " * 60_000, False),
    ],
)
def test_long_text_is_read_in_time_linear_in_it(text: str, is_matcher: bool) -> None:
    for parse in (parse_matcher, parse_matchers):
        with nullcontext() if is_matcher else pytest.raises(MatcherError):
            parse(text)


def test_what_is_too_large_is_refused() -> None:
    parse_matcher("a=~" + "b" * USUAL.regex_length)
    for pattern in ("b" * (USUAL.regex_length + 1), r"[\pL\pN]{500}"):
        with pytest.raises(MatcherError, match=r"^error parsing regexp: expression too large"):
            parse_matcher(f'a=~"{pattern}"')


def test_no_setting_lets_in_what_nobody_tried() -> None:
    with pytest.raises(MatcherError, match="more than 65536 characters"):
        parse_matcher("a=~" + "b" * (PATTERN_LIMIT + 1), Limits(regex_length=2 * PATTERN_LIMIT))
