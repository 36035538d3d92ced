"""The headers of a request as they came, for what looks at a few of them on every request."""

from starlette.types import Scope


def headers_given(scope: Scope) -> dict[bytes, bytes]:
    """By lower-case name. Of a header that is there more than once the first, as Starlette takes it."""
    return dict(reversed(scope["headers"]))
