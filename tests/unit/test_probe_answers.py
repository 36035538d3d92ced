"""What the isolation test takes for the same in two answers."""

import pytest

from lookout.probe.asks import Answer


@pytest.mark.parametrize(
    ("body", "same_as"),
    [
        ('{"after":13}', '{"after":<position>}'),
        ("no position 13.", "no position <position>."),
        ("?after=13&first=2", "?after=<position>&first=2"),
        ('{"received_at":"2026-11-26T01:13:04.461788Z"}', '{"received_at":"2026-11-26T01:13:04.461788Z"}'),
        ('"2026-11-13T13:02:13.13Z"', '"2026-11-13T13:02:13.13Z"'),
        ('{"count":130,"id":"a13"}', '{"count":130,"id":"a13"}'),
    ],
)
def test_the_position_asked_for_is_turned_back_and_no_part_of_a_time_is(body: str, same_as: str) -> None:
    told = Answer(200, (("link", body),), body).without({"position": "13"})
    assert (told.body, told.headers) == (same_as, (("link", same_as),))
