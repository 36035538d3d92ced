"""A subscription may end with the word that it should come again, and with no other."""

from typing import Any

from faults.followers import faults_of


def _error(code: str | None) -> dict[str, Any]:
    return {"message": "no", **({"extensions": {"code": code}} if code is not None else {})}


def test_a_stop_and_a_database_that_is_away_are_no_fault() -> None:
    assert faults_of("GraphQL", None) == []
    assert faults_of("GraphQL", {"data": None}) == []
    assert faults_of("GraphQL", [_error("UNAVAILABLE")]) == []
    assert faults_of("GraphQL", {"data": None, "errors": [_error("UNAVAILABLE")]}) == []


def test_any_other_error_is() -> None:
    for code in ("INTERNAL", "CONFLICT", "GONE", None):
        assert faults_of("GraphQL", [_error("UNAVAILABLE"), _error(code)]) == ["GraphQL was told no"]
        assert faults_of("GraphQL", {"errors": [_error(code)]}) == ["GraphQL was told no"]
