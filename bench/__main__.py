"""Lookout measured beside Alertmanager and the bare database: one table of ratios.

    python -m bench                              # everything
    python -m bench repeats_in_batches idle      # only these
    python -m bench --seconds 3 --rounds 1       # a first look

Figures are worth what the machine is: nothing else should run on it.
"""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text
from tests.real.programs import program
from tests.server_process import empty_place

from bench import fanout, idle, ingest, reads, relay, storms
from bench.figure import Figure, Size
from lookout.errors import StartError

Measure = Callable[[Size, Path], Awaitable[list[Figure]]]
MEASURES: tuple[Measure, ...] = (
    ingest.repeats_in_batches,
    ingest.repeats_alone,
    ingest.first_seen,
    ingest.one_body,
    reads.active_alerts,
    reads.page,
    fanout.subscribers,
    relay.catching_up,
    relay.keeping_up,
    storms.quiet_beside_one_tenant,
    storms.quiet_beside_a_storm,
    idle.idle,
    ingest.replicas,
)
RESULTS = Path(__file__).with_name("RESULTS.md")


async def measured(names: Sequence[str], size: Size) -> list[Figure]:
    """The figures of the measures with these names, of all without any. Says what it does."""
    figures: list[Figure] = []
    for measure in MEASURES:
        name = measure.__name__
        if names and name not in names:
            continue
        sys.stderr.write(f"{name} ...\n")
        with empty_place() as directory:
            for figure in await measure(size, directory):
                sys.stderr.write(f"  {_short(figure.value)} {figure.unit}\n")
                figures.append(figure)
    return figures


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _rows(figures: Sequence[Figure]) -> list[tuple[str, str, str, str, str, str]]:
    return [
        (
            figure.what,
            f"{'at most' if figure.is_at_most else 'at least'} {figure.target:,g} {figure.unit}",
            _short(figure.value),
            f"{figure.low:.3g} to {figure.high:.3g}"
            if figure.high < 1000
            else f"{figure.low:,.0f} to {figure.high:,.0f}",
            "yes" if figure.is_met else "**no**",
            ", ".join(
                f"{name} {value:,}" if type(value) is not str else f"{name} {value}"
                for name, value in figure.notes.items()
            ),
        )
        for figure in figures
    ]


HEADS = ("what", "target", "measured", "spread", "met", "beside it")


def show(figures: Sequence[Figure]) -> None:
    """The table, on the terminal."""
    table = Table(*HEADS[:-1], show_lines=True)
    for what, *cells, beside in _rows(figures):
        table.add_row(Text.assemble(what, (f"\n{beside}", "dim")), *(cell.replace("**", "") for cell in cells))
    Console().print(table)


def machine() -> str:
    """What it ran on."""
    with Path("/proc/cpuinfo").open() as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores of {model}, {system}"


def document(figures: Sequence[Figure], size: Size, versions: str) -> str:
    """The table as Markdown, with what one has to know to believe it."""
    lines = [
        "# What was measured",
        "",
        f'By `make bench ARGS="--rounds {size.rounds} --seconds {size.seconds:g}"`, by turns. Measured is the median',
        "of the rounds, and the spread the lowest and the highest of them.",
        f"On {machine()}; {versions}.",
        "",
        f"| {' | '.join(HEADS)} |",
        f"|{'---|' * len(HEADS)}",
        *(f"| {' | '.join(row)} |" for row in _rows(figures)),
        "",
    ]
    return "\n".join(lines)


async def _versions() -> str:
    process = await asyncio.create_subprocess_exec(
        program("prometheus-alertmanager", "alertmanager"), "--version",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    stdout, _ = await process.communicate()
    return " ".join(stdout.decode().split()[:3]).replace(",", "")


def main() -> None:
    """Measure, show, and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [measure.__name__ for measure in MEASURES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(known)}")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if unknown := set(given.names) - set(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    size = Size(given.seconds, given.rounds)
    try:
        figures = asyncio.run(measured(given.names, size))
    except StartError as error:
        sys.exit(f"bench: {error}")
    show(figures)
    if not given.names:
        RESULTS.write_text(document(figures, size, asyncio.run(_versions())))
        sys.stderr.write(f"written to {RESULTS}\n")


if __name__ == "__main__":
    main()
