"""A body that takes long holds nothing for ever, and does nothing that its credential no longer may."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from tests.access import ACCESS, api_token, bearer, person, revoke
from tests.driver import Driver
from tests.pages import ours
from tests.scenario.conftest import Start

from lookout.api import bodies
from lookout.api.auth.edge import LONG
from lookout.api.auth.tokens import REMEMBERED
from lookout.api.parts import Scope

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
NOTE = json.dumps({"text": "late"})
MUTATION = 'mutation { addIncidentNote(id: "%s", text: "late") { ... on Incident { id } ... on AuthError { code } } }'
TOOL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "add_incident_note", "arguments": {"text": "late"}},
}


class Sending:
    """A request of which the body is yet to come, and Lookout waits for it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        self._reader = reader
        self._writer = writer
        self._body = body

    async def send_rest(self) -> int:
        """The status, now that the whole body is there."""
        self._writer.write(self._body)
        return await self.status()

    async def status(self) -> int:
        async with asyncio.timeout(10):
            return int((await self._reader.readuntil(b"\r\n")).split()[1])


@asynccontextmanager
async def sending(lookout: Driver, path: str, body: str, headers: dict[str, str]) -> AsyncGenerator[Sending]:
    """A client that sends its body only when it is asked to, by which it is known that its credential was taken."""
    where = urlsplit(lookout.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    said = {"Host": where.netloc, "Content-Length": str(len(body)), "Expect": "100-continue", **headers}
    writer.write("\r\n".join((f"POST {path} HTTP/1.1", *(f"{k}: {v}" for k, v in said.items()), "", "")).encode())
    try:
        async with asyncio.timeout(10):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        yield Sending(reader, writer, body.encode())
    finally:
        writer.close()


async def an_incident(lookout: Driver) -> str:
    sender = bearer((await api_token(lookout, Scope.INGEST)).text)
    await lookout.http.post("/api/v2/alerts", json=[lookout.alert({})], headers=sender)
    (incident,) = (await lookout.http.get("/v1/incidents", headers=bearer(person(lookout)))).json()["incidents"]
    return str(incident["id"])


def asked(lookout: Driver, surface: str, incident_id: str) -> tuple[str, str, dict[str, str]]:
    """Path, body and headers of a note on each surface; what alerts are sent by changes nothing either."""
    match surface:
        case "rest":
            return f"/v1/incidents/{incident_id}/notes", NOTE, {"Content-Type": JSON}
        case "graphql":
            return "/graphql", json.dumps({"query": MUTATION % incident_id}), {"Content-Type": JSON}
        case "mcp":
            TOOL["params"]["arguments"]["incident_id"] = incident_id  # type: ignore[index]
            return "/mcp", json.dumps(TOOL), {"Content-Type": JSON, "Accept": f"{JSON}, text/event-stream"}
        case "page":
            return f"/incidents/{incident_id}/notes", "text=late", {"Content-Type": FORM, **ours(lookout)}
        case _:
            return "/api/v2/alerts", json.dumps([lookout.alert({"job": "late"})]), {"Content-Type": JSON}


SURFACES = ("rest", "graphql", "mcp", "page", "ingest")


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_credential_that_ended_while_its_body_came_does_nothing(start: Start, surface: str) -> None:
    async with start(access=ACCESS) as lookout:
        incident_id = await an_incident(lookout)
        path, body, headers = asked(lookout, surface, incident_id)
        scopes = (Scope.INGEST,) if surface == "ingest" else (Scope.READ, Scope.OPERATE)
        kept, ended = await api_token(lookout, *scopes), await api_token(lookout, *scopes)
        before = (await lookout.sql("SELECT count(*) AS count FROM events"))[0]["count"]
        for token, is_taken in ((ended, False), (kept, True)):
            who = {"Cookie": f"lookout_credential={token.text}"} if surface == "page" else bearer(token.text)
            async with sending(lookout, path, body, {**headers, **who}) as late:
                await revoke(lookout, ended)
                lookout.clock.move(seconds=(REMEMBERED + LONG).total_seconds())
                assert (await late.send_rest() < 400) is is_taken
            after = (await lookout.sql("SELECT count(*) AS count FROM events"))[0]["count"]
            assert (after > before) is is_taken


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_body_that_stands_still_is_408_on_every_surface(
    start: Start, surface: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start() as lookout:
        await lookout.fires()
        path, body, headers = asked(lookout, surface, (await lookout.only_incident()).id)
        if surface == "mcp":
            await lookout.http.post(path, content=body, headers=headers)  # what it needs is loaded now
        monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
        async with sending(lookout, path, body, headers) as stalled:
            assert await stalled.status() == 408
