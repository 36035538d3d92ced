"""I8: one tenant may ask for so much, one credential for half of it, and nobody else is kept out by it."""

import asyncio
import gzip

import pytest
from tests.access import ACCESS, SERVICE, api_token, bearer, many_token, person
from tests.driver import Driver
from tests.hostile_bodies import BOMB
from tests.scenario.conftest import Start
from tests.unit.graphql.client import PROTOCOL, Socket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from lookout.api.parts import Scope
from lookout.limits import BURST_SECONDS, Limits

STREAM = {"Accept": "text/event-stream"}


async def ask(lookout: Driver, headers: dict[str, str], times: int) -> list[int]:
    """The statuses of so many reads."""
    return [(await lookout.http.get("/v1/incidents", headers=headers)).status_code for _ in range(times)]


async def test_i8_reads_beyond_the_rate_are_429_until_time_has_passed(start: Start) -> None:
    async with start(access=ACCESS, limits=Limits(read_rate=2)) as lookout:
        mira = bearer(person(lookout))
        assert await ask(lookout, mira, BURST_SECONDS) == [200] * BURST_SECONDS
        refused = await lookout.http.get("/v1/incidents", headers=mira)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
        assert refused.json() == {"error": "more requests a second than this tenant may ask: try again in 2 s"}
        for method, path in (("POST", "/graphql"), ("GET", "/api/v2/alerts"), ("POST", "/mcp"), ("GET", "/v1/feed")):
            assert (await lookout.http.request(method, path, headers=mira)).status_code == 429
        # Others of the tenant have the other half, other tenants all of theirs, and alerts are taken.
        token = bearer((await api_token(lookout, Scope.READ)).text)
        assert await ask(lookout, token, 1) == [200]
        assert await ask(lookout, bearer(person(lookout, "globex")), 1) == [200]
        service = bearer(SERVICE, **{"X-Tenant-ID": "acme"})
        assert (await lookout.http.post("/api/v2/alerts", json=[], headers=service)).status_code == 200
        lookout.clock.move(seconds=1)
        assert await ask(lookout, mira, 2) == [200, 429]


async def test_i8_requests_that_send_beyond_the_rate_are_503_and_nothing_of_them_is_taken(start: Start) -> None:
    async with start(access=ACCESS, limits=Limits(ingest_rate=2)) as lookout:
        for text in ((await api_token(lookout, Scope.INGEST)).text, SERVICE):
            sender = bearer(text, **{"X-Tenant-ID": "acme"})
            for _ in range(BURST_SECONDS):
                assert (await lookout.http.post("/api/v2/alerts", json=[], headers=sender)).status_code == 200
            refused = await lookout.http.post("/api/v2/alerts", json=[lookout.alert({})], headers=sender)
            assert refused.status_code == refused.json()["code"] == 503
            assert int(refused.headers["Retry-After"]) > 0
            refused = await lookout.http.post("/v1/alertmanager", json={"version": "4"}, headers=sender)
            assert refused.status_code == 503
        reader = bearer(SERVICE, **{"X-Tenant-ID": "acme"})
        assert (await lookout.http.get("/v1/incidents", headers=reader)).json()["incidents"] == []


@pytest.mark.parametrize("who", ["a token that reads", "a person", "a platform operator", "a service of no tenant"])
async def test_i8_who_may_not_send_costs_no_sender_anything(start: Start, who: str) -> None:
    """Neither its tenant's rate, nor that what falls silent ends: nothing was sent that could not be heard."""
    async with start(access=ACCESS, limits=Limits(ingest_rate=1, read_rate=2)) as lookout:
        listening = lookout.running.parts.intake.listening
        sender = bearer((await api_token(lookout, Scope.INGEST)).text)
        credentials = {
            "a token that reads": (await api_token(lookout, Scope.READ)).text,
            "a person": person(lookout),
            "a platform operator": person(lookout, "", "platform_operator"),
            "a service of no tenant": SERVICE,
        }
        before = listening.since_of("acme"), listening.since
        lookout.clock.move(minutes=1)
        statuses = [
            (await lookout.http.post(path, json=[], headers=bearer(credentials[who]))).status_code
            for path in ("/api/v2/alerts", "/v1/events", "/v2/enqueue", "/v1/alertmanager", "/v1/grafana") * 5
        ]
        # As with all else that it asks: of what it may ask it has ten seconds at once.
        assert set(statuses[:BURST_SECONDS]) == {400 if who == "a service of no tenant" else 403}
        assert statuses[-1] == 429
        assert (listening.since_of("acme"), listening.since) == before
        assert (await lookout.http.post("/api/v2/alerts", json=[], headers=sender)).status_code == 200


async def test_i8_a_sender_for_many_tenants_counts_as_one(start: Start) -> None:
    async with start(access=ACCESS, limits=Limits(ingest_rate=1)) as lookout:
        sender = bearer((await many_token(lookout)).text)
        statuses = [
            (await lookout.http.post("/api/v2/alerts", json=[], headers={**sender, "X-Scope-OrgID": name})).status_code
            for name in "abcdefghijk"
        ]
        assert statuses == [200] * BURST_SECONDS + [503]


