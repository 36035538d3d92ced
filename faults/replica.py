"""One Lookout as a service manager runs it: started again whenever it has ended."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from tests.server_process import ServerProcess, lookout_process

from faults.link import Ends

AGAIN_SECONDS = 0.5
"""How long the service manager waits before it starts a Lookout that has ended."""
STOP_SECONDS = 30
"""How long a stop in order may take, where the database is away."""
_LIBRARIES = ("lib/*/faketime/libfaketimeMT.so.1", "lib*/faketime/libfaketimeMT.so.1")


def clock_library() -> str | None:
    """Debian's libfaketime, which shows a process another time than the machine's; None where it is not installed."""
    return next((str(path) for pattern in _LIBRARIES for path in sorted(Path("/usr").glob(pattern))), None)


class Clock:
    """What a Lookout takes for the time: the machine's, and `offset` seconds."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.move(0.0)

    def move(self, offset: float) -> None:
        """Another time, seen within two seconds. Timers go on: only the time of day is another."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset:+.3f}\n")
        new.rename(self._file)

    def environ(self, library: str) -> dict[str, str]:
        """What a process needs to go by it."""
        return {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1",
        }


class Replica:
    """One of them. `faults` are what it did that no fault of the harness explains."""

    def __init__(self, name: str, place: Path, log: Path, environ: Mapping[str, str]) -> None:
        self.name = name
        self.clock = Clock(place / "clock")
        self.faults: list[str] = []
        self.peak = 0
        """The most bytes that one of its processes had resident."""
        self._data_dir = place
        self._log = log
        library = clock_library()
        self._environ = {**environ, **(self.clock.environ(library) if library is not None else {})}
        self._server: ServerProcess | None = None
        self._address: tuple[str, int] | None = None
        self._news = asyncio.Event()
        self._is_wanted = asyncio.Event()
        self._is_wanted.set()
        self._expected: set[int] = set()
        """Processes that the harness ends."""
        self._killed: set[int] = set()
        """Those of them that it did not let end in order."""

    async def run(self) -> None:
        """Start it, and again. For ever."""
        while True:
            await self._is_wanted.wait()
            async with lookout_process(self._data_dir, **self._environ) as server:
                self._server = server
                try:
                    await self._live(server)
                finally:
                    self._server = self._address = None
                    self._write(server)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _live(self, server: ServerProcess) -> None:
        if (url := await server.address_or_end()) is not None:
            where = urlsplit(url)
            self._address = (where.hostname or "", where.port or 0)
            self._news.set()
        code = await server.exit_code()
        if self._address is not None and server.pid not in self._expected:
            said = "\n".join(server.stderr[-5:])
            self.faults.append(f"{self.name} ended by itself with exit code {code}: {said}")
        self._news.set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return once it is so. It is looked at whenever this Lookout has begun to listen, or has ended."""
        while not is_so():
            self._news.clear()
            await self._news.wait()

    async def connect(self) -> Ends:
        """The far end of a link."""
        if self._address is None:
            raise ConnectionRefusedError
        return await asyncio.open_connection(*self._address)

    @property
    def is_up(self) -> bool:
        """Whether it listens."""
        return self._address is not None

    def kill(self) -> None:
        """`kill -9`; it is not started again before `mend`."""
        self._is_wanted.clear()
        if self._server is not None:
            self._expected.add(self._server.pid)
            self._killed.add(self._server.pid)
            self._server.kill()

    async def stop(self) -> None:
        """Stop it in order, as a rolling restart does; it is not started again before `mend`.

        That may take long, and then it may be killed meanwhile.
        """
        self._is_wanted.clear()
        server = self._server
        if server is None:
            return
        self._expected.add(server.pid)
        was_up = self.is_up
        with suppress(ProcessLookupError):
            os.kill(server.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                code = await server.exit_code()
        except TimeoutError:
            self.faults.append(f"{self.name} did not end within {STOP_SECONDS} s of SIGTERM")
            server.kill()
        else:
            if was_up and code != 0 and server.pid not in self._killed:
                self.faults.append(f"{self.name} ended with exit code {code} after SIGTERM")

    def freeze(self) -> None:
        """SIGSTOP."""
        self._send(signal.SIGSTOP)

    def mend(self) -> None:
        """Let it go on, or start."""
        self._send(signal.SIGCONT)
        self._is_wanted.set()

    def look(self) -> None:
        """Remember how much memory it has."""
        if self._server is not None:
            with suppress(psutil.Error):
                self.peak = max(self.peak, psutil.Process(self._server.pid).memory_info().rss)

    def _send(self, number: signal.Signals) -> None:
        if self._server is not None:
            with suppress(ProcessLookupError):
                os.kill(self._server.pid, number)

    def _write(self, server: ServerProcess) -> None:
        with self._log.open("a") as file:
            file.writelines(f"{line}\n" for line in (f"--- process {server.pid}", *server.stdout, *server.stderr))


@asynccontextmanager
async def replica(name: str, place: Path, log: Path, environ: Mapping[str, str]) -> AsyncGenerator[Replica]:
    """A Lookout that runs, again and again, until the block ends."""
    one = Replica(name, place, log, environ)
    running = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        one.mend()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
