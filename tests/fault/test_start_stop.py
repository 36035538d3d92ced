"""Starting and stopping, in order and out of it, as an operator does both."""

import asyncio
import os
import signal
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
from tests.clusters import copy_cluster
from tests.fault.appearing import appears
from tests.server_process import START_SECONDS, ServerProcess, lookout_process, postgres_of

from lookout.store.embedded import OWNER, SERVICE, EmbeddedPostgres

ALERT = {
    "labels": {"alertname": "Down", "job": "ingest"},
    "startsAt": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(),
    "endsAt": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
}


async def _fire(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, verify=False) as http:
        (await http.post("/api/v2/alerts", json=[ALERT])).raise_for_status()


async def _titles(url: str) -> list[str]:
    async with httpx.AsyncClient(base_url=url, verify=False) as http:
        page = (await http.get("/v1/incidents")).raise_for_status().json()
        return [incident["title"] for incident in page["incidents"]]


async def _stopped_in_order(server: ServerProcess) -> bool:
    async with asyncio.timeout(START_SECONDS):
        code = await server.exit_code()
    return (code, server.stderr, postgres_of(server.data_dir)) == (0, [], [])


async def _complaint(server: ServerProcess) -> str:
    """The one sentence with which it refuses to start."""
    async with asyncio.timeout(START_SECONDS):
        assert await server.exit_code() == 1
    (sentence,) = server.stderr
    return sentence


async def test_a_first_start_takes_five_seconds_where_nothing_else_runs(empty_data_dir: Path) -> None:
    """Of the processor: how long that is on a machine at work is another matter, and `make bench` tells it."""
    async with (
        lookout_process(empty_data_dir) as server,
        httpx.AsyncClient(base_url=await server.address()) as http,
    ):
        assert (await http.get("/ready")).status_code == 200
        own = psutil.Process(server.pid).cpu_times()
        database = [process.cpu_times() for process in postgres_of(empty_data_dir)]
        assert sum(own[:4]) + sum(times.user + times.system for times in database) < 5


async def test_a_stop_ends_everything_and_the_next_start_finds_everything(data_dir: Path) -> None:
    async with lookout_process(data_dir) as server:
        await _fire(await server.address())
        assert postgres_of(data_dir)
        await _is_served_by_a_role_that_owns_nothing(server)
        server.signal_group(signal.SIGTERM)
        assert await _stopped_in_order(server)
    async with lookout_process(data_dir) as server:
        assert await _titles(await server.address()) == ["Down (job=ingest)"]
        server.signal_group(signal.SIGINT)
        assert await _stopped_in_order(server)
    async with lookout_process(data_dir) as server:
        assert await _titles(await server.address()) == ["Down (job=ingest)"]
        await _ends_open_streams_in_order(server)


async def _is_served_by_a_role_that_owns_nothing(server: ServerProcess) -> None:
    dsn = EmbeddedPostgres(server.data_dir).dsn_of_running()
    assert dsn is not None
    connection = await asyncpg.connect(dsn.replace(f"//{SERVICE}@", f"//{OWNER}@"))
    rows = await connection.fetch(
        "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'lookout%'"
    )
    await connection.close()
    assert [row["usename"] for row in rows] == [SERVICE]
    assert not any("row_level_security_is_off" in line for line in server.stderr)


async def _ends_open_streams_in_order(server: ServerProcess) -> None:
    """Were they cut off after a time, that would stand on standard error."""
    headers = {"Accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(base_url=await server.address()) as http,
        http.stream("GET", "/v1/feed", headers=headers) as stream,
    ):
        lines = stream.aiter_lines()
        assert await anext(lines)
        server.signal_group(signal.SIGINT)
        async for _ in lines:
            pass
    assert await _stopped_in_order(server)


async def test_a_stop_during_the_first_start_leaves_nothing_running(empty_data_dir: Path) -> None:
    """In initdb, and before the server is up."""
    for stage, how in (("postgres.new-*", signal.SIGINT), ("postgres/postmaster.pid", signal.SIGTERM)):
        async with lookout_process(empty_data_dir) as server, asyncio.timeout(START_SECONDS):
            await appears(empty_data_dir, stage)
            server.signal_group(how)
            await server.exit_code()
            assert "Traceback" not in "".join(server.stderr)
            assert not postgres_of(empty_data_dir)
    async with lookout_process(empty_data_dir) as server:
        assert await _titles(await server.address()) == []


