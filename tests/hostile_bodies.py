"""Bodies as somebody sends them who means harm, made of a good one: what reads them takes or refuses each.

They are the oddities that Go's JSON and Python's read differently, and what costs more than it weighs.
"""

import gzip
import re
from collections.abc import Callable, Mapping

BOMB = gzip.compress(bytes(8 * 1024 * 1024))
"""Eight megabytes in eight thousand bytes."""

TEXT, EXTRA = '"TEXT"', '"EXTRA"'
"""What stands in a good body: a text that can be another value, and an unknown field's value."""


def _text(value: str | bytes) -> Callable[[bytes], bytes]:
    raw = value if isinstance(value, bytes) else value.encode()
    return lambda good: good.replace(TEXT.encode(), raw)


def _extra(value: bytes) -> Callable[[bytes], bytes]:
    return lambda good: good.replace(EXTRA.encode(), value)


_FIELD = re.compile(
    rb'"(?:status|version|alerts|labels|annotations|startsAt|endsAt|routing_key|event_action|dedup_key|payload|summary'
    rb'|source|severity|custom_details)":'
)


def _upper_case(good: bytes) -> bytes:
    """The names of fields so, which Go reads all the same; labels keep theirs."""
    return _FIELD.sub(lambda name: name[0].upper(), good)


MIB = 2**20
ODD_TEXTS: Mapping[str, Callable[[bytes], bytes]] = {
    "a lone surrogate": _text(r'"x\ud800y"'),
    "surrogates the wrong way round": _text(r'"x\udc00\ud800y"'),
    "a pair of surrogates": _text(r'"\ud83d\udd25"'),
    "broken UTF-8": _text(b'"x\xff\xfe\xc3\x28\xe2\x82y"'),
    "UTF-8 of a surrogate": _text(b'"\xed\xa0\x80"'),
    "too long UTF-8": _text(b'"\xc0\xaf\xf8\x88\x80\x80\x80"'),
    "NUL": _text(r'"x\u0000y"'),
    "a raw NUL": _text(b'"x\0y"'),
    "a raw line break": _text(b'"x\ny"'),
    "the escape of the store": _text('"\ue000 \ue0000 \ue0001 \\u0000"'),
    "a bad escape": _text(r'"\x41"'),
    "half an escape": _text(r'"\u12"'),
    "null for a text": _text("null"),
    "a number for a text": _text("1"),
    "an object for a text": _text('{"a": 1}'),
    "an array for a text": _text("[[]]"),
    "a megabyte": _text(b'"' + b"x" * MIB + b'"'),
    "a megabyte of escapes": _text(rb'"' + rb"\u0000" * (MIB // 6) + b'"'),
    "a megabyte of emoji": _text('"' + "\U0001f525" * (MIB // 4) + '"'),
}
"""Those with something in the place of a text."""

ODD: Mapping[str, Callable[[bytes], bytes]] = {
    "as it is": lambda good: good,
    "nothing": lambda _: b"",
    "blanks": lambda _: b" \n\t",
    "null": lambda _: b"null",
    "a number": lambda _: b"1",
    "cut off": lambda good: good[:-3],
    "text after it": lambda good: good + b" and more }",
    "twice": lambda good: good + good,
    "upper-case keys": _upper_case,
    "a byte order mark": lambda good: b"\xef\xbb\xbf" + good,
    "UTF-16": lambda good: good.decode().encode("utf-16"),
    "compressed": gzip.compress,
    "compressed twice": lambda good: gzip.compress(gzip.compress(good)),
    "a bomb": lambda _: BOMB,
    "a bomb in a bomb": lambda _: gzip.compress(BOMB),
    "100,000 brackets": lambda _: b"[" * 100_000,
    "100,000 objects": lambda _: b'{"a":' * 100_000,
    "brackets in a field": _extra(b"[" * 100_000 + b"]" * 100_000),
    "objects in a field": _extra(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "a hundred brackets": _extra(b"[" * 100 + b"]" * 100),
    "NaN": _extra(b"NaN"),
    "-Infinity": _extra(b"-Infinity"),
    "1e999": _extra(b"1e999"),
    "5,000 digits": _extra(b"9" * 5_000),
    "5,000 digits and a fraction": _extra(b"0." + b"9" * 5_000 + b"e-9999"),
    "minus nothing": _extra(b"-0"),
    "many keys that are one": _extra(b"{" + b'"a":1,' * 50_000 + b'"a":1}'),
    "a name twice": _extra(b'1, "EXTRA": 2'),
    "__proto__": _extra(b'{"__proto__": {"admin": true}, "constructor": 1}'),
    **ODD_TEXTS,
}
