"""What a start takes and refuses before anything of it runs: the port, the data directory."""

import asyncio
import errno
import os
import socket
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lookout import app, server
from lookout.config import Settings
from lookout.errors import StartError
from lookout.incidents.policy import Policy
from lookout.store.embedded import EmbeddedPostgres


def test_a_port_is_taken_from_the_moment_it_is_bound() -> None:
    """Two that start at once: one of them is told so, not both that they listen."""
    with server.bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(StartError, match=f"Port {port} on 127.0.0.1 is not free"):
            server.bind("127.0.0.1", port)


def test_an_address_of_another_machine_is_not_called_a_taken_port() -> None:
    with pytest.raises(StartError, match=r"^192\.0\.2\.1 is no address of this machine \(Cannot assign"):
        server.bind("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EACCES, "Permission denied"), "This user may not listen on port 80 (Permission denied)"),
        (socket.gaierror(-2, "Name or service not known"), "Nobody can listen on port 80 of db: Name or service"),
    ],
)
def test_why_nobody_can_listen(error: OSError, said: str) -> None:
    """What the tests' user and network may not say."""
    assert server.not_to_be_had("db", 80, error).startswith(said)


async def test_it_does_not_say_that_it_listens_when_the_server_could_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Deaf:
        failed: "asyncio.Future[None]"
        parts = SimpleNamespace(reload=None)

    class DeafServer:
        def __init__(self) -> None:
            self.listening = asyncio.Event()

        async def serve(self, **_: Any) -> None:
            raise OSError("no more sockets")

        def stop(self) -> None:
            pass

    @asynccontextmanager
    async def running(*_: object) -> AsyncGenerator[Deaf]:
        deaf = Deaf()
        deaf.failed = asyncio.get_running_loop().create_future()
        yield deaf

    def server_of(_: object) -> DeafServer:
        return DeafServer()

    monkeypatch.setattr(app, "running", running)
    monkeypatch.setattr(app, "server_of", server_of)
    said: list[str] = []
    with pytest.raises(OSError, match="no more sockets"):
        await app.serve_until_stopped(
            Settings("127.0.0.1", 0, tmp_path, None, None, Policy()), said.append, asyncio.Event()
        )
    assert said == []


@pytest.mark.parametrize("below", ["", "below/it"])
def test_a_file_where_the_data_directory_should_be_is_said(tmp_path: Path, below: str) -> None:
    place = tmp_path / "file"
    place.touch()
    with pytest.raises(StartError, match=r"cannot be used \(Not a directory\): mend that, or choose another"):
        EmbeddedPostgres(place / below).start()


def test_a_lock_that_cannot_be_taken_is_said(tmp_path: Path) -> None:
    (tmp_path / "lookout.lock").mkdir()
    with pytest.raises(StartError, match=r"cannot be used \(Is a directory\)"):
        EmbeddedPostgres(tmp_path).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="the server is another user's only where Lookout runs as root")
def test_a_cluster_of_an_unknown_user_is_said(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    os.chown(tmp_path / "postgres", 54321, 54321)
    embedded = EmbeddedPostgres(tmp_path)
    with pytest.raises(StartError, match="belongs to user 54321"):
        embedded.start()
    embedded.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="the server is another user's only where Lookout runs as root")
def test_as_root_what_it_makes_can_be_entered_and_what_was_there_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def unreachable(_: object) -> None:
        raise StartError("far enough")

    monkeypatch.setattr(EmbeddedPostgres, "_check_reach", unreachable)
    there = tmp_path / "there"
    there.mkdir(mode=0o700)
    before = os.umask(0o077)
    try:
        embedded = EmbeddedPostgres(there / "made" / "data")
        with pytest.raises(StartError, match="far enough"):
            embedded.start()
        embedded.stop()
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (there, there / "made", there / "made" / "data")]
    assert modes == [0o700, 0o755, 0o755]
