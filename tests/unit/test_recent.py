"""The last events of followed tenants: all of a tenant from some position on, and within the bounds (I8)."""

import random
from typing import Any

import pytest

from lookout.feeds import recent
from lookout.feeds.encoded import Encoded
from lookout.feeds.recent import Recent, Room
from lookout.incidents.events import EventType


def _events(first: int, last: int, size: int = 100) -> list[Encoded]:
    """Of each only its position and its size count here."""
    event: Any = None
    return [Encoded(position, EventType.OPENED, event, b"x" * size) for position in range(first, last + 1)]


def _positions(events: list[Encoded] | None) -> list[int] | None:
    return None if events is None else [event.position for event in events]


def test_what_is_kept_is_given_from_any_position_on() -> None:
    kept = Recent(Room())
    kept.keep(_events(11, 13))
    kept.keep(_events(14, 14))
    kept.keep(_events(15, 17))
    for position in range(10, 17):
        assert _positions(kept.after(position)) == list(range(position + 1, 18))


def test_what_was_before_is_not_kept_and_nothing_is_where_nothing_was_read() -> None:
    kept = Recent(Room())
    assert kept.after(0) is None
    kept.keep(_events(11, 13))
    assert kept.after(9) is None


def test_i8_a_tenant_keeps_no_more_than_its_number_of_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "RECENT_LIMIT", 10)
    room = Room()
    kept = Recent(room)
    for position in range(1, 101):
        kept.keep(_events(position, position))
    assert kept.after(89) is None
    assert _positions(kept.after(90)) == list(range(91, 101))
    assert room.taken == 10 * 100


def test_i8_all_tenants_together_keep_no_more_than_so_many_bytes_and_the_oldest_go() -> None:
    room = Room(1000)
    first, second = Recent(room), Recent(room)
    first.keep(_events(1, 4))
    second.keep(_events(1, 4))
    second.keep(_events(5, 8))
    assert room.taken == 800
    assert first.after(0) is None
    assert _positions(second.after(0)) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_what_is_larger_than_all_room_is_not_kept() -> None:
    room = Room(1000)
    kept = Recent(room)
    kept.keep(_events(1, 11))
    assert kept.after(0) is None
    assert room.taken == 0


def test_whom_nobody_follows_takes_no_room() -> None:
    room = Room()
    kept = Recent(room)
    kept.keep(_events(1, 3))
    kept.forget()
    assert room.taken == 0
    assert kept.after(2) is None


def test_i4_whatever_is_forgotten_what_is_given_has_no_gap() -> None:
    chance = random.Random(0)
    room = Room(3000)
    tenants = [(Recent(room), [0]) for _ in range(5)]
    for _ in range(2000):
        kept, head = chance.choice(tenants)
        last = head[0] + chance.randint(1, 5)
        kept.keep(_events(head[0] + 1, last, chance.randint(1, 200)))
        head[0] = last
        assert room.taken <= 3000
        position = chance.randint(0, last - 1)
        assert _positions(kept.after(position)) in (None, list(range(position + 1, last + 1)))
