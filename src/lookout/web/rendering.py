"""The templates and what they know. All that they print is escaped, and loses its control and direction characters."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from lookout.alerts.text import one_line, without_marks
from lookout.web.charts import in_words
from lookout.web.markdown import safe_html
from lookout.web.words import age, chips, counted, firing_words, headline, utc

_HERE = Path(str(files("lookout.web")))
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Not `no-referrer`, with which a browser calls the origin of the page's own forms `null`.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
BUNDLE = "page.js"
PARTS = ("htmx.min.js", "hx-sse.min.js", "lookout.js")
"""The scripts, in one file: htmx begins when it is loaded, and the others have to be there by then."""
_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


class _Asset(msgspec.Struct, frozen=True):
    content: bytes
    kind: str
    version: str


@cache
def _assets() -> Mapping[str, _Asset]:
    static = _HERE / "static"
    scripts = b";\n".join((static / name).read_bytes() for name in PARTS)
    files = {BUNDLE: scripts, **{path.name: path.read_bytes() for path in static.glob("*.css")}}
    return {
        name: _Asset(content, _KINDS[Path(name).suffix], hashlib.sha256(content).hexdigest()[:12])
        for name, content in files.items()
    }


@cache
def _templates() -> Environment:
    """Compiled when they are first asked for, which takes longer than most answers."""
    templates = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: dict[str, Any] = templates.filters
    filters.update(
        {
            "line": _line,
            "markdown": safe_html,
            "time": _time,
            "iso": _iso,
            "local_input": _local_input,
            "headline": headline,
            "chips": chips,
            "firing": firing_words,
            "counted": counted,
            "span": in_words,
            "seconds": _seconds,
        }
    )
    known: dict[str, Any] = templates.globals
    known["static"] = _static
    return templates


class Rendering:
    """Turns templates into answers."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        # At the start, which fails if they are missing, and once in a process.
        self._templates, self._assets = _templates(), _assets()

    def page(self, name: str, status: int = 200, then: datetime | None = None, **values: Any) -> Response:
        """The template as an answer. What it shows is as old as it is now, or was `then`."""
        now = self._now()
        template = self._templates.get_template(name)
        ago = partial(_ago, now) if then is None else partial(_ago, then, kind="then")
        text = template.render(now=now, ago=ago, **values)
        return HTMLResponse(text, status, HEADERS)

    def asset(self, request: Request) -> Response:
        """A file of the page. Its address changes with what is in it, so it may be kept."""
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            return Response(status_code=404)
        keep = "public, max-age=31536000, immutable" if request.url.query else "no-cache"
        return Response(asset.content, headers={"Content-Type": asset.kind, "Cache-Control": keep})

    def routes(self) -> list[Route]:
        """The files."""
        return [Route("/static/{name}", self.asset, methods=["GET"])]


def _static(name: str) -> str:
    return f"/static/{name}?v={_assets()[name].version}"


def _finalized(value: Any) -> Any:
    """Nothing that anybody sent is printed with what reorders or hides text on a screen."""
    return without_marks(value) if type(value) is str else value


def _line(text: object, limit: int) -> str:
    return one_line(str(text), limit)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _local_input(at: datetime) -> str:
    """As a browser's field for a time has it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M}"


def _seconds(seconds: float) -> str:
    return in_words(timedelta(seconds=seconds))


def _time(at: datetime) -> Markup:
    """A time: in UTC as it is sent, in the reader's zone once the script has seen it."""
    return Markup('<time datetime="{}">{}</time>').format(_iso(at), utc(at))


def _ago(now: datetime, at: datetime, kind: str = "ago") -> Markup:
    """How long ago. The script keeps it up to date, but for what is at another time."""
    return Markup('<time class="{}" datetime="{}">{}</time>').format(kind, _iso(at), age(now - at))
