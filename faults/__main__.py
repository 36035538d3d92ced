"""Three replicas of Lookout, their senders and their readers, while everything around them fails at random.

    python -m faults                             # 10 new seeds, in 30 minutes
    python -m faults --seed 7 --minutes 2        # the faults of seed 7
    python -m faults --seed 7 --list             # which they are, and when

Exit code 1 if an invariant was broken; what is worth keeping is in build/faults/SEED then. See docs/faults.md.
"""

import argparse
import asyncio
import random
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from faults.run import Outcome, line_of, play
from faults.schedule import schedule
from lookout.errors import StartError

BUILD = Path(__file__).parents[1] / "build" / "faults"
OVERHEAD_SECONDS = 60.0
"""Of a seed's time, for what comes before and after the faults."""
LEAST_SECONDS = 20.0
INTERRUPTED = 130
BROKEN = 1


async def played(seeds: Sequence[int], seconds: float, minutes: float) -> list[Outcome]:
    """What came of each seed. Says what it does."""
    outcomes: list[Outcome] = []
    for number, seed in enumerate(seeds, 1):
        logs = BUILD / str(seed)
        shutil.rmtree(logs, ignore_errors=True)
        logs.mkdir(parents=True)
        with (logs / "faults.log").open("w") as file:

            def say(line: str) -> None:
                sys.stderr.write(f"{line}\n")
                file.write(f"{line}\n")
                file.flush()

            say(f"seed {seed} ({number} of {len(seeds)}): faults for {seconds:.0f} s")
            outcome = await play(seed, seconds, logs, say)
            outcomes.append(outcome)
            for line in outcome.broken:
                say(f"BROKEN: {line}")
            if outcome.broken:
                say(f'Again: make faults ARGS="--seed {seed} --minutes {minutes:g}"; its files: {logs}')
        if not outcome.broken:
            shutil.rmtree(logs)
    return outcomes


def show(outcomes: Sequence[Outcome]) -> None:
    """The tables, on the terminal."""
    table = Table("seed", "requests", "alerts", "events", "faults", "peak MiB", "outcome")
    for one in outcomes:
        said = f"{len(one.broken)} BROKEN" if one.broken else "all holds"
        counts = (one.requests, one.alerts, one.events, one.faults.total(), one.peak >> 20)
        table.add_row(str(one.seed), *(f"{count:,}" for count in counts), said)
    faults = Table("fault", "times")
    total = sum((one.faults for one in outcomes), start=type(outcomes[0].faults)())
    for fault, count in sorted(total.items()):
        faults.add_row(fault, str(count))
    console = Console()
    console.print(faults)
    console.print(table)
    for reason in sorted(set[str]().union(*(one.left_out for one in outcomes))):
        console.print(f"LEFT OUT: {reason}", style="bold", highlight=False)


def main() -> None:
    """Play, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="play this one alone")
    parser.add_argument("--seeds", type=int, default=10, help="how many new ones to play")
    parser.add_argument("--minutes", type=float, default=30, help="for all of them together")
    parser.add_argument("--list", action="store_true", help="show the faults of --seed, and play nothing")
    given = parser.parse_args()
    if given.list and given.seed is None:
        parser.error("--list needs a --seed")
    if given.seeds < 1 or given.minutes <= 0:
        parser.error("--seeds and --minutes are more than nothing")
    seeds = [given.seed] if given.seed is not None else [random.randrange(10**6) for _ in range(given.seeds)]
    seconds = max(LEAST_SECONDS, given.minutes * 60 / len(seeds) - OVERHEAD_SECONDS)
    if given.list:
        for step in schedule(seeds[0], seconds):
            sys.stdout.write(f"{line_of(step)}\n")
        return
    try:
        outcomes = asyncio.run(_interruptible(seeds, seconds, given.minutes / len(seeds)))
    except StartError as error:
        sys.exit(f"faults: {error}")
    except asyncio.CancelledError:
        sys.exit(INTERRUPTED)
    show(outcomes)
    sys.exit(BROKEN if any(one.broken for one in outcomes) else 0)


async def _interruptible(seeds: Sequence[int], seconds: float, minutes: float) -> list[Outcome]:
    """The same; SIGINT and SIGTERM end it in order, with everything that it started."""
    loop = asyncio.get_running_loop()
    playing = asyncio.create_task(played(seeds, seconds, minutes))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, playing.cancel)
    return await playing


if __name__ == "__main__":
    main()
