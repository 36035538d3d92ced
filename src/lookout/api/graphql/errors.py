"""Errors: those that a mutation answers with, and what the rest become, with nothing of the inside in it."""

from collections.abc import Mapping
from typing import Annotated

import strawberry
import structlog
from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import MaskErrors
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.utils.str_converters import to_camel_case

from lookout.alerts.text import escaped
from lookout.api.graphql.ids import INCIDENT
from lookout.api.graphql.incidents import Incident
from lookout.errors import (
    Conflict,
    Forbidden,
    Gone,
    LookoutError,
    NotFound,
    Overloaded,
    Refused,
    TooMany,
    Unauthenticated,
)
from lookout.store.database import PASSING_ERRORS

_SHOWN_ID = 200
_READABLE = (GraphQLError, CannotGetOperationTypeError, InvalidOperationTypeError, MissingQueryError)
"""What is written for whoever wrote the document."""

log = structlog.get_logger()


@strawberry.interface(description="Why something was not done.")
class Error:
    message: str = strawberry.field(description="The reason, for a person.")
    code: str | None = strawberry.field(description="The reason, for a program.")


@strawberry.federation.type(shareable=True, description="What was sent cannot be used, or not in the present state.")
class ValidationError(Error):
    field: str | None = strawberry.federation.field(description="The argument that is wrong.")
    constraint: str | None = strawberry.federation.field(description="What it has to be like.")


@strawberry.federation.type(shareable=True, description="There is no such thing in this tenant.")
class NotFoundError(Error):
    resource_type: str = strawberry.federation.field(description="What was looked for.")
    resource_id: str = strawberry.federation.field(description="The id that was given.")


@strawberry.federation.type(shareable=True, description="The caller may not do this.")
class AuthError(Error):
    pass


IncidentResult = Annotated[
    Incident | ValidationError | NotFoundError | AuthError,
    strawberry.union("IncidentResult", description="The incident after the action, or why nothing was done."),
]


def refusal_of(error: Refused | NotFound | Forbidden, given_id: str) -> ValidationError | NotFoundError | AuthError:
    """What a mutation answers instead of an incident."""
    message = escaped(str(error))
    if isinstance(error, Forbidden):
        return AuthError(message=message, code=_code_of(error))
    if isinstance(error, NotFound):
        return NotFoundError(
            message=message, code=_code_of(error), resource_type=INCIDENT, resource_id=escaped(given_id[:_SHOWN_ID])
        )
    return ValidationError(
        message=message,
        code=_code_of(error),
        field=to_camel_case(error.field) or None,
        constraint=error.constraint or None,
    )


_CODES: Mapping[type[Exception], str] = {
    Conflict: "CONFLICT",
    Refused: "VALIDATION_ERROR",
    NotFound: "NOT_FOUND",
    Gone: "GONE",
    Forbidden: "FORBIDDEN",
    Unauthenticated: "UNAUTHENTICATED",
    TooMany: "TOO_MANY_REQUESTS",
    Overloaded: "UNAVAILABLE",
    **dict.fromkeys(PASSING_ERRORS, "UNAVAILABLE"),
}


def _code_of(error: BaseException | None) -> str:
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), "INTERNAL")


def _message_of(error: BaseException | None) -> str:
    if isinstance(error, LookoutError):
        return escaped(str(error))
    return "the database does not answer; try again" if isinstance(error, PASSING_ERRORS) else "internal error"


class ExplainErrors(MaskErrors):
    """Lookout's own errors become GraphQL errors with a code; of all others only that there was one goes out.

    What is written for the author of a document goes out as it is, and what it quotes steers nothing.
    """

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        if not _is_inside(error):
            error.message = escaped(error.message)
            return error
        return explained(error)


def explained(error: GraphQLError) -> GraphQLError:
    """The error as it goes out: with a code, and with nothing of the inside."""
    original = error.original_error
    extensions: dict[str, object] = {"code": _code_of(original)}
    if isinstance(original, Refused):
        extensions |= {"field": original.field, "constraint": original.constraint}
    if isinstance(original, Gone):
        extensions["firstPosition"] = original.first_position
    if isinstance(original, Overloaded):
        extensions["retryAfter"] = original.retry_after
    return GraphQLError(
        _message_of(original),
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )


def _is_inside(error: GraphQLError) -> bool:
    return error.original_error is not None and not isinstance(error.original_error, _READABLE)


def log_unexpected(error: GraphQLError) -> None:
    """Log what should not happen. What a document asks wrongly is its author's business."""
    original = error.original_error
    if isinstance(original, PASSING_ERRORS):
        log.warning("graphql", action="database_away", error=repr(original))
    elif _is_inside(error) and not isinstance(original, LookoutError):
        log.error("graphql", action="request_failed", path=error.path, exc_info=original)
