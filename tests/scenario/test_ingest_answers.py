"""`POST /api/v2/alerts` over HTTP answers as Alertmanager 0.33 did: the same status, and the same shape of error.

The bodies and the captured answers stand in the parser's own tests; here are the rows about HTTP too.
"""

import json
from typing import NamedTuple

import httpx
import pytest
from tests.clock import FakeClock
from tests.driver import Driver
from tests.unit.core.test_alertmanager_api_answers import ANSWERS, BODIES
from tests.unit.times import NOW

JSON = "application/json"
GOOD = b'[{"labels":{"alertname":"Good"}}]'


class Row(NamedTuple):
    """What is sent."""

    body: bytes = GOOD
    content_type: str | None = JSON
    method: str = "POST"
    path: str = "/api/v2/alerts"
    accept: str = "*/*"


ROWS: dict[str, Row] = {
    **{name: Row(body) for name, body in BODIES.items()},
    "array with null": Row(b"[null]"),
    "no content-type": Row(content_type=None),
    "ct text/plain": Row(content_type="text/plain"),
    "ct json charset": Row(content_type="application/json; charset=utf-8"),
    "ct json utf-16": Row(content_type="application/json; charset=utf-16"),
    "ct form": Row(content_type="application/x-www-form-urlencoded"),
    "PUT": Row(method="PUT"),
    "DELETE": Row(method="DELETE"),
    "trailing slash": Row(path="/api/v2/alerts/"),
    "v1": Row(path="/api/v1/alerts"),
    "accept xml": Row(accept="application/xml"),
    "HEAD status": Row(b"", method="HEAD", path="/api/v2/status"),
    "OPTIONS alerts": Row(b"", method="OPTIONS"),
}

DIFFERS = {
    "array with null": (400, "text"),  # Alertmanager panics and loses the good alerts beside the null
    "OPTIONS alerts": (405, "error"),  # no page of another origin may send here, so none is invited to
}


@pytest.fixture
def clock() -> FakeClock:
    """The bodies hold times around that of the capture."""
    return FakeClock(NOW)


def _shape(body: str) -> str:
    if not body:
        return "empty"
    match json.loads(body):
        case str() if body.endswith("\n"):
            return "text"
        case {"code": int(), "message": str(), **others} if not others:
            return "object"
        case {"status": "deprecated", "error": str(), **others} if not others:
            return "deprecated"
        case {"error": str(), **others} if not others:
            return "error"
        case _:
            return body


async def _ask(http: httpx.AsyncClient, row: Row) -> tuple[int, str]:
    headers = {"Accept": row.accept} | ({"Content-Type": row.content_type} if row.content_type is not None else {})
    answer = await http.request(row.method, row.path, content=row.body, headers=headers)
    return answer.status_code, _shape(answer.text)


async def test_status_and_shape_of_every_answer_are_alertmanagers(lookout: Driver) -> None:
    assert ROWS.keys() == ANSWERS.keys()
    expected = {name: (status, _shape(body)) for name, (status, body) in ANSWERS.items()} | DIFFERS
    assert {name: await _ask(lookout.http, row) for name, row in ROWS.items()} == expected


async def test_a_framework_error_repeats_its_status_as_code_or_names_the_schemas(lookout: Driver) -> None:
    for body, code in ((b"{", 400), (b"", 602), (b'[{"labels":{"a":"b"},"generatorURL":"not a uri"}]', 601)):
        answer = await lookout.repeats_captured("/api/v2/alerts", body)
        assert answer.json()["code"] == code
    assert (await lookout.http.put("/api/v2/alerts", json=[])).headers["Allow"] == "GET,POST"


async def test_what_is_refused_whole_leaves_nothing_behind(lookout: Driver) -> None:
    refused = {name: row for name, row in ROWS.items() if ANSWERS[name][0] not in (200, 204) and "partial" not in name}
    for row in refused.values():
        assert (await _ask(lookout.http, row))[0] >= 400
    assert await lookout.incidents() == []
