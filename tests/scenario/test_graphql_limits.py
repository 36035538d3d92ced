"""GraphQL's limits over HTTP: each refuses with a text that names it, and a bad request is never a crash."""

from typing import Any

from graphql import get_introspection_query
from tests.driver import Driver
from tests.unit.graphql.client import ask, refusal

DEEP = """{ incidentsConnection(page: {first: 1}) { nodes { events(first: 1) { nodes { incident { events(first: 1) {
  nodes { incident { events(first: 1) { nodes { position } } } } } } } } } } }"""
BIG = "{ incidentsConnection(page: {first: 500}) { nodes { alerts(page: {first: 500}) { nodes { fingerprint } } } } }"
PAGE = """{ incidentsConnection(page: {first: 50}) { totalCount pageInfo { endCursor } edges { cursor node {
  id incidentId tenantId dedupKey status severity title summary labels startedAt openedPosition position updatedAt
  firingAlerts totalAlerts reopenCount acknowledgedAt acknowledgedBy assignee resolvedAt resolution resolvedBy
  previousIncidentId alerts(page: {first: 10}) { totalCount nodes {
    fingerprint status severity startsAt endsAt labels annotations generatorUrl sources lastReceivedAt } } } } } }"""


TOO_MUCH = [
    (DEEP, "at most 10 fields"),
    (BIG, "at most 1000"),
    ("{ %s }" % " ".join(f"a{n}: __typename" for n in range(31)), "at most 30"),  # noqa: UP031
    ("{ %s }" % "__typename " * 2000, "2000 tokens"),  # noqa: UP031
]
BODIES: list[tuple[bytes, int]] = [
    (b"", 400),
    (b"x", 400),
    (b"1", 400),
    (b"null", 400),
    (b'[{"query": "{ __typename }"}]', 400),  # batching
    (b'{"query": 1}', 400),
    (b"{}", 400),
    (b'{"query": "{ __typename }", "variables": []}', 400),
    (b'{"query": "{ __typename }", "operationName": "Other"}', 400),
    (b'{"query": "{ __typename }", "x": NaN}', 400),
    (b'{"query": "{ __typename }", "x": "\xff"}', 400),
    (b'{"query": "{ __typename }", "x": "\\ud800"}', 400),
    (b'{"query": "{ __typename }", "x": ' + b"[" * 100_000, 400),
    (b'{"query": "' + b" " * 300_000 + b'{ __typename }"}', 413),
    (b'{"query": "{"}', 200),
    (b'{"query": "{ __typename }", "x": ' + b"9" * 5_000 + b"}", 400),
]
VALUES: list[tuple[str, Any]] = [
    ("Position", -1),
    ("Position", 1.5),
    ("Position", "1"),
    ("Position", True),
    ("Position", 2**70),
    ("TimeRangeInput", {"start": "yesterday", "end": "2026-01-01T00:00:00Z"}),
    ("TimeRangeInput", {"start": "2026-01-01T00:00:00", "end": "2026-01-01T00:00:00Z"}),
    ("TimeRangeInput", {"start": "0001-01-01T00:00:00+14:00", "end": "2026-01-01T00:00:00Z"}),
    ("TimeRangeInput", {"start": 5, "end": "2026-01-01T00:00:00Z"}),
]


async def test_too_much_is_refused_with_the_limit(lookout: Driver) -> None:
    for document, limit in TOO_MUCH:
        assert limit in (await refusal(lookout, document))["message"]


async def test_a_document_that_was_answered_is_refused_where_its_variables_ask_for_too_much(lookout: Driver) -> None:
    document = """query($n: Int) { incidentsConnection(page: {first: $n}) { nodes {
      alerts(page: {first: 50}) { totalCount } } } }"""
    for _ in range(2):
        assert await ask(lookout, document, n=10) == {"incidentsConnection": {"nodes": []}}
        assert "at most 1000" in (await refusal(lookout, document, n=100))["message"]


async def test_a_page_of_50_incidents_with_10_alerts_each_is_allowed(lookout: Driver) -> None:
    await lookout.post_alerts(*(lookout.alert({"job": str(n // 2), "instance": str(n)}) for n in range(120)))
    page = (await ask(lookout, PAGE))["incidentsConnection"]
    assert page["totalCount"] == 60
    assert [len(edge["node"]["alerts"]["nodes"]) for edge in page["edges"]] == [2] * 50


async def test_introspection_as_graphiql_sends_it_is_allowed(lookout: Driver) -> None:
    schema = (await ask(lookout, get_introspection_query(directive_is_repeatable=True)))["__schema"]
    assert schema["subscriptionType"]["name"] == "Subscription"


async def test_a_bad_body_is_an_answer_and_no_crash(lookout: Driver) -> None:
    for body, status in BODIES:
        response = await lookout.http.post("/graphql", content=body, headers={"Content-Type": "application/json"})
        assert response.status_code == status, (body[:80], response.text)
        assert set(response.json()) <= {"error", "data", "errors"}


async def test_a_wrong_value_is_named(lookout: Driver) -> None:
    for kind, value in VALUES:
        field = "incidentEventsConnection(after: $x)" if kind == "Position" else "incidentStats(timeRange: $x)"
        error = await refusal(lookout, f"query($x: {kind}) {{ {field} {{ __typename }} }}", x=value)
        assert "Variable '$x'" in error["message"], value


async def test_positions_go_beyond_32_bits(lookout: Driver) -> None:
    for asked in ("after: 5000000000", "after: 4611686018427387903"):
        error = await refusal(lookout, "{ incidentEventsConnection(%s) { position } }" % asked)  # noqa: UP031
        assert "has not happened yet" in error["message"]
    error = await refusal(lookout, "{ incidentEventsConnection(after: %s) { position } }" % ("9" * 5000))
    assert len(error["message"]) < 6000


async def test_every_path_answers_without_redirecting(lookout: Driver) -> None:
    for path in ("/graphql", "/graphql/", "/graphql/ws", "/graphql/ws/"):
        response = await lookout.http.post(path, json={"query": "{ __typename }"})
        assert (response.status_code, response.json()) == (200, {"data": {"__typename": "Query"}})


async def test_get_is_for_the_playground_only(lookout: Driver) -> None:
    response = await lookout.http.get("/graphql", params={"query": "{ __typename }"})
    assert response.status_code == 400
    response = await lookout.http.get("/graphql", headers={"Accept": "text/html"})
    assert "GraphiQL" in response.text


async def test_a_form_of_a_foreign_page_is_not_read(lookout: Driver) -> None:
    response = await lookout.http.post(
        "/graphql", content=b'{"query": "{ __typename }"}', headers={"Content-Type": "text/plain"}
    )
    assert response.status_code == 400


async def test_a_name_that_is_too_long_is_refused(lookout: Driver) -> None:
    response = await lookout.http.post("/graphql", json={"query": "{ __typename }"}, headers={"X-User-ID": "x" * 201})
    assert (response.status_code, response.json()) == (400, {"error": "X-User-ID is longer than 200 characters"})
