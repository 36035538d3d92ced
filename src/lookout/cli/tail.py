"""`lookout tail`: the feed, live, one line for each event.

Positions have no gaps, so the reader can tell that it missed nothing: it goes on after the last event that it has
seen, however often the connection breaks, and says so if a number is missing all the same.
"""

import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, assert_never

import typer
from rich.text import Text

from lookout.cli.client import Client, NotKept, ServerError
from lookout.cli.lines import line_of
from lookout.cli.moments import day_of
from lookout.cli.outside import DEFAULT_URL, Outside, Url, outside_of
from lookout.cli.reading import UnreadableEvent, read_event
from lookout.cli.terminal import Terminal, close_quietly, json_line

FIRST_WAIT = timedelta(seconds=0.5)
LONGEST_WAIT = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event in its turn: its position and its JSON."""

    position: int
    json: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone. Told once, however long it takes."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """There is a connection again, which goes on after `after`; `waiting` events have come in the meantime."""

    after: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Missing:
    """The log promises that this never happens: the positions from `first` to `last` did not come."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Restarted:
    """The server's log ends at `position`, before what was seen: it is another log, and is read from its beginning."""

    seen: int
    position: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The server keeps nothing so old: the positions from `first` to `last` are gone, and it goes on after them."""

    first: int
    last: int


Item = Arrived | Lost | Resumed | Missing | Restarted | Forgotten


def follow(client: Client, after: int, wait: Callable[[timedelta], None]) -> Generator[Item]:
    """All events after `after`, for ever, across lost connections.

    Raises `ServerError` if there is no first connection, or if the server refuses for good.
    """
    place = _Place(after)
    while True:
        try:
            yield from _connection(client, place)
        except NotKept as error:
            if error.first_position - 1 <= place.seen:
                raise
            yield Forgotten(place.seen + 1, error.first_position - 1)
            place.seen = error.first_position - 1
            continue
        except ServerError as error:
            if not (error.may_pass and place.was_connected):
                raise
            if not place.is_lost:
                place.is_lost = True
                yield Lost()
        wait(min(FIRST_WAIT * 2 ** min(place.failures, 10), LONGEST_WAIT))
        place.failures += 1


@dataclass(slots=True)
class _Place:
    """How far the reader is, and how the connection does."""

    seen: int
    was_connected: bool = False
    is_lost: bool = False
    failures: int = 0


def _connection(client: Client, place: _Place) -> Iterator[Item]:
    """What one connection gives, until it ends. A server that ends it politely wants to be called again."""
    position = client.position()
    if position < place.seen:
        yield Restarted(place.seen, position)
        place.seen = 0
    with client.feed(place.seen) as stream:
        place.was_connected, place.failures = True, 0
        if place.is_lost:
            place.is_lost = False
            yield Resumed(place.seen, position - place.seen)
        for event in stream:
            if event.id.isdecimal() and int(event.id) > place.seen:
                yield from _next(int(event.id), event.data, place)


def _next(position: int, json: str, place: _Place) -> Iterator[Item]:
    if position > place.seen + 1:
        # A server that is asked for everything begins with the first that it has.
        yield Missing(place.seen + 1, position - 1) if place.seen else Forgotten(1, position - 1)
    place.seen = position
    yield Arrived(position, json)


@dataclass(slots=True)
class _Lines:
    """Prints events as lines for people. Remarks go to standard error."""

    outside: Outside
    screen: Terminal = field(default_factory=Terminal)
    day: str = ""

    def show(self, arrived: Arrived) -> None:
        try:
            heard = read_event(arrived.json)
        except UnreadableEvent:
            self.screen.say(Text(f"event {arrived.position} cannot be read by this version of lookout", style="yellow"))
            return
        day = day_of(heard.recorded_at, self.outside.zone)
        if day != (self.day or day_of(self.outside.now(), self.outside.zone)):
            self.screen.say(Text(day, style="dim"))
        self.day = day
        self.screen.say(line_of(heard, self.screen.width, self.outside.zone))


def _show_json(arrived: Arrived) -> None:
    sys.stdout.write(json_line(arrived.json) + "\n")
    sys.stdout.flush()


def remark_of(item: Lost | Resumed | Missing | Restarted | Forgotten) -> Text:
    """What is to be said about the connection."""
    match item:
        case Lost():
            return Text("connection lost, trying again", style="yellow")
        case Resumed(after, waiting):
            more = f", {waiting} waiting" if waiting else ""
            return Text(f"resumed after {after}, nothing missed{more}", style="green")
        case Missing(first, last):
            which = f"event {first} is" if first == last else f"events {first} to {last} are"
            return Text(
                f"GAP: {which} missing. Lookout promises that this cannot happen: please report it",
                style="bold red",
            )
        case Forgotten(first, last):
            which = f"event {first} is" if first == last else f"events {first} to {last} are"
            return Text(f"{which} not kept any more (LOOKOUT_RETENTION)", style="yellow")
        case Restarted(seen, position):
            return Text(
                f"the log ends at {position}, before {seen}: it is a new log, shown from its beginning",
                style="bold yellow",
            )
        case _:
            assert_never(item)


def tail(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print each event's JSON on a line, for pipes.")] = False,
    last: Annotated[int, typer.Option(metavar="N", min=0, help="Begin with the last N events.")] = 10,
    after: Annotated[int | None, typer.Option(metavar="N", min=0, help="Begin after the event at position N.")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Follow the feed: what happens, as it happens.

    Shows the last events and then what comes. When the connection is lost, it goes on where it was. Ctrl-C ends it.

    \b
    Examples:
      lookout tail
      lookout tail --last 100
      lookout tail --after 0 --json > everything.jsonl
      lookout tail --json | jq -r .incident.title
    """
    outside = outside_of(context)
    client = outside.client(url)
    try:
        start = after if after is not None else max(0, client.position() - last)
        show = _show_json if json else _Lines(outside).show
        with closing(follow(client, start, outside.wait)) as items:
            for item in items:
                if isinstance(item, Arrived):
                    show(item)
                else:
                    Terminal(stderr=True).say(remark_of(item))
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        close_quietly()
