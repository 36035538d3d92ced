"""Which of several servers a connection leads to, and what the kernel watches it by."""

import socket
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from asyncpg.connect_utils import SessionAttribute

from lookout.store.connecting import CONNECT_SECONDS, SILENCE_SECONDS, Servers, dsns_of, watch


@pytest.mark.parametrize(
    ("dsn", "each"),
    [
        ("postgresql://u:p@one/db", ["postgresql://u:p@one/db"]),
        ("postgresql:///db?host=/run", ["postgresql:///db?host=/run"]),
        (
            "postgresql://u:p%40@one:5432,two:5433,[::1]:5434/db?sslmode=require",
            [
                "postgresql://u:p%40@one:5432/db?sslmode=require",
                "postgresql://u:p%40@two:5433/db?sslmode=require",
                "postgresql://u:p%40@[::1]:5434/db?sslmode=require",
            ],
        ),
    ],
)
def test_each_server_has_a_dsn_of_its_own(dsn: str, each: list[str]) -> None:
    assert dsns_of(dsn) == each


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has all of them")
def test_i8_the_kernel_ends_a_connection_whose_other_end_is_gone_within_15_s() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as end:
        watch(end)
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == SILENCE_SECONDS * 1000
        idle, interval, probes = (
            end.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        assert idle + interval * probes == SILENCE_SECONDS


def test_nothing_watches_a_unix_socket() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        watch(end)
        assert end.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


class Network:
    """Stands for `asyncpg.connect`: some servers fail, and what was asked of each is known."""

    def __init__(self) -> None:
        self.failing: dict[str, Exception] = {}
        self.asked: list[str] = []
        self.wanted: list[object] = []

    async def connect(self, dsn: str, **how: Any) -> str:
        host = urlsplit(dsn).hostname or ""
        self.asked.append(host)
        self.wanted.append(how.get("target_session_attrs"))
        assert how["timeout"] == CONNECT_SECONDS
        if host in self.failing:
            raise self.failing[host]
        return host


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    network = Network()
    monkeypatch.setattr(asyncpg, "connect", network.connect)
    return network


@pytest.mark.parametrize(
    "failure",
    [
        TimeoutError(),
        ConnectionRefusedError(),
        asyncpg.CannotConnectNowError(),
        asyncpg.TargetServerAttributeNotMatched(),
        asyncpg.ConnectionDoesNotExistError(),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_the_next_server_is_asked_where_one_is_away_and_the_one_that_did_it_first_from_then_on(
    network: Network, failure: Exception
) -> None:
    servers = Servers("postgresql://u@one,two,three/db")
    network.failing = {"one": failure}
    assert await servers.connect() == "two"
    assert await servers.connect() == "two"
    network.failing = {"two": failure}
    assert await servers.connect() == "one"
    assert network.asked == ["one", "two", "two", "two", "one"]
    network.failing = dict.fromkeys(("one", "two", "three"), failure)
    with pytest.raises(type(failure)):
        await servers.connect()


async def test_a_wrong_password_is_no_reason_to_ask_the_next_server(network: Network) -> None:
    network.failing = {"one": asyncpg.InvalidPasswordError("no")}
    with pytest.raises(asyncpg.InvalidPasswordError):
        await Servers("postgresql://u@one,two/db").connect()


@pytest.mark.parametrize(
    ("dsn", "wanted"),
    [
        ("postgresql://u@one,two/db", SessionAttribute.read_write),
        ("postgresql://u@one,two/db?target_session_attrs=primary", None),
        ("postgresql://u@one/db", None),
    ],
)
async def test_of_several_servers_one_that_takes_writes_is_meant_unless_the_dsn_says_otherwise(
    network: Network, dsn: str, wanted: SessionAttribute | None
) -> None:
    await Servers(dsn).connect()
    assert network.wanted == [wanted]
