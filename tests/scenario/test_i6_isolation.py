"""I6: what `lookout isolation-test` would find; what it tries is in `tests/fault/test_isolation_command.py`."""

from collections.abc import Callable
from typing import cast

import httpx
import pytest
from graphql import build_schema
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from tests.access import ACCESS, api_token, bearer, person
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.api.auth.browser import CREDENTIAL, TENANT
from lookout.api.parts import Scope
from lookout.probe import documents, surfaces
from lookout.probe.alone import LIMITS
from lookout.probe.asks import Ask
from lookout.probe.documents import Untried
from lookout.probe.sides import Side
from lookout.probe.trials import Probe, Report, all_there_is
from lookout.store.sql import SQL

FORGETFUL = {
    "incident": "SELECT * FROM incidents WHERE $1::text IS NOT NULL AND id = $2",
    "rejected_alerts_before": (
        "SELECT * FROM rejected_alerts WHERE $1::text IS NOT NULL AND id < $2 ORDER BY id DESC LIMIT $3"
    ),
}
"""Statements that forget their tenant."""
SURFACES = (
    "GET /v1/incidents/{id}",
    "GET /v1/incidents/{id}/alerts",
    "GET /v1/rejected-alerts",
    "GraphQL query incident",
    "tool get_incident",
)
"""Where they are asked as they are."""


async def side(lookout: Driver, tenant_id: str, word: str) -> Side:
    """A tenant with a credential of each kind."""
    sender = await api_token(lookout, Scope.INGEST, tenant_id=tenant_id)
    token = await api_token(lookout, Scope.READ, Scope.OPERATE, tenant_id=tenant_id)
    someone = person(lookout, tenant_id)
    callers = {
        "a person": bearer(someone),
        "a token": bearer(token.text),
        "a browser": {"Cookie": f"{CREDENTIAL}={someone}; {TENANT}=owner-side"},
    }
    return Side(tenant_id, callers, bearer(sender.text), word)


def may_ask(surface: str) -> bool:
    """Whether a forgetful statement may be asked somewhere in it: for an action, say, or beside something else."""
    return "incident" in surface.lower() or "rejected" in surface


async def probed(lookout: Driver, wanted: Callable[[str], bool]) -> Report:
    """What the probe has to say of some surfaces of a running Lookout."""
    owner, intruder = await side(lookout, "owner-side", "amaranth"), await side(lookout, "spying-side", "begonia")
    async with httpx.AsyncClient(base_url=lookout.url, timeout=30) as http:
        write_down = lookout.running.parts.intake.tally.flush
        asks = [ask for ask in all_there_is(lookout.running.routes) if isinstance(ask, Ask) and wanted(ask.surface)]
        return await Probe(http, asks, write_down, owner, intruder).run(lookout.clock.now())


@pytest.fixture
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, statement in FORGETFUL.items():
        monkeypatch.setitem(cast("dict[str, str]", SQL), name, statement)


@pytest.mark.usefixtures("_forgetful")
async def test_i6_a_statement_that_forgets_its_tenant_shows_nothing(start: Start) -> None:
    """Row-level security stands behind it."""
    async with start(access=ACCESS, limits=LIMITS) as lookout:
        report = await probed(lookout, may_ask)
    assert report.findings == [], "\n".join(report.findings)


@pytest.mark.usefixtures("_forgetful")
async def test_the_probe_finds_what_nothing_stands_behind(start: Start) -> None:
    async with start(access=ACCESS, limits=LIMITS, as_superuser=True) as lookout:
        report = await probed(lookout, SURFACES.__contains__)
    found = "\n".join(report.findings)
    for told in (
        "GET /v1/incidents/{id} by a person: another status for what is another tenant's (200)",
        "GET /v1/incidents/{id} by a token: another status",
        "GET /v1/incidents/{id}/alerts by a person: another status",
        "GraphQL query incident by a person: another body",
        "tool get_incident by a person: another body",
        "GET /v1/rejected-alerts shows 'amaranth' of another tenant",
        "is not the same to who did nothing",
    ):
        assert told in found, told


async def _nothing(_: object) -> Response:
    raise AssertionError


@pytest.mark.parametrize(
    ("route", "told"),
    [
        (Route("/v1/reports/{report}", _nothing), "nobody knows what stands for report in GET /v1/reports/{report}"),
        (WebSocketRoute("/new", _nothing), "nothing speaks to the WebSocket /new"),
        (Mount("/new", routes=[]), "is no route whose paths are known"),
    ],
)
def test_a_surface_that_nobody_knows_how_to_try_is_a_finding(route: BaseRoute, told: str) -> None:
    [untried] = surfaces.asks_of([route])
    assert isinstance(untried, Untried)
    assert told in str(untried)


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("type Query { report(number: Int!): String }", "nobody knows what to give report for number"),
        ("type Query { a: Int } type Subscription { reports: Int }", "nothing follows the subscription reports"),
    ],
)
def test_a_field_that_nobody_knows_how_to_ask_for_is_a_finding(field: str, told: str) -> None:
    *_, untried = documents.asks_of(build_schema(field))
    assert isinstance(untried, Untried)
    assert told in str(untried)
