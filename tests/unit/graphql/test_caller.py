"""Who asks: whom a middleware has found, else the caller of local mode."""

import pytest
from starlette.requests import HTTPConnection

from lookout.api.graphql.asking import caller_of
from lookout.api.parts import Caller
from lookout.errors import Refused


def connection(state: dict[str, object] | None, name: str = "jo") -> HTTPConnection:
    scope: dict[str, object] = {"type": "http", "headers": [(b"x-user-id", name.encode())]}
    return HTTPConnection(scope if state is None else {**scope, "state": state})


def test_without_a_middleware_it_is_the_local_tenant() -> None:
    assert caller_of(connection(None)) == Caller("default", "jo")
    assert caller_of(connection({})) == Caller("default", "jo")
    assert caller_of(connection({"caller": "admin"})) == Caller("default", "jo")


def test_the_caller_of_a_middleware_wins() -> None:
    known = Caller("tenant", "kim")
    assert caller_of(connection({"caller": known})) == known


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(Refused):
        caller_of(connection(None, "x" * 201))
