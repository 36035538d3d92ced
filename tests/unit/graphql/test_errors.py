"""What an error becomes on its way out, and what is logged of it."""

import pytest
from graphql import GraphQLError
from structlog.testing import capture_logs

from lookout.api.graphql.errors import ExplainErrors, NotFoundError, ValidationError, log_unexpected, refusal_of
from lookout.errors import Conflict, NotFound, Overloaded, Refused


def explained(original: Exception) -> GraphQLError:
    error = GraphQLError(str(original), original_error=original)
    explain = ExplainErrors()
    assert explain.should_mask_error(error), "each is looked at"
    return explain.anonymise_error(error)


@pytest.mark.parametrize(
    ("original", "message", "extensions"),
    [
        (Refused("no", "first", "max"), "no", {"code": "VALIDATION_ERROR", "field": "first", "constraint": "max"}),
        (Conflict("no", "after", "max"), "no", {"code": "CONFLICT", "field": "after", "constraint": "max"}),
        (NotFound("none"), "none", {"code": "NOT_FOUND"}),
        (Overloaded("later", 5), "later", {"code": "UNAVAILABLE", "retryAfter": 5}),
        (TimeoutError("10.0.0.1"), "the database does not answer; try again", {"code": "UNAVAILABLE"}),
        (ValueError("a secret"), "internal error", {"code": "INTERNAL"}),
    ],
)
def test_what_goes_out(original: Exception, message: str, extensions: dict[str, object]) -> None:
    error = explained(original)
    assert error.message == message
    assert error.extensions == extensions
    assert error.original_error is None


def test_what_is_wrong_with_a_document_goes_out_as_it_is_and_steers_nothing() -> None:
    assert explained(GraphQLError("no such field")).message == "no such field"
    error = GraphQLError('no "\x1b[2J\u202e"', extensions={"x": 1})
    said = ExplainErrors().anonymise_error(error)
    assert (said.message, said.extensions) == ('no "\\u001b[2J\\u202e"', {"x": 1})


def test_only_what_is_unexpected_is_logged() -> None:
    with capture_logs() as logs:
        for original in (Refused("no"), NotFound("none"), Overloaded("later"), GraphQLError("x"), None):
            log_unexpected(GraphQLError("x", original_error=original))
        assert logs == []
        log_unexpected(GraphQLError("x", original_error=TimeoutError()))
        log_unexpected(GraphQLError("x", original_error=ValueError("a secret")))
    assert [(entry["action"], entry["log_level"]) for entry in logs] == [
        ("database_away", "warning"),
        ("request_failed", "error"),
    ]


def test_a_refused_mutation_answers_with_the_field() -> None:
    assert refusal_of(Refused("no", "text", "minLength 1"), "x") == ValidationError(
        message="no", code="VALIDATION_ERROR", field="text", constraint="minLength 1"
    )
    assert refusal_of(Conflict("no"), "x") == ValidationError(
        message="no", code="CONFLICT", field=None, constraint=None
    )
    assert refusal_of(NotFound("none"), "x" * 500) == NotFoundError(
        message="none", code="NOT_FOUND", resource_type="Incident", resource_id="x" * 200
    )
