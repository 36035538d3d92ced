"""Answers: JSON out, and every error of Lookout as its HTTP status, in one place."""

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from lookout.alerts.text import escaped
from lookout.errors import (
    Conflict,
    Forbidden,
    Gone,
    LookoutError,
    NotFound,
    Overloaded,
    Refused,
    TooMany,
    TooSlow,
    Unauthenticated,
    Unsigned,
)
from lookout.store.database import PASSING_ERRORS

RETRY_AFTER_SECONDS = 1
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="lookout"'}
"""What goes with a 401."""

log = structlog.get_logger()


class Json(Response):
    """A value as JSON, written by msgspec."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return msgspec.json.encode(content)


class GoneView(msgspec.Struct, frozen=True):
    """What is asked for is not kept any more: the log begins at `first_position` now."""

    error: str
    first_position: int


def error_answer(message: str, status: int, headers: dict[str, str] | None = None) -> Response:
    """An error as the platform's services write it: `{"error": ...}`. What it quotes of the request steers nothing."""
    return Json({"error": escaped(message)}, status, headers)


_STATUSES: Mapping[type[LookoutError], int] = {
    NotFound: 404,
    Unsigned: 401,
    Unauthenticated: 401,
    Forbidden: 403,
    Conflict: 409,
    Refused: 400,
    Gone: 410,
    TooSlow: 408,
    TooMany: 429,
    Overloaded: 503,
}


def status_of(error: LookoutError) -> int:
    """The HTTP status of one of Lookout's own errors."""
    return next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), 500)


def headers_of(error: LookoutError) -> dict[str, str] | None:
    """What its answer says besides."""
    match error:
        case Overloaded(retry_after=seconds):
            return {"Retry-After": str(seconds)}
        case Unauthenticated():
            return CHALLENGE
        case _:
            return None


def lookout_error(_: Request, error: Exception) -> Response:
    """The answer to one of Lookout's own errors."""
    assert isinstance(error, LookoutError)
    if isinstance(error, Gone):
        return Json(GoneView(str(error), error.first_position), status_of(error))
    return error_answer(str(error), status_of(error), headers_of(error))


def database_away(_: Request, error: Exception) -> Response:
    """The answer while the database cannot be asked."""
    log.warning("api", action="database_away", error=repr(error))
    return error_answer("the database does not answer; try again", 503, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def unexpected(_: Request, error: Exception) -> Response:
    """The answer to what should not happen: nothing of the inside goes out, all of it is logged."""
    log.error("api", action="request_failed", exc_info=error)
    return error_answer("internal error", 500)


def error_words(error: Exception, surface: str) -> str:
    """What an answer that is no HTTP status says of an error: Lookout's own words, and of all others only the kind."""
    if isinstance(error, LookoutError):
        return escaped(str(error))
    if isinstance(error, PASSING_ERRORS):
        log.warning(surface, action="database_away", error=repr(error))
        return "the database does not answer; try again"
    log.error(surface, action="request_failed", exc_info=error)
    return "internal error"


def http_error(_: Request, error: Exception) -> Response:
    """The answer to a wrong path or method."""
    status = getattr(error, "status_code", 500)
    return error_answer(str(getattr(error, "detail", error)), status, getattr(error, "headers", None))


def client_gone(_: Request, __: Exception) -> Response:
    """The answer that nobody reads."""
    return Response(status_code=499)


HANDLERS: dict[Any, Any] = {
    ClientDisconnect: client_gone,
    LookoutError: lookout_error,
    404: http_error,
    405: http_error,
    **dict.fromkeys(PASSING_ERRORS, database_away),
    Exception: unexpected,
}


def answer_to(request: Request, error: Exception) -> Response:
    """The answer to an error of a surface that no router stands before."""
    return next(HANDLERS[kind] for kind in type(error).__mro__ if kind in HANDLERS)(request, error)
