"""A time as people write it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from lookout.cli.moments import moment_of
from lookout.errors import Refused

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ZONE = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("90m", 10, 30),
        ("1h30m", 10, 30),
        ("2026-01-31T12:15", 10, 15),
        ("2026-01-31 12:15:00", 10, 15),
        ("2026-01-31T12:15:00Z", 12, 15),
        ("2026-01-31T12:15:00+01:00", 11, 15),
    ],
)
def test_how_long_ago_or_when(text: str, hour: int, minute: int) -> None:
    assert moment_of(text, NOW, ZONE) == NOW.replace(hour=hour, minute=minute)


def test_without_a_zone_it_is_the_machines() -> None:
    assert moment_of("2026-01-31T12:00", NOW, None) == datetime(2026, 1, 31, 12).astimezone()


@pytest.mark.parametrize("text", ["yesterday", "12:15", "", "99999999999d", "\x1b[2J"])
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(Refused, match="90m or 2d") as refused:
        moment_of(text, NOW, ZONE)
    assert "\x1b" not in str(refused.value)
