"""JSON as Go's encoding/json reads it, for the bodies that msgspec refuses.

Senders are Go programs, and Alertmanager is the measure: a broken byte or a lone surrogate is U+FFFD, keys match
without regard to case, text after the first value is ignored, NaN is an error, and depth has an end.
"""

import json
import re
from collections.abc import Mapping
from typing import NoReturn

from lookout.sources.parsed import MalformedBody

Json = dict[str, "Json"] | list["Json"] | str | float | bool | None
"""What `decode` gives out. Numbers are floats: none is read."""

_GZIP = b"\x1f\x8b"
"""Nothing is ever unpacked here: a body cannot be larger than it came."""
_SURROGATES = re.compile("[\ud800-\udfff]")
_BRACKETS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def _refuse_constant(word: str) -> NoReturn:
    raise MalformedBody(f"invalid character {word[0]!r} looking for beginning of value")


def _number(text: str) -> float:
    # A 5,000-digit integer is legal JSON: no field that Lookout reads is a number, so its digits do not matter.
    return float(text) if len(text) < 64 else float("inf")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_number, parse_float=_number)


def decode(body: bytes, nesting: int) -> Json:
    """The first JSON value of `body`, with at most so many brackets open at once: Python's scanner recurses for each.

    Nothing that Lookout reads is nested deeper than labels in alerts in a list; what unknown fields hold may be. Raises
    `MalformedBody`, with what is wrong and where.
    """
    if body.startswith(_GZIP):
        raise MalformedBody("the body is packed: send it as it is")
    _check_depth(body, nesting)
    text = _utf8(body).lstrip(" \t\r\n")
    if not text:
        raise MalformedBody("unexpected end of JSON input")
    try:
        value, _ = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        raise MalformedBody(f"not JSON: {error.msg} at character {error.pos}") from None
    return value


def text_of(value: Json, where: str) -> str:
    """`value` as a string, as Go fills one: null is empty. Raises `MalformedBody` for any other type."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", value)
    raise MalformedBody(f"{where}: cannot read {kind_of(value)} as a string")


def texts_of(value: Json, where: str) -> dict[str, str]:
    """`value` as a map of strings: null is empty. Raises `MalformedBody` for any other type."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedBody(f"{where}: cannot read {kind_of(value)} as an object")
    return {text_of(name, where): text_of(item, f"{where}.{name[:80]}") for name, item in value.items()}


def fields_of(value: Mapping[str, Json], names: tuple[str, ...]) -> dict[str, Json]:
    """The named fields of an object; a key in another case counts as well, the last one wins."""
    folded = {name.lower(): name for name in names}
    return {folded[key.lower()]: item for key, item in value.items() if key.lower() in folded}


def kind_of(value: Json) -> str:
    """The word JSON has for the type of `value`."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def _utf8(body: bytes) -> str:
    """Decode as Go does: one U+FFFD for each byte that belongs to no character."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        # surrogateescape maps each broken byte to one lone surrogate; Python's "replace" would fold several into one.
        text = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", body.decode(errors="surrogateescape"))
    return text


def _check_depth(body: bytes, nesting: int) -> None:
    if body.count(b"[") + body.count(b"{") <= nesting:
        return
    depth = 0
    for match in _BRACKETS.finditer(body):
        token = match[0]
        if token in b"[{":
            depth += 1
            if depth > nesting:
                raise MalformedBody(f"exceeded max depth: more than {nesting} brackets are open at once")
        elif token in b"]}":
            depth -= 1
