"""No body makes an action, GraphQL or the agents' path fail or hang: each is done or refused, and the next answered."""

from typing import Any

import pytest
from tests.driver import Driver
from tests.hostile import strict_json, strings_of
from tests.hostile_bodies import ODD

GRAPHQL = b"""{"query": "mutation Note($id: ID!, $text: String!) { addIncidentNote(id: $id, text: $text) {
 __typename } }", "variables": {"id": "THIS", "text": "TEXT", "extra": "EXTRA"}, "x": "EXTRA"}"""
MCP = b"""{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add_incident_note",
 "arguments": {"incident_id": "THIS", "text": "TEXT"}, "x": "EXTRA"}}"""
# All actions of REST read their bodies in one place: two stand for them.
GOOD: dict[str, bytes] = {
    "/v1/incidents/THIS/notes": b'{"text": "TEXT", "x": "EXTRA"}',
    "/v1/incidents/THIS/investigations": b'{"report_id": "r", "summary": "s", "root_cause": "TEXT", "x": "EXTRA"}',
    "/graphql": GRAPHQL.replace(b"\n", b""),
    "/mcp": MCP.replace(b"\n", b""),
}
HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


@pytest.mark.parametrize("path", GOOD)
async def test_each_is_done_or_refused(lookout: Driver, path: str) -> None:
    statuses: dict[str, int] = {}
    jobs = [{"job": name} for name in ODD]
    (await lookout.post_alerts(*map(lookout.alert, jobs))).raise_for_status()
    incidents = await lookout.incidents(first="500")
    for (name, odd), incident in zip(ODD.items(), incidents, strict=True):
        good = GOOD[path].replace(b"THIS", incident.id.encode())
        answer = await lookout.http.post(path.replace("THIS", incident.id), content=odd(good), headers=HEADERS)
        assert answer.status_code < 500, name
        statuses[name] = answer.status_code
        if answer.headers.get("content-type") == "application/json":
            assert not errors_of_the_inside(strict_json(answer.content)), name
    assert statuses["as it is"] == 200
    assert incidents[0].position != (await lookout.incident(incidents[0].id)).position, "it was done"
    for name in ("compressed", "a bomb", "100,000 brackets", "cut off", "UTF-16"):
        assert statuses[name] in (400, 413), name
    assert (await lookout.rebuild()).equal


def errors_of_the_inside(told: Any) -> list[str]:
    """What an answer, GraphQL's and the agents' protocol's too, says of something that failed in Lookout."""
    return [text for _, text in strings_of(told) if "internal error" in text.lower()]
