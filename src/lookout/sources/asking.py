"""What the sources that can be asked share: which paths, and how an answer is taken apart."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec

from lookout.alerts.alert import parse_time
from lookout.alerts.answer import Answer
from lookout.alerts.source import Source
from lookout.limits import USUAL, Limits
from lookout.sources.parsed import MalformedBody
from lookout.sources.reading import check_objects

T = TypeVar("T")


class Asked(NamedTuple):
    """One address that was asked: where it is, when, what time it was there, and the bodies in the paths' order.

    `url` has no password in it.
    """

    url: str
    asked_at: datetime
    date: datetime
    bodies: Sequence[bytes]
    limits: Limits = USUAL
    """What an answer may hold: as much as what the source sends."""


class Question(NamedTuple):
    """How a source is asked: the paths to get, one after the other, and what their bodies mean.

    `read` raises `MalformedBody` if they are not what such a source answers.
    """

    paths: Callable[[Source], Sequence[str]]
    read: Callable[[Asked, Source], Answer]


def decoded(body: bytes, kind: type[T], what: str, limits: Limits) -> T:
    """A body as `kind`. Raises `MalformedBody`."""
    check_objects(body, limits)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBody(f"{what} is not of the shape that it should be: {error}") from None


def time_in(text: str, what: str) -> datetime:
    """A time that has to be there. Raises `MalformedBody`."""
    try:
        time = parse_time(text)
    except ValueError as error:
        raise MalformedBody(f"{what}: {error}") from None
    if time is None:
        raise MalformedBody(f"{what} is not told")
    return time


def running_since(asked: Asked, started: str, what: str) -> datetime:
    """When the program that was asked started, by our clock; up to a second later, as its `Date` is in whole seconds.

    Too late is the safe side: what it does not name ended only if it was heard after this.
    """
    return asked.asked_at - (asked.date - time_in(started, what))
