"""The scalars that GraphQL lacks: Time, JSON and Position."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, NewType

import msgspec
import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from lookout.store.reads import END

JSON = NewType("JSON", object)
Position = NewType("Position", int)

_SHOWN_BITS = 64
"""Python refuses to write a very long integer."""
_Aware = Annotated[datetime, msgspec.Meta(tz=True)]


def write_time(time: datetime) -> str:
    """`time` as all of Lookout's JSON writes it."""
    return msgspec.to_builtins(time.astimezone(UTC))


def read_time(value: object) -> datetime:
    """The time in UTC. Raises `GraphQLError` for anything but RFC 3339 with a zone."""
    try:
        return msgspec.convert(value, _Aware).astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError):
        raise GraphQLError(f"{_shown(value)} is not a time: RFC 3339 as 2026-01-31T12:00:00Z is expected") from None


def write_json(value: object) -> object:
    """`value` as what JSON consists of."""
    return msgspec.to_builtins(value)


def read_position(value: object) -> int:
    """A position, which a variable or a literal states. Raises `GraphQLError`."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < END:
        return value
    raise GraphQLError(f"{_shown(value)} is not a position: an integer from 0 on is expected")


def _shown(value: object) -> str:
    is_short = isinstance(value, str | float) or (isinstance(value, int) and value.bit_length() <= _SHOWN_BITS)
    return repr(value)[:40] if is_short else f"this {type(value).__name__}"


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="Time",
        description="A time as RFC 3339 writes it, in UTC with Z.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=write_time,
        parse_value=read_time,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=write_json,
    ),
    Position: strawberry.scalar(
        name="Position",
        description="The number of an event in its tenant's log, a JSON integer that may exceed 32 bits: 1, 2, 3, ...",
        serialize=int,
        parse_value=read_position,
    ),
}
