"""I6 over GraphQL: nothing of a tenant is shown to another, whatever is asked with whatever id or cursor."""

from typing import Any

import httpx
from starlette.types import Receive, Scope, Send
from tests.driver import Driver
from tests.unit.graphql.client import ask

from lookout.api.edge import Visit
from lookout.api.graphql import graphql_app
from lookout.api.parts import Caller

NEIGHBOUR = Caller("neighbour", "kim")


def neighbours(lookout: Driver) -> httpx.AsyncClient:
    """A client whom the edge has found to be of another tenant."""
    served = graphql_app(lookout.running.parts, playground=False)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await served({**scope, "state": {"visit": Visit(lambda: NEIGHBOUR)}}, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


async def as_neighbour(lookout: Driver, document: str, **variables: Any) -> dict[str, Any]:
    """Ask as a caller of another tenant."""
    async with neighbours(lookout) as http:
        response = await http.post("/", json={"query": document, "variables": variables})
        return response.json()


async def test_i6_a_neighbour_sees_nothing(lookout: Driver) -> None:
    await lookout.fires(job="a")
    await lookout.fires(job="b")
    known = (await lookout.incidents())[0].id
    await lookout.attach(known)
    document = """query($id: ID!, $key: _Any!, $cursor: String) {
      incident(id: $id) { id investigations { totalCount nodes { reportId } } }
      incidentsConnection(page: {after: $cursor}) { totalCount nodes { id } pageInfo { hasNextPage } }
      incidentEventsConnection { totalCount position nodes { eventId } }
      incidentStats { opened open alerts }
      _entities(representations: [$key]) { __typename } }"""
    cursors = "{ incidentsConnection { pageInfo { startCursor } } }"
    cursor = (await ask(lookout, cursors))["incidentsConnection"]["pageInfo"]["startCursor"]
    key = {"__typename": "Incident", "id": known}
    assert (await as_neighbour(lookout, document, id=known, key=key, cursor=cursor))["data"] == {
        "incident": None,
        "incidentsConnection": {"totalCount": 0, "nodes": [], "pageInfo": {"hasNextPage": False}},
        "incidentEventsConnection": {"totalCount": 0, "position": 0, "nodes": []},
        "incidentStats": {"opened": 0, "open": 0, "alerts": 0},
        "_entities": [None],
    }


async def test_i6_a_neighbour_can_do_nothing(lookout: Driver) -> None:
    await lookout.fires(job="a")
    known = await lookout.only_incident()
    document = """mutation($id: ID!) {
      a: acknowledgeIncident(id: $id) { __typename } b: assignIncident(id: $id, assignee: "x") { __typename }
      c: resolveIncident(id: $id) { __typename } d: addIncidentNote(id: $id, text: "x") { __typename }
      e: attachInvestigation(id: $id, input: {reportId: "r", summary: "x"}) { __typename } }"""
    answered = await as_neighbour(lookout, document, id=known.id)
    assert answered["data"] == {alias: {"__typename": "NotFoundError"} for alias in "abcde"}
    assert await lookout.only_incident() == known


async def test_i6_an_error_text_tells_nothing_of_a_neighbour(lookout: Driver) -> None:
    await lookout.fires(job="a")
    answered = await as_neighbour(lookout, "{ incidentEventsConnection(after: 1) { position } }")
    assert "the log ends at 0" in answered["errors"][0]["message"]


async def test_without_a_playground_a_browser_finds_nothing(lookout: Driver) -> None:
    async with neighbours(lookout) as http:
        response = await http.get("/", headers={"Accept": "text/html"})
    assert (response.status_code, response.json()) == (404, {"error": "Not Found"})
