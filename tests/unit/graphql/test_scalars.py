"""The scalars: what is written, and what is read."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from lookout.api.graphql.scalars import read_position, read_time, write_json, write_time
from lookout.incidents.events import AlertsChanged, AlertsDelta
from lookout.store.reads import END


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_written_as_in_all_of_lookouts_json(time: datetime) -> None:
    assert f'"{write_time(time)}"'.encode() == msgspec.json.encode(time)
    assert write_time(time).endswith("Z")
    assert read_time(write_time(time)) == time


def test_a_time_of_any_zone_is_read_as_utc() -> None:
    assert read_time("2026-01-01T01:00:00+01:00") == datetime(2026, 1, 1, tzinfo=UTC)
    assert write_time(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "value", ["", "now", "2026-01-01", "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", 5, None, True, [], {}]
)
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(GraphQLError, match="RFC 3339"):
        read_time(value)


@given(st.integers(0, END - 1))
def test_a_position_is_an_integer_beyond_32_bits(position: int) -> None:
    assert read_position(position) == position


@pytest.mark.parametrize("value", [-1, END, pytest.param(10**5000, id="5001 digits"), 1.0, "1", True, None, [1]])
def test_what_is_no_position_is_refused_in_a_short_text(value: object) -> None:
    with pytest.raises(GraphQLError, match="is not a position") as refused:
        read_position(value)
    assert len(refused.value.message) < 120


def test_json_has_the_words_of_the_feed() -> None:
    change = AlertsChanged(datetime(2026, 1, 1, tzinfo=UTC), AlertsDelta(started=1))
    assert msgspec.json.encode(write_json(change)) == msgspec.json.encode(change)
