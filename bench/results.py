"""What `make bench` found, kept in `bench/results.json`, and the documents that are made of it. Pure.

`make documents` writes them: `bench/RESULTS.md`, the README's table, the tables of `docs/performance.md`, its picture.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.figure import Cost, Figure, Size, short
from bench.targets import TARGETS

RESULTS = Path(__file__).with_name("results.json")
LOAD = "load"
UNMEASURED = "not measured"


class Results(msgspec.Struct, frozen=True):
    """One whole run. `command` is what gives the same again, `machine` says where it was."""

    command: str
    size: Size
    machine: str
    versions: str
    figures: Sequence[Figure]


def results() -> Results:
    """The run that is written down."""
    return msgspec.json.decode(RESULTS.read_bytes(), type=Results)


def keep(found: Results) -> None:
    """Write it down."""
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """As Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])


HEADS = ("what", "target", "measured", "spread", "met", "beside it")


def row_of(figure: Figure) -> tuple[str, ...]:
    """One figure, a cell for each of `HEADS`."""
    told = (f"{name} {value if type(value) is str else f'{value:,}'}" for name, value in figure.notes.items())
    return (
        figure.target.what,
        figure.target.wanted,
        short(figure.value),
        f"{short(figure.low)} to {short(figure.high)}",
        "yes" if figure.is_met else "**no**",
        ", ".join(told),
    )


def document(found: Results) -> str:
    """`RESULTS.md`: all figures, with what one has to know to believe them."""
    size = found.size
    return "\n".join(
        [
            "# What was measured",
            "",
            f"By `{found.command}`: {size.rounds} rounds, in each what is compared by turns, {size.seconds:g} s each;",
            "measured is the median of the rounds, and the spread the lowest and the highest of them. What has a",
            "length of its own, as a storm, a body or a start, takes that.",
            f"On {found.machine}. {found.versions}.",
            "",
            table(HEADS, map(row_of, found.figures)),
            "",
            "`tenants 1`: all of it is of one tenant, whose commits are one after the other.",
            "What limits what is missed, and what would move it: [performance](../docs/performance.md#what-is-missed).",
            "",
            "## What it took",
            "",
            "Microseconds of the processor for one, by process, and how many cores each kept busy. `load` is who",
            "sends, reads and measures (mostly wrk): it shares the machine. Memory is the most that a process ever",
            "had; of PostgreSQL what its processes have for themselves, and what they share once.",
            "",
            costs(found.figures),
            "",
        ]
    )


def costs(figures: Sequence[Figure]) -> str:
    """What each load took, as Markdown."""
    told = [(figure.target.what, cost) for figure in figures for cost in figure.costs]
    return table(
        ("load", "of", "a second", "us for one", "cores busy", "peak memory, MiB"),
        (
            (
                what,
                cost.of,
                f"{short(cost.per_second)} {cost.unit}",
                _each(cost.cpu_us),
                f"{_cores(cost)}: {sum(cost.cores.values()):.2f}",
                _each(cost.peak_mib),
            )
            for what, cost in told
        ),
    )


def _each(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {short(value)}" for name, value in values.items())


def _cores(cost: Cost) -> str:
    return ", ".join(f"{name} {busy:.2f}" for name, busy in cost.cores.items())


def asked(found: Results) -> list[tuple[str, Figure | None]]:
    """Each target that was set, with its figure."""
    by_name = {figure.of: figure for figure in found.figures}
    return [(name, by_name.get(name)) for name, target in TARGETS.items() if not target.is_beside]


def readme_table(found: Results) -> str:
    """The targets that were set, also those that are missed, with the command."""
    rows: list[Sequence[str]] = []
    for name, figure in asked(found):
        if figure is None:
            rows.append((TARGETS[name].what, TARGETS[name].wanted, UNMEASURED, "", "", ""))
            continue
        came = _load_of(figure)
        rows.append((*row_of(figure)[:5], f"{short(came.per_second)} {came.unit}" if came is not None else ""))
    said = f"By `{found.command}`, on {found.machine}; the load, Lookout and its PostgreSQL share them:"
    return f"{said}\n\n{table((*HEADS[:5], 'Lookout, a second'), rows)}"


def _load_of(figure: Figure) -> Cost | None:
    """The load that the target is about."""
    about = [cost for cost in figure.costs if cost.of == figure.target.cost] or figure.costs
    return about[0] if about else None


def missed(found: Results) -> str:
    """Each target that is missed: by how much, what limits it, and what would move it. Markdown."""
    lines = [
        f"- **{figure.target.what}**: {short(figure.value)}, and the target is {figure.target.wanted}. "
        f"{_cores_said(figure)}{figure.target.limit} What would move it: {figure.target.moves}."
        for figure in found.figures
        if not figure.is_met
    ]
    return "\n".join(lines) or "No target is missed."


def _cores_said(figure: Figure) -> str:
    if not figure.costs:
        return ""
    return f"Busy meanwhile, in cores: {'; '.join(f'{cost.of}: {_cores(cost)}' for cost in figure.costs)}. "


IN_BATCHES, ALONE, FRESH = "repeats_64", "repeats_1", "first_seen"


def alert_costs(found: Results) -> str:
    """What an alert costs Lookout and its database, as Markdown."""
    figures = {figure.of: figure for figure in found.figures}
    rows = [
        (
            figure.target.what,
            short(cost.per_second),
            *(short(cost.cpu_us[name]) if name in cost.cpu_us else "" for name in ("Lookout", "PostgreSQL", LOAD)),
            f"{sum(cost.cores.values()):.2f}",
        )
        for figure in (figures[name] for name in (ALONE, IN_BATCHES, FRESH) if name in figures)
        for cost in figure.costs[:1]
    ]
    return table(("alerts", "a second", "Lookout us", "PostgreSQL us", "load us", "cores busy, all together"), rows)
