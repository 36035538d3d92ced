"""Lookout measured beside Alertmanager and the bare database: one table of ratios.

    python -m bench                              # everything
    python -m bench repeats_in_batches idle      # only these
    python -m bench --seconds 3 --rounds 1       # a first look

Figures are worth what the machine is: nothing else should run on it.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text
from tests.server_process import empty_place

from bench import fanout, idle, ingest, reads, relay, storms
from bench.figure import Figure, Size, short
from bench.machine import busy, machine, versions
from bench.results import HEADS, RESULTS, Results, document, keep, row_of
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
DOCUMENT = Path(__file__).with_name("RESULTS.md")


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
                sys.stderr.write(f"  {short(figure.value)} {figure.target.unit}\n")
                figures.append(figure)
    return figures


def show(figures: Sequence[Figure]) -> None:
    """The tables, on the terminal."""
    table = Table(*HEADS[:-1], show_lines=True)
    spent = Table("of", "a second", "process", "us for one", "cores busy", "peak MiB", show_lines=True)
    for figure in figures:
        what, *cells, beside = row_of(figure)
        table.add_row(Text.assemble(what, (f"\n{beside}", "dim")), *(cell.replace("**", "") for cell in cells))
        for cost in figure.costs:
            columns = [
                [short(values[name]) if name in values else "" for name in cost.cpu_us]
                for values in (cost.cpu_us, cost.cores, cost.peak_mib)
            ]
            named = Text.assemble(what, (f"\n{cost.of}", "dim"))
            cells = ["\n".join(cells) for cells in ([*cost.cpu_us], *columns)]
            spent.add_row(named, f"{short(cost.per_second)} {cost.unit}", *cells)
    console = Console()
    console.print(table)
    console.print(spent)


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
    size, where = Size(given.seconds, given.rounds), f"{machine()}, {busy()}"
    try:
        figures = asyncio.run(measured(given.names, size))
    except StartError as error:
        sys.exit(f"bench: {error}")
    show(figures)
    if not given.names:
        found = Results(f"make bench{_arguments(size)}", size, where, versions(), figures)
        keep(found)
        DOCUMENT.write_text(document(found))
        sys.stderr.write(f"written to {RESULTS} and {DOCUMENT}; `make documents` writes the others\n")


def _arguments(size: Size) -> str:
    return "" if size == Size() else f' ARGS="--rounds {size.rounds} --seconds {size.seconds:g}"'


if __name__ == "__main__":
    main()
