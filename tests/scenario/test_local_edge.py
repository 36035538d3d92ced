"""In local mode there is no password: who is not from this machine is refused."""

import pytest
from tests.driver import Driver
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

FOREIGN_HOSTS = [
    "evil.example",
    "evil.example:18013",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "192.168.0.1",
    "0.0.0.0",
    "[2001:db8::1]",
    "[::1",
    "",
]
OWN_HOSTS = ["localhost", "127.0.0.1", "127.0.0.1:18013", "LOCALHOST:1", "[::1]", "[::1]:18013"]
FOREIGN_ORIGINS = [
    "http://evil.example",
    "https://localhost.evil.example",
    "http://localhost:3000",
    "http://127.0.0.1",
    "null",
    "file://",
    "http://[",
    "",
]


async def test_only_a_name_of_this_machine_is_answered(lookout: Driver) -> None:
    for hosts, status in ((FOREIGN_HOSTS, 403), (OWN_HOSTS, 200)):
        for host in hosts:
            answer = await lookout.http.get("/v1/incidents", headers={"Host": host})
            assert answer.status_code == status, host
    assert (
        "use 127.0.0.1 or localhost"
        in (await lookout.http.get("/health", headers={"Host": "evil.example"})).json()["error"]
    )


async def test_only_its_own_pages_may_ask(lookout: Driver) -> None:
    for origins, status in ((FOREIGN_ORIGINS, 403), ([lookout.url], 200)):
        for origin in origins:
            answer = await lookout.http.get("/v1/incidents", headers={"Origin": origin})
            assert answer.status_code == status, origin


async def test_a_foreign_page_cannot_send_alerts(lookout: Driver) -> None:
    answer = await lookout.http.post(
        "/api/v2/alerts", json=[lookout.alert({"job": "a"})], headers={"Origin": "http://evil.example"}
    )
    assert answer.status_code == 403
    assert await lookout.incidents() == []


@pytest.mark.parametrize("path", ["/graphql", "/graphql/ws"])
async def test_a_foreign_websocket_is_refused_before_it_opens(lookout: Driver, path: str) -> None:
    url = lookout.url.replace("http", "ws", 1) + path
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, origin=Origin("http://evil.example"))
    assert refused.value.response.status_code == 403
    # The name in the address is the Host; where it leads is given apart.
    port = int(lookout.url.rpartition(":")[2])
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://evil.example:{port}{path}", host="127.0.0.1", port=port)
    assert refused.value.response.status_code == 403
