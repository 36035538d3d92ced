"""Sender's text made safe to show."""

import json
import unicodedata
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples

from lookout.alerts.text import ELLIPSIS, escaped, one_line, paragraphs, without_marks
from lookout.incidents.actions import named


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("", ""),
        ("  a \t b\r\nc  ", "a b c"),
        ("a\x00b", "a b"),
        ("red \x1b[31malert\x1b[0m", "red [31malert [0m"),
        ("c1 \x9b31m", "c1 31m"),
        ("abc\u202edcba", "abc dcba"),
        ("zero\u200bwidth", "zero width"),
        ("two\u2028lines", "two lines"),
        ("\ufeffmark", "mark"),
        ("tag\U000e0041s", "tag s"),
        ("lone\ud800surrogate", "lone surrogate"),
        (
            "family \U0001f468\u200d\U0001f469\u200d\U0001f467, heart \u2764\ufe0f",
            "family \U0001f468\u200d\U0001f469\u200d\U0001f467, heart \u2764\ufe0f",
        ),
        ("{0.__class__} %s ${x}", "{0.__class__} %s ${x}"),
    ],
)
def test_text_cases(text: str, shown: str) -> None:
    assert one_line(text, 200) == shown


def test_what_fits_exactly_is_whole() -> None:
    assert one_line("x" * 10, 10) == "x" * 10


def test_a_cut_is_marked_within_the_limit() -> None:
    assert one_line("x" * 11, 10) == "x" * 9 + ELLIPSIS


def test_no_space_before_the_mark_of_a_cut() -> None:
    assert one_line("abcd efgh", 6) == "abcd" + ELLIPSIS


def test_a_cut_among_spaces_is_still_marked() -> None:
    """Only the head of a megabyte is looked at: what follows may hold words."""
    assert one_line("a" + " " * 100 + "b", 10) == "a" + ELLIPSIS


@examples(200)
@given(st.text(alphabet=st.characters(codec=None), max_size=80), st.integers(min_value=2, max_value=20))
def test_any_text_becomes_one_bounded_printable_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line == " ".join(line.split())
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for character in line)
    line.encode()
    assert one_line(line, limit) == line


# Unicode calls these format characters too, and they are seen: signs of Arabic, Syriac, Kaithi and Egyptian numbers.
_SEEN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
_OF_EMOJI = {0x200D}
# No format characters, and yet nothing is seen of them: fillers, joiners, selectors.
_INVISIBLE = [0x34F, 0x115F, 0x1160, 0x17B4, 0x180B, 0x3164, 0xFE00, 0xFE0D, 0xFFA0, *range(0xE0100, 0xE01F0)]


def test_of_all_characters_none_that_hides_steers_or_reorders_is_shown() -> None:
    hiding = [code for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    shown = {
        code
        for code in (*hiding, *_INVISIBLE)
        for text in (one_line(f"a{chr(code)}b", 9), paragraphs(f"a{chr(code)}b", 9), escaped(chr(code)))
        if chr(code) in text and chr(code) not in "\n\t"
    }
    assert shown - _SEEN == _OF_EMOJI
    assert not any(chr(code) in escaped(chr(code)) for code in (9, 10))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u2764\ufe0f\u200d\U0001f525", "\u2764\ufe0f\u200d\U0001f525"),
        ("a" + "\u200d\ufe0f" * 30 + "b", "ab"),
        ("a\ufe0f\u200b\u200d\u200b\ufe0eb", "a\ufe0f \u200d \ufe0eb"),
    ],
)
def test_a_message_cannot_be_written_in_joiners(text: str, shown: str) -> None:
    assert one_line(text, 200) == shown
    assert len(paragraphs(text, 200)) <= len(shown)


@examples(200)
@given(st.text(alphabet=st.characters(codec=None), max_size=80))
def test_what_is_escaped_says_what_was_there(text: str) -> None:
    escapes = escaped(text)
    escapes.encode()
    if "\\" not in text and '"' not in text:
        assert json.loads(f'"{escapes}"') == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\r\n\ttwo\n\nthree", "one\n\ttwo\n\nthree"),
        ("  around \n", "around"),
        ("a\x00\x1b[31mb\u202ec", "a[31mbc"),
        ("x" * 30, "x" * 30),
        ("x" * 31, "x" * 29 + ELLIPSIS),
        ("a" + " " * 200 + "b", "a" + ELLIPSIS),
        ("\n" * 200, ELLIPSIS),
    ],
)
def test_paragraphs_keep_their_lines(text: str, shown: str) -> None:
    assert paragraphs(text, 30) == shown


@examples(100)
@given(st.text(alphabet=st.characters(codec=None), max_size=150), st.integers(min_value=2, max_value=20))
def test_any_text_becomes_bounded_printable_paragraphs(text: str, limit: int) -> None:
    shown = paragraphs(text, limit)
    assert len(shown) <= limit
    assert not any((character < " " and character not in "\t\n") or character == "\x7f" for character in shown)
    shown.encode()


class _Sent(str):
    """A text of which can be seen whether somebody keeps it."""

    __slots__ = ("__weakref__",)


@pytest.mark.parametrize(("length", "is_kept"), [(1000, True), (1001, False)])
def test_only_texts_of_usual_length_are_kept(length: int, is_kept: bool) -> None:
    text = _Sent("k" * length)
    kept = weakref.ref(text)
    assert one_line(text, 10) == "k" * 9 + ELLIPSIS
    del text
    assert (kept() is not None) == is_kept


def test_all_of_a_text_without_its_marks() -> None:
    assert without_marks(" a\x1b[31m\u202eb\n\tc\x00 ") == " a[31mb\n\tc "


def test_without_marks_lines_and_blanks_stay() -> None:
    assert without_marks("a\u202e  b\n\tc\x1b[31m\u200bd ") == "a  b\n\tc[31md "


@pytest.mark.parametrize(
    ("name", "shown"), [("jo", "jo"), (" jo\n\x1b[1m", "jo [1m"), ("", "somebody"), (None, "somebody")]
)
def test_whoever_did_something_is_named_on_one_line(name: str | None, shown: str) -> None:
    assert named(name) == shown
