"""Lookout as it serves, with a look at what it does every few milliseconds of its processor time: `bench.costs` counts.

The kernel looks at that clock at its own ticks, so it is asked for more than it gives.

    python -m bench.sampled FILE

Each SIGUSR1 writes to FILE how often each part was seen since the last one, and counts from 0 again.
"""

import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

import msgspec

from lookout.app import serve
from lookout.config import load_settings

EVERY = 0.001
LOOP, OTHER = "the event loop", "other"
IDLE = (LOOP, OTHER)
PARTS = {
    "uvicorn": "the server and its parser",
    "httptools": "the server and its parser",
    "lookout.server": "the server and its parser",
    "lookout.api": "a request: who asks, its body with its deadline, its answer",
    "lookout.sources": "reading alerts, recognising them by their bytes",
    "lookout.alerts": "reading alerts, recognising them by their bytes",
    "lookout.intake": "gathering a batch, recognising repeats, answering",
    "lookout.incidents": "deciding",
    "lookout.store": "rows and statements",
    "asyncpg": "the database's driver",
    "lookout.feeds": "waking readers",
    "asyncio": LOOP,
    "uvloop": LOOP,
}
"""By module: of what runs, the innermost that has a name here is where it is."""


def part_of(modules: list[str]) -> str:
    """The part that is at work, from the modules of a stack, the innermost first."""
    for module in modules:
        names = module.split(".")
        for length in range(len(names), 0, -1):
            if (part := PARTS.get(".".join(names[:length]))) is not None:
                return part
    return OTHER


def _modules(frame: FrameType | None) -> list[str]:
    modules: list[str] = []
    while frame is not None:
        modules.append(frame.f_globals.get("__name__", ""))
        frame = frame.f_back
    return modules


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    file = Path(sys.argv[1])
    seen: Counter[str] = Counter()

    def look(_: int, frame: FrameType | None) -> None:
        part = part_of(_modules(frame))
        if part in IDLE:  # perhaps it waits for a thread, which decides or writes
            own = threading.get_ident()
            stacks = sys._current_frames()  # pyright: ignore[reportPrivateUsage] - it is documented, and there is no other
            others = [part_of(_modules(stacks[name])) for name in stacks if name != own]
            part = next((other for other in others if other not in IDLE), part)
        seen[part] += 1

    def tell(_: int, __: FrameType | None) -> None:
        partial = file.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(dict(seen)))
        partial.rename(file)
        seen.clear()

    signal.signal(signal.SIGPROF, look)
    signal.signal(signal.SIGUSR1, tell)
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
    serve(load_settings(os.environ), _say)


def _say(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
