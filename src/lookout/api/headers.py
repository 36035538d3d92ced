"""The headers of a request as they came, for what looks at a few of them on every request."""

from starlette.types import Scope

_KEY = "lookout.headers"


def headers_given(scope: Scope) -> dict[bytes, bytes]:
    """By lower-case name. Of a header that is there more than once the first, as Starlette takes it."""
    known: dict[bytes, bytes] | None = scope.get(_KEY)
    if known is None:
        known = scope[_KEY] = dict(reversed(scope["headers"]))
    return known
