"""JSON as Go's encoding/json reads it."""

from typing import Any

import pytest

from lookout.limits import USUAL
from lookout.sources import gojson
from lookout.sources.parsed import MalformedBody


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"null", None),
        (b" \t\r\n[] ", []),
        (b'[] trailing {"', []),
        (b'{"a":1,"a":2}', {"a": 2.0}),
        (b'"x\xffy"', "x\ufffdy"),
        (b'"x\xe2\x82y"', "x\ufffd\ufffdy"),
        (b'"\xc3\xa9"', "\u00e9"),
        (b"1" * 5000, float("inf")),
        (b"[1e999]", [float("inf")]),
        (b"-0.5", -0.5),
        (b"[" * 200 + b"]" * 200, None),
        (b'{"a":"' + b"[{" * 500 + b'"}', {"a": "[{" * 500}),
        (b'["\\"' + b"[" * 500 + b'"]', ['"' + "[" * 500]),
        (b"[" + b"[]," * 500 + b"{}]", None),
    ],
    ids=[
        "null",
        "space around",
        "text after the value",
        "last of duplicate keys",
        "broken byte",
        "one mark for each broken byte",
        "utf-8",
        "huge integer",
        "huge float",
        "number",
        "200 deep",
        "brackets in a string",
        "brackets after an escaped quote",
        "wide is not deep",
    ],
)
def test_what_go_accepts(body: bytes, value: Any) -> None:
    decoded = gojson.decode(body, USUAL.nesting)
    assert value is None or decoded == value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "unexpected end of JSON input"),
        (b"  \n", "unexpected end of JSON input"),
        (b"{", "not JSON"),
        (b'"\x01"', "not JSON"),
        (b"[NaN]", "invalid character 'N' looking for beginning of value"),
        (b"-Infinity", "invalid character '-' looking for beginning of value"),
        (b"\xef\xbb\xbf[]", "not JSON"),
        (b"\x1f\x8b\x08", "the body is packed"),
        (b"[1,]", "not JSON"),
        (b"[" * 100_000, "exceeded max depth"),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "exceeded max depth"),
        (b'["a", "b\\' + b"[" * 100_000, "not JSON"),
        (b"]" * 300 + b"[" * 201, "not JSON"),
    ],
    ids=[
        "nothing",
        "only space",
        "cut off",
        "control character",
        "NaN",
        "Infinity",
        "byte order mark",
        "gzip",
        "comma at the end",
        "100,000 brackets",
        "20,000 objects",
        "brackets in a string without an end",
        "closed before opened",
    ],
)
def test_what_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(MalformedBody, match=message) as raised:
        gojson.decode(body, USUAL.nesting)
    assert (raised.value.status, raised.value.code) == (400, 400)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (None, "null"),
        (True, "a boolean"),
        (1, "a number"),
        (1.5, "a number"),
        ("x", "a string"),
        ([], "an array"),
        ({}, "an object"),
    ],
)
def test_the_word_for_a_type(value: Any, word: str) -> None:
    assert gojson.kind_of(value) == word


def test_null_fills_a_string_with_nothing() -> None:
    assert gojson.text_of(None, "here") == ""


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    assert gojson.text_of("a\ud800b", "here") == "a\ufffdb"


def test_another_type_than_a_string_is_named_with_its_place() -> None:
    with pytest.raises(MalformedBody, match=r"^here: cannot read a number as a string$"):
        gojson.text_of(1, "here")


def test_null_fills_a_map_with_nothing() -> None:
    assert gojson.texts_of(None, "here") == {}


def test_surrogates_in_names_and_values_are_replaced() -> None:
    assert gojson.texts_of({"\ud800": "\udfff"}, "here") == {"\ufffd": "\ufffd"}


def test_a_map_of_other_things_than_strings_is_refused_with_the_name() -> None:
    with pytest.raises(MalformedBody, match=r"^here\.n: cannot read a number as a string$"):
        gojson.texts_of({"n": 1}, "here")


def test_another_type_than_an_object_is_refused() -> None:
    with pytest.raises(MalformedBody, match=r"^here: cannot read an array as an object$"):
        gojson.texts_of([], "here")


def test_keys_match_without_regard_to_case_and_the_last_one_wins() -> None:
    assert gojson.fields_of({"STARTSAT": 1, "startsat": 2, "other": 3}, ("startsAt",)) == {"startsAt": 2}
