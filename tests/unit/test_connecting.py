"""Which of several servers a connection leads to, and what the kernel watches it by."""

import socket

import pytest

from lookout.store.connecting import SILENCE_SECONDS, dsns_of, watch


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
