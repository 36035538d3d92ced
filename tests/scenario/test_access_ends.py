"""A credential that no longer holds is out within seconds, on every replica, and so are its streams."""

import asyncio
import json
from datetime import timedelta

import httpx
import pytest
from tests.access import ACCESS, api_token, bearer, person, revoke
from tests.driver import Driver
from tests.scenario.conftest import Start
from tests.unit.graphql.client import PROTOCOL, Socket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from lookout.api.auth.tokens import REMEMBERED
from lookout.api.auth.watch import INTERVAL
from lookout.api.parts import Scope
from lookout.limits import Limits

STREAM = {"Accept": "text/event-stream"}


def test_what_is_remembered_and_how_often_is_looked_are_within_five_seconds() -> None:
    assert timedelta(seconds=5) > REMEMBERED + INTERVAL


async def test_a_revoked_token_is_out_on_every_replica(start: Start) -> None:
    async with start(access=ACCESS) as one, start(access=ACCESS) as two:
        token = await api_token(one, Scope.READ)
        replicas = (one, two)
        for replica in replicas:
            assert (await replica.http.get("/v1/incidents", headers=bearer(token.text))).status_code == 200
        await revoke(one, token)
        one.clock.move(seconds=REMEMBERED.total_seconds())
        for replica in replicas:
            assert (await replica.http.get("/v1/incidents", headers=bearer(token.text))).status_code == 401


async def test_two_tokens_hold_at_once_so_that_none_is_missing_while_they_are_changed(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        old, new = await api_token(lookout, Scope.READ), await api_token(lookout, Scope.READ)
        for token in (old, new):
            assert (await lookout.http.get("/v1/incidents", headers=bearer(token.text))).status_code == 200
        await revoke(lookout, old)
        lookout.clock.move(seconds=REMEMBERED.total_seconds())
        assert (await lookout.http.get("/v1/incidents", headers=bearer(new.text))).status_code == 200


async def _pass(lookout: Driver, seconds: int) -> None:
    """Let time pass second by second, as the watch sleeps."""
    for _ in range(seconds):
        await lookout.clock.until_asleep(seconds=INTERVAL.total_seconds())
        lookout.clock.move(seconds=INTERVAL.total_seconds())


@pytest.mark.parametrize("kind", ["revoked token", "expired person"])
async def test_a_stream_ends_with_its_credential(start: Start, kind: str) -> None:
    async with start(access=ACCESS) as lookout:
        token = await api_token(lookout, Scope.READ)
        credential = token.text if kind == "revoked token" else person(lookout, minutes=0.05)
        async with asyncio.timeout(20):
            async with lookout.http.stream("GET", "/v1/feed", headers=bearer(credential, **STREAM)) as stream:
                lines = stream.aiter_lines()
                assert await anext(lines) == "retry: 1000"
                await revoke(lookout, token)
                await _pass(lookout, 5)
                assert [line async for line in lines if line.startswith("data")] == []
        answer = await lookout.http.get("/v1/feed", headers=bearer(credential, **STREAM))
        assert answer.status_code == 401


@pytest.mark.parametrize("kind", ["revoked token", "expired person"])
async def test_a_websocket_ends_with_its_credential(start: Start, kind: str) -> None:
    async with start(access=ACCESS) as lookout:
        token = await api_token(lookout, Scope.READ)
        credential = token.text if kind == "revoked token" else person(lookout, minutes=0.05)
        url = lookout.url.replace("http", "ws", 1) + "/graphql"
        async with connect(url, subprotocols=[PROTOCOL]) as connection:
            socket = Socket(connection)
            await socket.send(type="connection_init", payload=bearer(credential))
            assert await socket.receive() == {"type": "connection_ack"}
            await socket.subscribe("subscription { liveIncidentUpdates { position } }")
            await revoke(lookout, token)
            await _pass(lookout, 5)
            with pytest.raises(ConnectionClosed) as ended:
                await socket.receive()
            assert ended.value.rcvd is not None
            assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (4403, "the credential no longer holds")


@pytest.mark.parametrize("payload", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": 5}])
async def test_a_websocket_without_a_credential_gets_no_further(start: Start, payload: dict[str, object]) -> None:
    async with start(access=ACCESS) as lookout:
        url = lookout.url.replace("http", "ws", 1) + "/graphql"
        async with connect(url, subprotocols=[PROTOCOL]) as connection:
            await connection.send(json.dumps({"type": "connection_init", "payload": payload}))
            with pytest.raises(ConnectionClosed) as ended:
                await connection.recv()
            assert ended.value.rcvd is not None
            assert ended.value.rcvd.code == 4403


async def test_a_websocket_that_may_come_again_is_told_so(start: Start) -> None:
    async with start(access=ACCESS, limits=Limits(streams=1)) as lookout:
        url, headers = lookout.url.replace("http", "ws", 1) + "/graphql", bearer(person(lookout))
        async with (
            connect(url, subprotocols=[PROTOCOL], additional_headers=headers) as first,
            connect(url, subprotocols=[PROTOCOL]) as second,
        ):
            socket = Socket(first)
            await socket.send(type="connection_init")
            assert await socket.receive() == {"type": "connection_ack"}
            await second.send(json.dumps({"type": "connection_init", "payload": headers}))
            with pytest.raises(ConnectionClosed) as ended:
                await second.recv()
            assert ended.value.rcvd is not None
            assert ended.value.rcvd.code == 1013
            assert "as many open streams as it may" in ended.value.rcvd.reason


async def test_a_websocket_may_say_who_it_is_in_a_header(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        url = lookout.url.replace("http", "ws", 1) + "/graphql"
        headers = bearer(person(lookout))
        async with connect(url, subprotocols=[PROTOCOL], additional_headers=headers) as connection:
            socket = Socket(connection)
            await socket.send(type="connection_init")
            assert await socket.receive() == {"type": "connection_ack"}
            await socket.subscribe("{ incidentsConnection { totalCount } }")
            assert await socket.next() == {"incidentsConnection": {"totalCount": 0}}


async def test_when_a_token_was_last_used_is_written_down(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        token = await api_token(lookout, Scope.READ)
        used_at = lookout.clock.now()
        assert (await lookout.http.get("/v1/incidents", headers=bearer(token.text))).status_code == 200
        await lookout.clock.until_asleep(minutes=1)
        lookout.clock.move(minutes=1)
        async with asyncio.timeout(10):
            while not (await lookout.sql("SELECT FROM tokens WHERE last_used_at = $1", used_at)):
                pass


async def test_while_the_database_is_away_a_known_credential_gets_a_503_and_no_401(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        token = await api_token(lookout, Scope.READ)
        async with lookout.database_away():
            answer: httpx.Response = await lookout.http.get("/v1/incidents", headers=bearer(token.text))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
