"""An ask for each route and each tool: what it takes is known here, what there is says the program."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from starlette.routing import BaseRoute, Route, WebSocketRoute

from lookout.api.mcp.tools import TOOLS, Tool
from lookout.probe.asks import Ask
from lookout.probe.documents import Untried

TIME = {"start": "2026-01-01T00:00:00Z", "end": "2027-12-01T00:00:00Z"}
_PATH: Mapping[str, str] = {"id": "<incident>", "source": "prometheus", "fingerprint": "<fingerprint>"}
"""What stands in a path, by the name of the place."""
_BODIES: Mapping[str, Mapping[str, Any]] = {
    "acknowledge": {},
    "assign": {"assignee": "x"},
    "resolve": {"reason": "x"},
    "notes": {"text": "x"},
    "investigations": {"report_id": "r", "summary": "x", "investigator": "x"},
}
"""What an action takes, by the end of its path."""
_QUERIES: Mapping[str, tuple[dict[str, str], ...]] = {
    "/v1/incidents": (
        {},
        {"first": "1"},
        {"after": "<cursor>"},
        {"as_of": "2027-01-01T00:00:00Z", "after": "<cursor>"},
    ),
    "/v1/feed": ({"first": "200"}, {"after": "<position>"}),
    "/v1/stats": (TIME,),
    "/v1/rejected-alerts": ({}, {"after": "<position>"}),
    "/": (
        {},
        {"part": "rows"},
        {"part": "rows", "kind": "resolved"},
        {"part": "rows", "kind": "resolved", "after": "<pcursor>"},
        {"as_of": "2026-06-01T00:00:00Z", "after": "<pcursor>"},
        {"view": "wall"},
        {"q": "<word>"},
    ),
    "/incidents/{id}": ({}, {"alerts_after": "0:<fingerprint>"}),
    "/incidents/{id}/timeline": ({}, {"before": "<position>"}),
    "/v1/incidents/{id}/alerts": ({}, {"after": "<fingerprint>"}),
    "/v1/incidents/{id}/events": ({}, {"after": "<position>"}),
    "/v1/incidents/{id}/related": ({}, {"first": "20"}),
    "/v1/incidents/{id}/grouping": ({}, {"after": "<fingerprint>"}),
    "/v1/incidents/{id}/investigations": ({}, {"after": "<position>"}),
    "/api/v2/alerts": ({}, {"filter": 'job="<word>"'}),
    "/api/v2/alerts/groups": ({}, {"filter": 'job="<word>"'}),
}
_INGEST = frozenset(("/api/v2/alerts", "/v1/alertmanager", "/v1/grafana", "/v1/events", "/v2/enqueue"))
"""What senders send to: `trials.py` sends as an impostor."""
ELSEWHERE = frozenset(("/graphql", "/graphql/ws", "/mcp", "/live"))
"""Asked by what they hold, and not by their path; and followed."""
SAME_FOR_ALL = frozenset(("/static/{name}",))
"""Files of the program."""
_OF_PROGRAMS = re.compile(r"/(v[0-9]+|api|-)/")
"""How the paths begin that take JSON. Everything else is a page's, and takes forms."""
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
_MCP = {"Accept": "application/json, text/event-stream"}
_NEEDED: Mapping[str, Any] = {
    "incident_id": "<incident>",
    "assignee": "x",
    "text": "x",
    "report_id": "r",
    "summary": "x",
}
"""What tools need, by the argument's name."""
_GIVEN: Mapping[str, Mapping[str, Any]] = {"incident_stats": TIME, "list_incidents": {"status": "all"}}
_MORE: Mapping[str, Mapping[str, Any]] = {
    "list_incidents": {"status": "all", "after": "warning:<position>"},
    "why_grouped": {"incident_id": "<own>", "after": "<fingerprint>"},
}
"""More to give to tools."""


def asks_of(routes: Iterable[BaseRoute]) -> Iterator[Ask | Untried]:
    """An ask for each method of each route, one at least."""
    for route in routes:
        if isinstance(route, WebSocketRoute):
            if route.path not in ELSEWHERE:
                yield Untried(f"nothing speaks to the WebSocket {route.path}: see probe/streams.py")
        elif not isinstance(route, Route):
            yield Untried(f"{route!r} is no route whose paths are known")
        elif route.path not in ELSEWHERE | SAME_FOR_ALL and "{path:path}" not in route.path:
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield from _asks_of(method, route.path)


def _asks_of(method: str, path: str) -> Iterator[Ask | Untried]:
    surface = f"{method} {path}"
    named = re.findall(r"{(\w+)}", path)
    if unknown := [name for name in named if name not in _PATH]:
        yield Untried(f"nobody knows what stands for {', '.join(unknown)} in {surface}: see probe/surfaces.py")
        return
    template = re.sub(r"{(\w+)}", lambda found: _PATH[found[1]], path)
    if method == "GET":
        for query in _QUERIES.get(path, ({},)):
            yield Ask(surface, method, template, query)
            if "<incident>" in template and query:  # where another's goes on, in a list of one's own
                yield Ask(surface, method, template.replace("<incident>", "<own>"), query)
        if path == "/v1/feed":
            yield Ask(surface, method, template, headers={"Last-Event-ID": "<position>"})
    elif path in _INGEST:
        return
    elif method == "DELETE":
        yield Ask(surface, method, template, writes=bool(named))
    else:
        headers = {} if _OF_PROGRAMS.match(path) else _FORM
        body = _BODIES.get(path.rpartition("/")[2], {})
        yield Ask(surface, method, template, headers=headers, body=body, writes=bool(named))


def asks_of_tools() -> Iterator[Ask | Untried]:
    """An ask for each tool, and for the resource."""
    for tool in TOOLS.values():
        try:
            yield _call(tool)
            if tool.name in _MORE:
                yield _rpc(tool.name, "tools/call", {"name": tool.name, "arguments": _MORE[tool.name]})
        except Untried as untried:
            yield untried
    yield _rpc("resource", "resources/read", {"uri": "incident://<incident>"})


def _call(tool: Tool) -> Ask:
    given = dict(_GIVEN.get(tool.name, {}))
    for field in msgspec.structs.fields(tool.takes):
        if field.required:
            if field.name not in _NEEDED:
                raise Untried(f"nobody knows what to give {tool.name} for {field.name}: see probe/surfaces.py")
            given[field.name] = _NEEDED[field.name]
    return _rpc(tool.name, "tools/call", {"name": tool.name, "arguments": given}, writes=not tool.only_reads)


def _rpc(name: str, method: str, params: Mapping[str, Any], *, writes: bool = False) -> Ask:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return Ask(f"tool {name}", "POST", "/mcp", headers=_MCP, body=body, writes=writes)