@pytest.mark.parametrize(
    "stage",
    ["postgres.new-*/global/pg_control", "postgres", "run", "postgres/postmaster.pid"],
)
async def test_a_first_start_that_was_killed_is_recovered_from(empty_data_dir: Path, stage: str) -> None:
    async with lookout_process(empty_data_dir) as server, asyncio.timeout(START_SECONDS):
        await appears(empty_data_dir, stage)
        server.kill()
        server.keep_database()
    async with lookout_process(empty_data_dir) as server:
        assert await _titles(await server.address()) == []


async def test_a_second_lookout_on_the_same_data_directory_says_so(data_dir: Path) -> None:
    async with lookout_process(data_dir) as server:
        url = await server.address()
        async with lookout_process(data_dir) as second:
            second.keep_database()
            sentence = await _complaint(second)
        assert sentence.startswith(f"lookout: Another Lookout (process {server.pid}) is using the data directory")
        assert await _titles(url) == []


@pytest.mark.parametrize("relative", [False, True], ids=["symlink", "relative"])
async def test_a_server_left_behind_is_known_by_another_spelling_of_its_directory(
    data_dir: Path, relative: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = data_dir.with_name("link")
    link.symlink_to(data_dir)
    monkeypatch.chdir(data_dir.parent)
    other = Path(link.name) if relative else link
    async with lookout_process(data_dir) as server:
        await _fire(await server.address())
        server.kill()
        server.keep_database()
    before = {process.pid for process in postgres_of(data_dir)}
    async with lookout_process(data_dir, LOOKOUT_DATA_DIR=str(other)) as server:
        assert await _titles(await server.address()) == ["Down (job=ingest)"]
        assert before & {process.pid for process in postgres_of(data_dir)}
        server.signal_group(signal.SIGTERM)
        assert await _stopped_in_order(server)


async def test_a_socket_directory_outside_of_the_data_directory_goes_with_the_server(empty_data_dir: Path) -> None:
    long, temporary = empty_data_dir / ("long" * 25), empty_data_dir.with_name("tmp")
    for place in (long, temporary):
        place.mkdir(mode=0o755)
    copy_cluster(long)
    async with lookout_process(long, TMPDIR=str(temporary)) as server:
        await server.address()
        assert list(temporary.glob("lookout-*"))
        server.signal_group(signal.SIGTERM)
        assert await _stopped_in_order(server)
    assert not os.listdir(temporary)


async def test_a_role_that_may_not_make_tables_is_told_what_it_needs(data_dir: Path) -> None:
    embedded = EmbeddedPostgres(data_dir)
    dsn = await asyncio.to_thread(embedded.start)
    try:
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE ROLE guest LOGIN")
        await connection.execute("CREATE DATABASE another")
        await connection.close()
        another = dsn.replace("//lookout@/postgres?", "//guest@/another?")
        async with lookout_process(data_dir, DATABASE_URL=another) as server:
            server.keep_database()
            sentence = await _complaint(server)
        assert "permission denied" in sentence
        assert "GRANT CREATE ON SCHEMA public" in sentence
    finally:
        await asyncio.to_thread(embedded.stop)


async def test_a_taken_port_is_said_before_anything_starts(empty_data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with lookout_process(empty_data_dir, PORT=str(port)) as server:
            assert (await _complaint(server)).startswith(f"lookout: Port {port} on 127.0.0.1 is not free")
    assert not os.listdir(empty_data_dir)


async def test_without_authentication_it_listens_on_loopback_only(empty_data_dir: Path) -> None:
    async with lookout_process(empty_data_dir, HOST="0.0.0.0") as server:
        assert (await _complaint(server)).startswith("lookout: HOST is '0.0.0.0'")
    assert not os.listdir(empty_data_dir)


async def test_a_pid_file_that_names_another_program_does_not_stop_it(data_dir: Path) -> None:
    async with lookout_process(data_dir) as server:
        await _fire(await server.address())
    pid_file = data_dir / "postgres" / "postmaster.pid"
    content = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *content[1:], ""]))
    async with lookout_process(data_dir) as server:
        assert await _titles(await server.address()) == ["Down (job=ingest)"]
