"""A browser's credential. A page has no header of its own, so on the page's paths, and there alone, a cookie counts.

Whatever acts with it is asked where it comes from (`lookout.web.session`): a browser sends a cookie whoever made the
request.
"""

from collections.abc import Mapping

from starlette.requests import cookie_parser

CREDENTIAL = "lookout_credential"
TENANT = "lookout_tenant"
"""The tenant that a platform operator has named. It counts for nobody else."""
SIGN_IN = "/sign-in"
LIVE = "/live"

_PAGES = ("/incidents", "/history", "/sources", "/demo", "/name", "/sign-out", LIVE)
_OPEN = ("/static", "/icon.svg", SIGN_IN)


def is_of_page(path: str) -> bool:
    """Whether this path is one of the page's, for those who are let in."""
    return path == "/" or any(path == page or path.startswith(f"{page}/") for page in _PAGES)


def is_open_to_all(path: str) -> bool:
    """Whether it is one of the page's that tell nothing of anybody's: the way in, and how it looks."""
    return any(path == page or path.startswith(f"{page}/") for page in _OPEN)


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The cookies of a request. One that somebody else on this host has set, however odd, costs none of ours."""
    return cookie_parser(headers.get("cookie", ""))


def authorization_of(headers: Mapping[str, str]) -> str | None:
    """What a browser's credential is in an `Authorization` header, None without one."""
    credential = cookies_of(headers).get(CREDENTIAL, "")
    return f"Bearer {credential}" if credential else None
