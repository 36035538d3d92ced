"""Statements of `queries.sql` that go out as one."""

from lookout.store.sql import SQL, together


def test_one_statement_alone_is_as_it_is() -> None:
    assert together(("advance_feeds",)) == SQL["advance_feeds"]


def test_the_parameters_of_several_are_theirs_in_turn() -> None:
    statement = together(("forget_heartbeats", "advance_feeds", "wake_followers"))
    assert "unnest($1::text[], $2::text[], $3::text[])" in statement
    assert "unnest($4::text[], $5::bigint[])" in statement
    assert statement.endswith(SQL["wake_followers"].replace("$1", "$6"))
    assert statement.startswith("WITH part_1 AS (\nDELETE FROM heartbeats")
