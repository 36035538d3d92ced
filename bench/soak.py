"""An hour at half of what the machine can: does memory grow, do tables bloat, does it get slower?

    python -m bench.soak --minutes 60                   # samples go to bench/soak.jsonl as it runs
    python -m bench.soak --minutes 2 --rate 300         # a first look, at 300 requests a second
    python -m bench.soak --verdict bench/soak.jsonl     # judge what was kept; run nothing
    python -m bench.soak --plot bench/soak.jsonl        # the same, and write it down, with a picture

A Lookout of its own is started, with a PostgreSQL of its own, that forgets what is over after minutes, so that tables
reach the size at which they should stay. Ends with exit code 1 if something is not flat, or an answer or event is
missing. The machine should do nothing else.
"""

import argparse
import asyncio
import multiprocessing
import signal
import sys
from pathlib import Path
from typing import Any

import asyncpg
from tests.server_process import empty_place

from bench import steady
from bench.judging import document, drawn, progress, report
from bench.machine import machine
from bench.programs import Program, lookout
from bench.samples import About, Sample, Sampler, keep, read
from bench.tenants import MAKES_TENANTS, SECRET

SAMPLES = Path(__file__).with_name("soak.jsonl")
EVERY = 10.0
"""Seconds between samples."""
RETENTION = "5m"
"""Lookout looks every ten minutes for what is older, so a table has at most a quarter of an hour in it."""
RATE_LIMIT = "1000000"
"""Requests a second of one tenant: the full rate is looked for."""
RESULTS = Path(__file__).with_name("SOAK.md")
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "soak.svg"


async def soak(minutes: float, rate: float, file: Path) -> list[Sample]:
    """Run, and keep each sample in `file` as soon as it is there. SIGTERM ends it, and what it started, as Ctrl-C."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with empty_place() as place:
        config = place / "lookout.yaml"
        config.write_text(MAKES_TENANTS)
        command = (sys.executable, "-m", "bench.briefly", RETENTION)
        environ = {"SERVICE_TOKEN": SECRET, "LOOKOUT_CONFIG": str(config)}
        limits = dict.fromkeys(("LOOKOUT_INGEST_RATE", "LOOKOUT_READ_RATE"), RATE_LIMIT)
        async with lookout(command, **environ, **limits) as program:
            ours, theirs = multiprocessing.Pipe(duplex=False)
            loading = multiprocessing.get_context("spawn").Process(
                target=steady.run, args=(program.url, rate, EVERY, theirs), daemon=True
            )
            loading.start()
            theirs.close()
            database = await program.database()
            try:
                return await _sampled(minutes, program, database, ours, file)
            finally:
                loading.kill()
                await database.close()


async def _sampled(
    minutes: float, program: Program, database: asyncpg.Connection, load: Any, file: Path
) -> list[Sample]:
    full_rate: float = await asyncio.to_thread(load.recv)
    version = await database.fetchval("SHOW server_version")
    about = About(machine(), f"PostgreSQL {version}", minutes, round(full_rate, 1), RETENTION)
    sys.stderr.write(f"full rate {full_rate:,.0f} requests/s; now half of it for {minutes:g} minutes\n")
    sampler = Sampler(program, database)
    samples: list[Sample] = []
    with file.open("wb") as kept:
        keep(kept, about)
        while not samples or samples[-1].at < minutes * 60:
            samples.append(await sampler.sample(await asyncio.to_thread(load.recv)))
            keep(kept, samples[-1])
            if len(samples) % round(60 / EVERY) == 0:
                sys.stderr.write(f"{progress(samples)}\n")
    return samples


def main() -> None:
    """Run or read, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; without it half of the full rate")
    parser.add_argument("--file", type=Path, default=SAMPLES, help="where the samples are kept")
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--verdict", type=Path, help="judge what is in this file, and run nothing")
    kept.add_argument("--plot", type=Path, help=f"the same, and write {RESULTS.name} and {PICTURE.name}")
    given = parser.parse_args()
    file: Path = given.verdict or given.plot or given.file
    if file is given.file:
        asyncio.run(soak(given.minutes, given.rate, file))
    about, samples = read(file)
    if given.plot is not None:
        PICTURE.write_text(drawn(about, samples))
        RESULTS.write_text(document(about, samples))
    said, is_well = report(about, samples)
    sys.stdout.write(f"{said}\n")
    sys.exit(not is_well)


if __name__ == "__main__":
    main()
