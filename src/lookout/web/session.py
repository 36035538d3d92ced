"""Who sits before the browser: signing in and out, the name in local mode, and whether a form is the page's own.

A browser sends its cookie with every request to here, whoever made the page that asks for it. So what changes something
has to come from a page of ours: browsers say where a request comes from, and no page can make them say otherwise.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lookout.alerts.text import one_line
from lookout.api.auth.browser import CREDENTIAL, SIGN_IN, TENANT, cookies_of
from lookout.api.edge import known_caller, visit_of
from lookout.api.parts import (
    LOCAL_ACTOR,
    LOCAL_CREDENTIAL,
    SERVICE_CREDENTIAL,
    Caller,
    Scope,
    name_of,
    tenant_named,
)
from lookout.errors import Forbidden, LookoutError, Refused, Unauthenticated
from lookout.incidents.actions import NAME_LIMIT

NAME = "lookout_name"
"""What somebody in local mode wants to be called."""
STAYS = 30 * 24 * 3600
"""Seconds for which a browser keeps a credential, where that is asked for."""
COOKIE_LIMIT = 3800
"""Bytes of a credential: a browser keeps no longer cookie."""
FORM_LIMIT = 256 * 1024
FIELDS_LIMIT = 20


class Who(msgspec.Struct, frozen=True):
    """Who is shown to be here."""

    name: str
    tenant: str
    is_local: bool
    may_act: bool


def who_is(caller: Caller) -> Who:
    return Who(caller.actor, caller.tenant_id, caller.credential == LOCAL_CREDENTIAL, Scope.OPERATE in caller.scopes)


def caller_of(request: Request) -> Caller:
    """Who asks, under the name that somebody in local mode has given. Raises `Unauthenticated`."""
    caller = known_caller(request)
    if caller.credential == LOCAL_CREDENTIAL and caller.actor == LOCAL_ACTOR:
        name = one_line(_unquoted(cookies_of(request.headers).get(NAME, "")), NAME_LIMIT)
        return msgspec.structs.replace(caller, actor=name or LOCAL_ACTOR)
    return caller


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form of ours. Raises `Forbidden` if it is not ours, `Refused` if it cannot be read."""
    if not is_ours(request):
        raise Forbidden("this form is not from a page of Lookout: open the page itself, and try again there")
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Refused("send a form", "Content-Type", "application/x-www-form-urlencoded")
    taken = bytearray()
    async for chunk in request.stream():
        taken += chunk
        if len(taken) > FORM_LIMIT:
            raise Refused(f"the form is larger than {FORM_LIMIT // 1024} KiB", "body", f"maxLength {FORM_LIMIT}")
    try:
        fields = parse_qsl(taken.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_LIMIT, errors="replace")
    except ValueError:
        raise Refused("the form cannot be read", "body", "application/x-www-form-urlencoded") from None
    return {name: text.replace("\r\n", "\n") for name, text in fields}


def is_ours(request: Request) -> bool:
    """Whether a page of this Lookout made the request. A program has no business here: there is REST for it."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    host = request.headers.get("host", "")
    return request.headers.get("origin") in (f"http://{host}", f"https://{host}")


async def sign_in(request: Request) -> Response:
    """Take a credential, and have the browser keep it. Raises `Unauthenticated`, `Refused`, `Forbidden`."""
    form = await form_of(request)
    visit = visit_of(request)
    if visit.admit is None:  # local mode: nobody has to
        return RedirectResponse("/", 303)
    credential = form.get("credential", "").strip()
    if len(credential) > COOKIE_LIMIT or not credential.isascii() or not credential.isprintable():
        raise Unauthenticated("the credential is not one of ours")
    # By now it is known whether it holds; what it may do is seen at each request.
    caller = (await visit.admit(f"Bearer {credential}")).caller
    assert caller is not None
    _check_reader(caller())
    answer = RedirectResponse(_own_path(request.query_params.get("next", "")), 303)
    stays = STAYS if form.get("stay") else None
    tenant = tenant_named(form.get("tenant", "").strip(), "tenant")
    for name, value in ((CREDENTIAL, credential), (TENANT, tenant)):
        _keep(request, answer, name, value, stays)
    return answer


def _check_reader(caller: Caller) -> None:
    if caller.credential == SERVICE_CREDENTIAL:
        raise Unauthenticated("the service token is for services: sign in with a token of your own")
    if Scope.READ not in caller.scopes:
        raise Refused("this token may not read: make one with `lookout token create --scope read --scope operate`")


async def sign_out(request: Request) -> Response:
    """Have the browser forget the credential."""
    await form_of(request)
    answer = RedirectResponse(SIGN_IN, 303)
    for name in (CREDENTIAL, TENANT):
        answer.delete_cookie(name)
    return answer


async def take_name(request: Request) -> Response:
    """Have the browser keep what somebody in local mode wants to be called."""
    form = await form_of(request)
    answer = RedirectResponse(_own_path(urlsplit(request.headers.get("referer", "/")).path), 303)
    _keep(request, answer, NAME, _quoted(name_of(form.get("name", ""), "name")), STAYS)
    return answer


def problem_of(error: LookoutError) -> str:
    """What is wrong with a credential, for who has just given it."""
    return f"That did not work: {error}."


def _keep(request: Request, answer: Response, name: str, value: str, seconds: int | None) -> None:
    """Lax, so that a link to an incident in a chat finds its reader signed in: what it opens changes nothing."""
    if value:
        is_secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
        answer.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=is_secure)
    else:
        answer.delete_cookie(name)


def _own_path(target: str) -> str:
    """Where to go on: a path here, and nothing that a browser could take for another place."""
    is_path = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_path and len(target) <= 2000 and "\\" not in target else "/"


def _quoted(text: str) -> str:
    return text.encode().hex()


def _unquoted(text: str) -> str:
    try:
        return bytes.fromhex(text).decode()
    except ValueError:
        return ""
