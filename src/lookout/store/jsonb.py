"""JSON in PostgreSQL's jsonb, which refuses NUL: it is escaped on the way in and given back on the way out.

U+E000, of the private use area, is the escape: U+E000 "0" is NUL, U+E000 "1" is U+E000 itself.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import asyncpg
import msgspec

T = TypeVar("T")

_ESCAPE = "\ue000"
_ESCAPE_BYTES = _ESCAPE.encode()


def dumps(value: object) -> bytes:
    """`value` as JSON that jsonb accepts."""
    raw = msgspec.json.encode(value)
    if b"\\u0000" in raw or _ESCAPE_BYTES in raw:
        return msgspec.json.encode(_walk(msgspec.json.decode(raw), escape))
    return raw


def loads(raw: bytes, kind: type[T]) -> T:
    """What `dumps` was given, as `kind`."""
    return msgspec.json.decode(given_back(raw), type=kind)


def given_back(raw: bytes) -> bytes:
    """JSON from jsonb as it was before `dumps` escaped it."""
    if _ESCAPE_BYTES in raw:
        return msgspec.json.encode(_walk(msgspec.json.decode(raw), unescape))
    return raw


def escape(text: str) -> str:
    """`text` without NUL, for a text column."""
    if "\0" in text or _ESCAPE in text:
        return text.replace(_ESCAPE, _ESCAPE + "1").replace("\0", _ESCAPE + "0")
    return text


def unescape(text: str) -> str:
    """What `escape` was given."""
    if _ESCAPE in text:
        return text.replace(_ESCAPE + "0", "\0").replace(_ESCAPE + "1", _ESCAPE)
    return text


def _walk(value: object, change: Callable[[str], str]) -> object:
    match value:
        case str():
            return change(value)
        case list():
            return [_walk(item, change) for item in cast("list[object]", value)]
        case dict():
            return {change(name): _walk(item, change) for name, item in cast("dict[str, object]", value).items()}
        case _:
            return value


async def register(connection: asyncpg.Connection) -> None:
    """Let `connection` take and give JSON as bytes. In jsonb's binary form a version byte stands before it."""
    await connection.set_type_codec("json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary")
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda raw: b"\x01" + raw, decoder=lambda raw: raw[1:], format="binary"
    )
