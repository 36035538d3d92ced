"""Connections to PostgreSQL: to the one of the named servers that takes writes, and given up when it falls silent.

A server can vanish without a word: its host loses power, a firewall forgets the connection. Then nothing ever comes
back, and only time tells. The kernel watches each connection over TCP; and what does not answer a statement in time is
closed, and every other connection of its pool with it, before it is used again: they lead to the same place.
"""

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit, urlunsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from lookout.store.sql import SQL

if TYPE_CHECKING:
    from asyncio import Transport

    from lookout.store.database import Connection, Pool

    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection

CONNECT_SECONDS = 5.0
"""For each server that is named: one that is gone must not keep us from the next."""
RELEASE_SECONDS = 5.0
"""How long a connection on which a statement was given up may take to be well again."""
SILENCE_SECONDS = 15
"""After so long a peer that acknowledges nothing is gone."""
PROBE_SECONDS = 5
PROBES = 2
"""A connection on which nothing is under way is probed after `PROBE_SECONDS`, and as often again `PROBES` times."""

LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What a rollback can fail for, or an end in order, where the connection has gone."""
_NEXT = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TargetServerAttributeNotMatched,
)
"""What a server says that is away, on its way up, or none that takes writes: another of those named may do better."""
_WATCHED = (
    ("TCP_KEEPIDLE", PROBE_SECONDS),
    ("TCP_KEEPINTVL", PROBE_SECONDS),
    ("TCP_KEEPCNT", PROBES),
    ("TCP_USER_TIMEOUT", SILENCE_SECONDS * 1000),
)
"""Options of a socket that Linux has, and other systems only some of."""


class Watched(_Connection):
    """A connection whose silence the kernel ends, and which is taken back into its pool without a word too many."""

    def __init__(self, protocol: Any, transport: Any, *others: Any) -> None:
        super().__init__(protocol, transport, *others)
        watch(cast("Transport", transport).get_extra_info("socket"))

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - it is asyncpg that gives it
        """What a pool does with a connection that is given back.

        Who is cancelled, and once more before the rollback is done, leaves that to us; asyncpg would call it an error.
        """
        async with asyncio.timeout(timeout):
            if self.is_in_transaction():
                await self.execute("ROLLBACK")
            await super().reset()

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - so it is asyncpg's
        """End it, in order if the server still answers.

        A pool has this done beside it for those that are not used again, and nobody would hear of an error.
        """
        with suppress(*LOST):
            await super().close(timeout=timeout)

    def get_reset_query(self) -> str:
        """What is set is set for a transaction, and none outlives it: there is nothing else to take back."""
        return ""


def watch(end: socket.socket) -> None:
    """Let the kernel end a connection whose other end is gone. Over a Unix socket nobody is ever gone in silence."""
    if end.family not in (socket.AF_INET, socket.AF_INET6):
        return
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _WATCHED:
        if hasattr(socket, name):
            end.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def end(connection: "Connection") -> None:
    """Close a connection of a pool at once, without a word to the server."""
    with suppress(asyncpg.InterfaceError):  # it has ended by itself
        connection.terminate()


async def check(pool: "Pool", seconds: float) -> None:
    """Return if the server answers. If it does not in time no open connection of the pool is used again."""
    connection = await pool.acquire()
    try:
        await connection.fetchval(SQL["is_alive"], timeout=seconds)
    except TimeoutError:
        end(connection)
        await pool.expire_connections()
        raise
    finally:
        await pool.release(connection, timeout=RELEASE_SECONDS)


class Servers:
    """The servers that a DSN names, as `postgresql://user@one:5432,two:5432/database`.

    Of several the one that takes writes is meant, unless the DSN says otherwise, and the one that was it last is asked
    first.
    """

    def __init__(self, dsn: str) -> None:
        self._dsns = dsns_of(dsn)
        is_choice = len(self._dsns) > 1 and "target_session_attrs" not in parse_qs(urlsplit(dsn).query)
        self._wanted = {"target_session_attrs": SessionAttribute.read_write} if is_choice else {}

    async def connect(self, *_: object, **how: Any) -> _Connection:
        """A connection to the first that will do. Raises what the last one said. A pool passes its own DSN, too."""
        how = {"connection_class": Watched, **self._wanted, **how, "timeout": CONNECT_SECONDS}
        *firsts, last = self._dsns  # which another that connects may put in another order meanwhile
        for dsn in firsts:
            try:
                connection = await asyncpg.connect(dsn, **how)
            except _NEXT:
                continue
            self._prefer(dsn)
            return connection
        connection = await asyncpg.connect(last, **how)
        self._prefer(last)
        return connection

    def _prefer(self, dsn: str) -> None:
        if self._dsns[0] != dsn:
            self._dsns = [dsn, *(other for other in self._dsns if other != dsn)]


def dsns_of(dsn: str) -> list[str]:
    """A DSN for each server that `dsn` names before the path. asyncpg would try them all within one time limit."""
    parts = urlsplit(dsn)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return [dsn]
    return [urlunsplit(parts._replace(netloc=f"{user}{at}{host}")) for host in hosts.split(",")]
