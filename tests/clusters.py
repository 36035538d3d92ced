"""The embedded PostgreSQL with Lookout's schema and nothing in it: made once for all processes of a run, then copied.

Making one takes longer than most tests do.
"""

import asyncio
import fcntl
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

from lookout.store import database
from lookout.store.embedded import EmbeddedPostgres

ROOM = 4 * 1024**3
"""Bytes. What is kept in memory must not fill it."""
PREFIX = f"lookout-test-{os.getpid()}-"
"""Of the directories that a process of a run makes: by it the next run knows what one left that was killed."""
_PLACE = "TESTED_CLUSTER"
"""The variable of the environment that tells all processes of a run where it is."""


def choose_place() -> None:
    """Called by the first process of a run."""
    memory = _memory()
    if memory is not None:
        _clear_what_is_left(Path(memory))
    # Not in pytest's directory: as root the server runs as another user, whom each pytest that starts bars anew.
    os.environ[_PLACE] = tempfile.mkdtemp(prefix=PREFIX, dir=memory)
    Path(os.environ[_PLACE]).chmod(0o755)


def clear_place() -> None:
    """Called by the first process of a run when it ends."""
    shutil.rmtree(os.environ.pop(_PLACE), ignore_errors=True)


def _clear_what_is_left(memory: Path) -> None:
    """What a run left that was killed: its data is in memory, and its servers go on running."""
    for left in memory.glob("lookout-test-*"):
        owner = left.name.split("-")[2]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            for process in psutil.process_iter():
                with suppress(psutil.Error):
                    if process.name() == "postgres" and Path(process.cwd()).is_relative_to(left):
                        process.kill()
            shutil.rmtree(left, ignore_errors=True)


def beside() -> str | None:
    """Where the databases of a run of tests are; None, which is the usual place on the disk, for whoever measures."""
    place = os.environ.get(_PLACE)
    return os.path.dirname(place) if place is not None else None


def _memory() -> str | None:
    """A directory in memory with room for what tests write: a disk makes them wait. None if there is none."""
    place = "/dev/shm"
    if not os.path.isdir(place) or os.statvfs(place).f_flag & os.ST_NOEXEC:  # the server may be copied to it
        return None
    return place if shutil.disk_usage(place).free > ROOM else None


def copy_cluster(data_dir: Path) -> None:
    """Make a data directory what a first start that was stopped leaves."""
    subprocess.run(["cp", "-a", _made() / "postgres", data_dir], check=True)


@cache
def _made() -> Path:
    place = Path(os.environ[_PLACE])
    with (place / "making").open("w") as making:
        fcntl.flock(making, fcntl.LOCK_EX)
        if not (place / "made").exists():
            # In a thread: the caller may have a loop that runs.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(_make, place).result()
            (place / "made").touch()
    return place


def _make(place: Path) -> None:
    server = EmbeddedPostgres(place)
    dsn = server.start()
    try:
        asyncio.run(_migrate(dsn))
    finally:
        server.stop()


async def _migrate(dsn: str) -> None:
    pool = await database.connect(dsn, 1)
    await database.migrate_schema(pool)
    await database.let_service_in(pool)
    # Nothing is written through to the disk: a `kill -9` loses nothing by that, and nobody cuts the power here.
    await pool.execute("ALTER SYSTEM SET fsync = off")
    # What a killed server shared with its workers goes with its directory, and not only with the next start.
    await pool.execute("ALTER SYSTEM SET dynamic_shared_memory_type = 'mmap'")
    await pool.close()