async def test_i8_streams_beyond_the_bound_are_429_and_a_closed_one_is_given_back(start: Start) -> None:
    async with start(access=ACCESS, limits=Limits(streams=2)) as lookout:
        mira = bearer(person(lookout), **STREAM)
        for path in ("/v1/feed", "/live"):
            async with lookout.http.stream("GET", path, headers=mira) as stream:
                assert stream.status_code == 200
                refused = await lookout.http.get("/v1/feed", headers=mira)
                assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
                other = bearer(person(lookout, "globex"), **STREAM)
                async with lookout.http.stream("GET", "/v1/feed", headers=other) as theirs:
                    assert theirs.status_code == 200
            await lookout.until_following(0)
        assert (await lookout.http.head("/v1/feed", headers=mira)).status_code in (200, 405)
        async with lookout.http.stream("GET", "/v1/feed", headers=mira) as stream:
            assert stream.status_code == 200


async def test_i8_a_websocket_and_each_of_its_subscriptions_count(start: Start) -> None:
    document = "subscription { liveIncidentUpdates(after: 0) { position } }"
    async with start(access=ACCESS, limits=Limits(streams=4)) as lookout:
        url = lookout.url.replace("http", "ws", 1) + "/graphql"
        payload = bearer(person(lookout))
        for _ in range(2):  # what is closed is given back
            async with connect(url, subprotocols=[PROTOCOL]) as connection:
                socket = Socket(connection)
                await socket.send(type="connection_init", payload=payload)
                assert await socket.receive() == {"type": "connection_ack"}
                await socket.subscribe(document)
                await lookout.until_following(1)
                await socket.subscribe(document, "2")
                refused = await socket.receive()
                assert refused["type"] in ("error", "next")
                assert "TOO_MANY_REQUESTS" in str(refused)
                async with connect(url, subprotocols=[PROTOCOL]) as second:
                    await Socket(second).send(type="connection_init", payload=payload)
                    with pytest.raises(ConnectionClosed):
                        async with asyncio.timeout(20):
                            await second.recv()
            await lookout.until_following(0)


async def test_i8_each_operation_on_a_websocket_counts_as_a_request(start: Start) -> None:
    document = "{ incidentsConnection { totalCount } }"
    async with start(access=ACCESS, limits=Limits(read_rate=2)) as lookout:
        url = lookout.url.replace("http", "ws", 1) + "/graphql"
        mira = bearer(person(lookout))
        async with connect(url, subprotocols=[PROTOCOL]) as connection:
            socket = Socket(connection)
            await socket.send(type="connection_init", payload=mira)
            assert await socket.receive() == {"type": "connection_ack"}
            for number in range(BURST_SECONDS - 1):  # saying who one is was the first
                await socket.subscribe(document, str(number))
                assert await socket.next() == {"incidentsConnection": {"totalCount": 0}}
                assert (await socket.receive())["type"] == "complete"
            await socket.subscribe(document, "one too many")
            message = "more requests a second than this tenant may ask: try again in 2 s"
            extensions = {"code": "TOO_MANY_REQUESTS", "retryAfter": 2}
            refused = {"message": message, "extensions": extensions}
            assert await socket.receive() == {"id": "one too many", "type": "error", "payload": [refused]}
            assert await ask(lookout, mira, 1) == [429]
            async with connect(url, subprotocols=[PROTOCOL]) as another:
                await Socket(another).send(type="connection_init", payload=mira)
                with pytest.raises(ConnectionClosed):
                    async with asyncio.timeout(20):
                        await another.recv()
            lookout.clock.move(seconds=1)
            await socket.subscribe(document, "later")
            assert await socket.next() == {"incidentsConnection": {"totalCount": 0}}


async def test_i8_local_mode_has_no_such_bounds(start: Start) -> None:
    async with start(limits=Limits(ingest_rate=1, read_rate=1, streams=1)) as lookout:
        assert await ask(lookout, {}, 2 * BURST_SECONDS) == [200] * 2 * BURST_SECONDS
        async with lookout.stream(after="0"), lookout.stream(after="0"):
            await lookout.until_following(2)


@pytest.mark.parametrize("path", ["/api/v2/alerts", "/v1/alertmanager", "/v1/grafana", "/v1/events"])
async def test_i8_a_packed_body_is_refused_and_never_unpacked(lookout: Driver, path: str) -> None:
    bodies = {
        "gzip": (b"[]", gzip.compress(b"[]"), BOMB),
        "gzip, gzip": (gzip.compress(gzip.compress(b"[]")), gzip.compress(BOMB)),
        "GZIP": (b"[]",),
        "br": (b"[]",),
    }
    for coding, contents in bodies.items():
        headers = {"Content-Type": "application/json", "Content-Encoding": coding}
        for content in contents:
            answer = await lookout.http.post(path, content=content, headers=headers)
            assert answer.status_code == 400
            assert "without Content-Encoding" in answer.text
