"""What is measured, side by side on one machine, and what it costs."""

import re
import resource
import time
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil
from tests.real.programs import alertmanager_process
from tests.server_process import LOOKOUT, empty_place, lookout_process, postgres_of

from bench.figure import Cost

_PEAK = re.compile(r"VmHWM:\s+(\d+)")
_NOT_ITS_OWN = re.compile(r"Rss(?:File|Shmem):\s+(\d+)")
_SHARED = re.compile(r"RssShmem:\s+(\d+)")


class Program:
    """A running program, and the PostgreSQL in its data directory if there is one."""

    def __init__(self, name: str, url: str, pid: int, data_dir: Path) -> None:
        self.name = name
        self.url = url
        self.pid = pid
        self.data_dir = data_dir

    def cpu(self) -> dict[str, float]:
        """Seconds of the processor so far, by process."""
        own = {self.name: sum(psutil.Process(self.pid).cpu_times()[:2])}
        database = postgres_cpu(self.data_dir)
        return {**own, "PostgreSQL": database} if database else own

    def peaks(self) -> dict[str, float]:
        """The most MiB that each ever had resident: of PostgreSQL what its processes have for themselves, and what they
        share once."""
        own = {self.name: _kilobytes(_PEAK, _status(self.pid)) / 1024}
        stati = [status for process in postgres_of(self.data_dir) if (status := _status(process.pid))]
        if not stati:
            return own
        private = sum(_kilobytes(_PEAK, status) - _kilobytes(_NOT_ITS_OWN, status) for status in stati)
        return {**own, "PostgreSQL": (private + max(_kilobytes(_SHARED, status) for status in stati)) / 1024}

    @property
    def database_url(self) -> str:
        """Lookout's embedded database, as its owner."""
        socket_dir = (self.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[4]
        return f"postgresql://lookout@/postgres?host={socket_dir}"

    async def database(self) -> asyncpg.Connection:
        """A connection to it."""
        return await asyncpg.connect(self.database_url)


def postgres_cpu(data_dir: Path) -> float:
    """Seconds of the processor of the PostgreSQL in `data_dir`, with those of its processes that have ended."""
    spent = 0.0
    for process in postgres_of(data_dir):
        with suppress(psutil.Error):  # it has just ended, and is the postmaster's now
            spent += sum(process.cpu_times()[:4])
    return spent


def _status(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/status").read_text()
    return ""


def _kilobytes(line: re.Pattern[str], status: str) -> int:
    return sum(map(int, line.findall(status)))


class Watch:
    """What programs and the load have spent since it was made."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self._programs = programs
        self._before = self._cpu()
        self._began = time.monotonic()
        self.cpu: dict[str, float] = {}
        """Seconds of the processor by process, once it has ended."""
        self.seconds = 0.0

    def end(self) -> None:
        """It was so much, and no more."""
        self.seconds = time.monotonic() - self._began
        self.cpu = {name: spent - self._before[name] for name, spent in self._cpu().items()}

    def cost(self, of: str, unit: str, count: float, per_second: float | None = None) -> Cost:
        """For each of `count`, which came at this rate, or evenly over all the time."""
        peaks: Counter[str] = Counter()
        for program in self._programs:
            peaks.update(program.peaks())
        return Cost(
            of,
            unit,
            count / self.seconds if per_second is None else per_second,
            {name: spent / count * 1e6 for name, spent in self.cpu.items()},
            dict(peaks),
        )

    def _cpu(self) -> Counter[str]:
        spent: Counter[str] = Counter()
        for program in self._programs:
            spent.update(program.cpu())
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            used = resource.getrusage(who)
            spent.update({"load": used.ru_utime + used.ru_stime})
        return spent


@contextmanager
def watched(*programs: Program) -> Generator[Watch]:
    """What they spend within the block, and this process with its children that end in it: the load."""
    watch = Watch(programs)
    yield watch
    watch.end()


@asynccontextmanager
async def lookout(command: Sequence[str | Path] = (LOOKOUT, "serve"), **environ: str) -> AsyncGenerator[Program]:
    """Lookout as an operator starts it, with a database of its own that writes to the disk."""
    with empty_place() as place:
        data_dir = place / "data"
        async with lookout_process(data_dir, command, **environ) as server:
            yield Program("Lookout", await server.address(), server.pid, data_dir)


@asynccontextmanager
async def alertmanager(directory: Path) -> AsyncGenerator[Program]:
    """Debian's Alertmanager, alone."""
    before = set(psutil.Process().children())
    async with alertmanager_process(directory) as url:
        (own,) = (process for process in psutil.Process().children() if process not in before)
        yield Program("Alertmanager", url, own.pid, directory)
