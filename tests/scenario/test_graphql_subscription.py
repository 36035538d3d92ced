"""GraphQL's subscription over a real WebSocket: live, resumed without a gap, and closed properly."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from tests.driver import Driver
from tests.unit.graphql.client import PROTOCOL, open_socket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

LIVE = """subscription($after: Position) { liveIncidentUpdates(after: $after) {
  position eventType incident { status labels } } }"""


FOREIGN_MESSAGES = [
    "x", "1", "[]", "{}", "[" * 100_000, "9" * 5_000, "NaN", '{"type": []}', '{"type": "nonsense"}',
    '{"type": "subscribe", "id": {}, "payload": {}}', '{"type": "subscribe", "id": "1", "payload": "x"}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "}"}}', '{"type": "complete", "id": []}',
    '{"type": "subscribe", "id": "1", "payload": {"query": 5}}', '{"type": "subscribe", "id": 1, "payload": {}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }", "variables": 7}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "query A { x }", "operationName": "B"}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "query A %s"}}' % ("\u00e9" + "b" * 500),
]  # fmt: skip


async def followers_are(lookout: Driver, count: int) -> None:
    """Return once that many follow the feed in this process; each look is a request, and lets the server work."""
    metric = f"lookout_feed_followers {float(count)}"
    async with asyncio.timeout(20):
        while metric not in (await lookout.http.get("/metrics")).text:
            pass


@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/graphql/ws", "/graphql/ws/"])
async def test_updates_come_as_they_happen(lookout: Driver, path: str) -> None:
    await lookout.fires(job="before")
    async with open_socket(lookout, path) as socket:
        await socket.subscribe(LIVE)
        await followers_are(lookout, 1)
        await lookout.fires(job="a")
        await lookout.act((await lookout.incidents())[0].id, "acknowledge")
        event = (await socket.next())["liveIncidentUpdates"]
        assert (event["position"], event["eventType"]) == (2, "INCIDENT_OPENED")
        assert event["incident"]["labels"]["job"] == "a"
        event = (await socket.next())["liveIncidentUpdates"]
        assert (event["position"], event["incident"]["status"]) == (3, "ACKNOWLEDGED")


async def test_resuming_after_n_gives_n_plus_one_and_misses_nothing(lookout: Driver) -> None:
    for job in "abc":
        await lookout.fires(job=job)
    async with open_socket(lookout) as socket:
        await socket.subscribe(LIVE, after=1)
        assert (await socket.next())["liveIncidentUpdates"]["position"] == 2
    await lookout.fires(job="d")
    async with open_socket(lookout) as socket:
        await socket.subscribe(LIVE, after=2)
        positions = [(await socket.next())["liveIncidentUpdates"]["position"] for _ in range(2)]
        await lookout.fires(job="e")
        positions.append((await socket.next())["liveIncidentUpdates"]["position"])
        assert positions == [3, 4, 5]


async def test_from_the_beginning(lookout: Driver) -> None:
    await lookout.fires(job="a")
    async with open_socket(lookout) as socket:
        await socket.subscribe(LIVE, after=0)
        assert (await socket.next())["liveIncidentUpdates"]["position"] == 1


async def test_a_position_beyond_the_end_is_an_error_that_says_where_the_end_is(lookout: Driver) -> None:
    await lookout.fires(job="a")
    async with open_socket(lookout) as socket:
        await socket.subscribe(LIVE, after=2)
        message = await socket.receive()
        (error,) = message["payload"]["errors"]
        assert "the log ends at 1" in error["message"]
        assert error["extensions"]["code"] == "CONFLICT"
        assert (await socket.receive())["type"] == "complete"


async def test_a_client_that_leaves_or_completes_no_longer_follows(lookout: Driver) -> None:
    async with open_socket(lookout) as socket:
        await socket.subscribe(LIVE, operation="1")
        await socket.subscribe(LIVE, operation="2")
        await followers_are(lookout, 2)
        await socket.send(type="complete", id="1")
        await followers_are(lookout, 1)
    await followers_are(lookout, 0)


async def test_a_client_that_is_gone_while_it_is_told_something_is_no_error(
    lookout: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    await lookout.fires(job="a")
    gone = asyncio.Event()
    told: list[str] = []

    async def receive() -> dict[str, Any]:
        if not said:
            await gone.wait()
            return {"type": "websocket.disconnect", "code": 1006}
        return said.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        told.append(message["type"])
        if '"next"' in message.get("text", ""):
            gone.set()
            raise OSError("the connection is gone")

    subscribe = {"type": "subscribe", "id": "1", "payload": {"query": LIVE, "variables": {"after": 0}}}
    said: list[dict[str, Any]] = [{"type": "websocket.connect"}]
    said += [{"type": "websocket.receive", "text": json.dumps(it)} for it in ({"type": "connection_init"}, subscribe)]
    scope: dict[str, Any] = {
        "type": "websocket", "path": "/graphql/ws", "raw_path": b"/graphql/ws", "query_string": b"", "scheme": "ws",
        "headers": [(b"host", b"127.0.0.1")], "subprotocols": [PROTOCOL], "client": ("127.0.0.1", 1), "root_path": "",
        "server": ("127.0.0.1", 80), "http_version": "1.1", "state": {},
    }  # fmt: skip
    async with asyncio.timeout(20):
        await lookout.running.app(scope, receive, send)
        await followers_are(lookout, 0)
    assert told.count("websocket.send") >= 2
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_lookout_that_stops_says_after_which_position_to_go_on(lookout: Driver) -> None:
    await lookout.fires(job="a")
    async with open_socket(lookout) as socket:
        await socket.subscribe(LIVE, after=0)
        await socket.next()
        lookout.running.parts.followers.close()
        (error,) = (await socket.receive())["payload"]["errors"]
        assert "after position 1" in error["message"]
        assert error["extensions"]["code"] == "UNAVAILABLE"


async def test_queries_and_mutations_run_over_a_socket_too(lookout: Driver) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    async with open_socket(lookout) as socket:
        await socket.subscribe("mutation($id: ID!) { acknowledgeIncident(id: $id) { __typename } }", id=incident.id)
        assert await socket.next() == {"acknowledgeIncident": {"__typename": "Incident"}}
        assert await socket.receive() == {"type": "complete", "id": "1"}


async def test_only_graphql_transport_ws_is_spoken(lookout: Driver) -> None:
    url = lookout.url.replace("http", "ws", 1) + "/graphql"
    async with connect(url, subprotocols=[Subprotocol("graphql-ws")]) as connection:
        with pytest.raises(ConnectionClosed) as closed:
            await connection.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4406


async def test_what_is_not_of_the_protocol_closes_the_socket(lookout: Driver) -> None:
    for message in FOREIGN_MESSAGES:
        async with open_socket(lookout) as socket:
            await socket.connection.send(message)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4400, message[:80]


async def test_what_cannot_be_asked_is_an_error_of_that_operation(lookout: Driver) -> None:
    async with open_socket(lookout) as socket:
        await socket.subscribe("subscription { nothing }")
        assert (await socket.receive())["type"] == "error"
        for payload in ({"query": "{ x }"}, {"query": ""}):
            await socket.send(type="subscribe", id="2", payload=payload)
            message = await socket.receive()
            assert message["type"] == "error", message
        await socket.subscribe("{ __typename }", operation="3")
        assert await socket.next() == {"__typename": "Query"}


async def test_a_page_of_another_place_cannot_open_a_socket(lookout: Driver) -> None:
    url = lookout.url.replace("http", "ws", 1) + "/graphql"
    with pytest.raises(InvalidStatus):
        async with connect(url, subprotocols=[PROTOCOL], origin=Origin("https://elsewhere.example")):
            pass


async def test_a_name_that_is_too_long_cannot_open_a_socket(lookout: Driver) -> None:
    url = lookout.url.replace("http", "ws", 1) + "/graphql"
    with pytest.raises(InvalidStatus):
        async with connect(url, subprotocols=[PROTOCOL], additional_headers={"X-User-ID": "x" * 201}):
            pass


async def test_a_subscription_over_post_is_refused(lookout: Driver) -> None:
    headers = {"Accept": "text/event-stream, multipart/mixed;subscriptionSpec=1.0"}
    response = await lookout.http.post("/graphql", json={"query": LIVE}, headers=headers)
    assert response.headers["content-type"] == "application/json"
    assert "WebSocket" in response.json()["errors"][0]["message"]
