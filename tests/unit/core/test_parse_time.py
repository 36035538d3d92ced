"""Times as Go's strfmt.DateTime reads them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.unit.times import NOW

from lookout.alerts.alert import LATEST, parse_time

THREE = datetime(2026, 11, 23, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T03:00:00Z", THREE),
        ("2026-11-23T03:00:00.5Z", THREE + timedelta(milliseconds=500)),
        ("2026-11-23T03:00:00.123456Z", THREE + timedelta(microseconds=123456)),
        ("2026-11-23T03:00:00.123456789Z", THREE + timedelta(microseconds=123456)),
        ("2026-11-23T03:00:00.1234567891234Z", THREE + timedelta(microseconds=123456)),
        ("2026-11-23T03:00:00,25Z", THREE + timedelta(milliseconds=250)),
        ("2026-11-23T04:00:00+01:00", THREE),
        ("2026-11-23T04:00:00+0100", THREE),
        ("2026-11-22T21:30:00-05:30", THREE),
        ("2026-11-23T03:00:00", THREE),
        ("2026-11-23T03:00Z", THREE),
        ("2026-11-23T03:00", THREE),
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", LATEST),
    ],
)
def test_forms_that_senders_use(text: str, expected: datetime) -> None:
    assert parse_time(text) == expected
    assert parse_time(text).tzinfo is UTC  # pyright: ignore[reportOptionalMemberAccess]


@pytest.mark.parametrize("text", ["", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "0001-12-31T23:59:59-01:00"])
def test_the_year_one_and_the_empty_text_mean_not_set(text: str) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-11-23t03:00:00z",
        "2026-11-23 03:00:00Z",
        "10000-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T03:60:00Z",
        "2026-11-23T03:00:60Z",
        "2026-11-23T03:00:00.Z",
        "2026-11-23T03:00:00+24:00",
        "2026-11-23T03:00:00Z ",
        "2026-11-23T03:00:00Z\n",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "\u0662026-11-23T03:00:00Z",
        "1764000000",
        "x" * 100_000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        parse_time(text)


def test_the_error_names_a_bounded_part_of_what_was_sent() -> None:
    with pytest.raises(ValueError, match="cannot read") as raised:
        parse_time("y" * 1000)
    assert len(str(raised.value)) < 100


@examples(200)
@given(st.timedeltas(timedelta(days=-700_000), timedelta(days=2_900_000)), st.integers(-1439, 1439))
def test_what_python_writes_in_any_zone_is_read_back(distance: timedelta, zone_minutes: int) -> None:
    moment = (NOW + distance).astimezone(timezone(timedelta(minutes=zone_minutes)))
    assert parse_time(moment.isoformat()) == min(moment, LATEST)


@examples(300)
@given(
    st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,9})?(Z|[+-]\d\d:\d\d)", fullmatch=True)
)
def test_any_text_is_a_utc_time_or_not_set_or_refused(text: str) -> None:
    try:
        moment = parse_time(text)
    except ValueError:
        return
    assert moment is None or moment.tzinfo is UTC


def test_a_time_without_end_is_refused_and_not_kept() -> None:
    longest = "2026-11-23T03:00:00." + "0" * 43 + "Z"
    assert len(longest) == 64
    assert parse_time(longest) == THREE
    with pytest.raises(ValueError, match=r"^cannot read '2026-11-23T03:00:00\.0{20}' as an RFC 3339 time$"):
        parse_time("2026-11-23T03:00:00." + "0" * 44 + "Z")
