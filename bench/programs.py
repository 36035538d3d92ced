"""What is measured, side by side on one machine, and what it costs."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import psutil
from tests.real.programs import alertmanager_process
from tests.server_process import LOOKOUT, empty_place, lookout_process, postgres_of


class Program:
    """A running program. `processes` are all that work for it now."""

    def __init__(self, url: str, processes: Callable[[], list[psutil.Process]], data_dir: Path) -> None:
        self.url = url
        self.data_dir = data_dir
        self._processes = processes

    def cpu_seconds(self) -> float:
        """Of the processor, since it was started; what has ended is left out."""
        return sum(self._of_each(lambda process: sum(process.cpu_times()[:2])))

    def memory(self) -> int:
        """Bytes that nobody else uses."""
        return int(sum(self._of_each(lambda process: process.memory_full_info().uss)))

    def peak_memory(self) -> int:
        """The most bytes that the first of its processes ever had resident."""
        status = Path(f"/proc/{self.pid}/status").read_text().split("VmHWM:")[1]
        return int(status.split()[0]) * 1024

    @property
    def pid(self) -> int:
        """Of the first of its processes."""
        return self._processes()[0].pid

    def _of_each(self, of: Callable[[psutil.Process], float]) -> list[float]:
        found: list[float] = []
        for process in self._processes():
            with suppress(psutil.Error):
                found.append(of(process))
        return found

    @property
    def database_url(self) -> str:
        """Lookout's embedded database, as its owner."""
        socket_dir = (self.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[4]
        return f"postgresql://lookout@/postgres?host={socket_dir}"

    async def database(self) -> asyncpg.Connection:
        """A connection to it."""
        return await asyncpg.connect(self.database_url)


@asynccontextmanager
async def lookout(command: Sequence[str | Path] = (LOOKOUT, "serve"), **environ: str) -> AsyncGenerator[Program]:
    """Lookout as an operator starts it, with a database of its own that writes to the disk."""
    with empty_place() as place:
        data_dir = place / "data"
        async with lookout_process(data_dir, command, **environ) as server:
            url = await server.address()
            own = psutil.Process(server.pid)
            yield Program(url, lambda: [own, *postgres_of(data_dir)], data_dir)


@asynccontextmanager
async def alertmanager(directory: Path) -> AsyncGenerator[Program]:
    """Debian's Alertmanager, alone."""
    before = set(psutil.Process().children())
    async with alertmanager_process(directory) as url:
        own = [process for process in psutil.Process().children() if process not in before]
        yield Program(url, lambda: own, directory)
