"""Lookout as a process of its own: `lookout serve`, started, killed and stopped by a test as an operator would."""

import asyncio
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import psutil
from tests.clusters import PREFIX, beside, copy_cluster

LOOKOUT = Path(sys.executable).with_name("lookout")
START_SECONDS = 30

_ADDRESS = re.compile(r"http://\S+:\d+")
_OURS = ("HOST", "PORT", "DATABASE_URL", "LOOKOUT_")


class ServerProcess:
    """A running `lookout serve`. `stdout` and `stderr` hold the lines that it has written so far."""

    def __init__(self, process: asyncio.subprocess.Process, data_dir: Path) -> None:
        self.pid = process.pid
        self.data_dir = data_dir
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._process = process
        self._keeps_database = False
        self._address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        assert process.stdout is not None
        assert process.stderr is not None
        self._reading = asyncio.gather(
            self._read(process.stdout, self.stdout),
            self._read(process.stderr, self.stderr),
        )

    async def address(self) -> str:
        """Where it listens, once it says so."""
        await asyncio.wait({self._address, self._reading}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        assert self._address.done() or self._reading.done(), f"Not up after {START_SECONDS} s: {self._state()}"
        assert self._address.done(), f"Lookout ended before it listened: {self._state()}"
        return self._address.result()

    async def address_or_end(self) -> str | None:
        """The same without a limit; None if it ends before it listens."""
        await asyncio.wait({self._address, self._reading}, return_when=asyncio.FIRST_COMPLETED)
        return self._address.result() if self._address.done() else None

    def _state(self) -> str:
        """What it and its database say and do, for whoever has to find out why it does not start."""
        with suppress(psutil.Error):
            own = psutil.Process(self.pid)
            processes = [own, *own.children(recursive=True), *postgres_of(self.data_dir)]
            shown = [f"{process.pid} {process.status()} {process.cmdline()}" for process in dict.fromkeys(processes)]
            return "\n".join([*self.stdout, *self.stderr, *shown, *self._postgres_log()])
        return "\n".join([*self.stdout, *self.stderr, *self._postgres_log()])

    def _postgres_log(self) -> list[str]:
        log = self.data_dir / "postgres" / "server.log"
        return log.read_text(errors="replace").splitlines()[-20:] if log.exists() else []

    async def exit_code(self) -> int:
        """Its exit code, once it has ended. Whoever gives up waiting stops nothing."""
        await asyncio.shield(self._reading)
        return await self._process.wait()

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()

    def signal_group(self, number: signal.Signals) -> None:
        """Signal it and what it started, as a terminal does with Ctrl-C, and a service manager with SIGTERM."""
        os.killpg(self.pid, number)

    def keep_database(self) -> None:
        """Leave a database that survived Lookout running: the next start has to cope with it."""
        self._keeps_database = True

    async def clear_away(self) -> None:
        """End whatever of it still runs, its database included."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self.exit_code()
        if not self._keeps_database:
            await asyncio.to_thread(kill_all, postgres_of(self.data_dir))

    async def _read(self, stream: asyncio.StreamReader, lines: list[str]) -> None:
        async for line in stream:
            lines.append(line.decode().rstrip())
            if not self._address.done() and (found := _ADDRESS.search(lines[-1])):
                self._address.set_result(found[0])


@asynccontextmanager
async def lookout_process(
    data_dir: Path, command: Sequence[str | Path] = (LOOKOUT, "serve"), **environ: str
) -> AsyncGenerator[ServerProcess]:
    """`lookout serve` on `data_dir` and a free port. Whatever is left of it in the end is killed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(data_dir, **environ),
        start_new_session=True,
    )
    server = ServerProcess(process, data_dir)
    try:
        yield server
    finally:
        await server.clear_away()


def environment(data_dir: Path, **environ: str) -> dict[str, str]:
    """This process's environment with nothing of Lookout's in it but what is given here."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**others, "PORT": "0", "LOOKOUT_DATA_DIR": str(data_dir), **environ}


def postgres_of(data_dir: Path) -> list[psutil.Process]:
    """Every process of the embedded PostgreSQL in `data_dir`: each works in the cluster's directory."""
    cluster = str(data_dir / "postgres")
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == "postgres" and process.cwd() == cluster:
                found.append(process)
    return found


def kill_all(processes: list[psutil.Process]) -> None:
    """`kill -9` them all, and wait until they are gone."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


@contextmanager
def empty_place() -> Generator[Path]:
    """A directory that any user may enter: pytest's own are not, and run by root the database is another user's."""
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=beside(), ignore_cleanup_errors=True) as directory:
        place = Path(directory)
        place.chmod(0o755)
        yield place


@contextmanager
def place_for_data() -> Generator[Path]:
    """The same with `data` in it, as a first start that was stopped leaves it."""
    with empty_place() as place:
        (place / "data").mkdir()
        copy_cluster(place / "data")
        yield place


async def run_lookout(*arguments: str, **environ: str) -> tuple[int, str, str]:
    """Run one command to its end: its exit code, and what it wrote to standard output and to standard error."""
    with tempfile.TemporaryDirectory(prefix="lookout-test-") as directory:
        process = await asyncio.create_subprocess_exec(
            LOOKOUT,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(Path(directory), **environ),
        )
        stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return process.returncode, stdout.decode(), stderr.decode()
