"""The tables of `docs/scaling.md`, from the arithmetic and what was measured: `make documents` writes them there.

python -m bench.sizing                              # the same on the terminal
python -m bench.sizing --tenants 500 --alerts 20000 # for another load
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from bench.arithmetic import HEADROOM, Needs, needs, processes_for, saturations
from bench.comparison import Comparison
from bench.quantities import Costs, Load, costs

POSTGRES_CORES = 8
SHOWN_PARTS = 12


def loads(tenants: int, active_alerts: int) -> dict[str, Load]:
    """The same alerts, told in three ways."""
    one = Load(tenants=tenants, active_alerts=active_alerts)
    return {
        "Prometheus": one,
        "pairs of Prometheis": Load(tenants=tenants, active_alerts=active_alerts, twins=2),
        "Alertmanager": Load(
            tenants=tenants,
            active_alerts=active_alerts,
            resend_seconds=4 * 3600,
            lease_seconds=12 * 3600,
            end_repeats=0,
        ),
    }


def tables(known: Costs, tenants: int = 100_000, active_alerts: int = 1_000_000) -> str:
    """All of them, as Markdown."""
    told = loads(tenants, active_alerts)
    wanted = {name: needs(load, known, processes_for(load, known)) for name, load in told.items()}
    one, most = told["Prometheus"], wanted["Prometheus"]
    return "\n\n".join(
        [
            f"What comes, with {tenants:,} tenants and {active_alerts:,} active alerts:",
            _table(["each second", *told], _rows(_ASKED, list(told.values()))),
            f"What it needs, if no process and no database takes more than {HEADROOM:.0%} of its processors:",
            _table(["all together", *wanted], _rows(_NEEDED, list(wanted.values()))),
            "Where the processors go, sent by one Prometheus for each tenant, the most first:",
            _table(["each second", "how many", "Lookout ms", "PostgreSQL ms"], _parts(most)),
            f"What one process and {POSTGRES_CORES} cores of PostgreSQL bear of that load, what is short first on top:",
            _table(
                ["resource", "bears", "what moves it"],
                [
                    [short.resource, f"{short.part:.0%}", short.knob]
                    for short in saturations(one, known, POSTGRES_CORES)
                ],
            ),
            "And if any request may go to any process, so that each of them sees all that fires:",
            _table(["all together", "each sender to one process", "any to any"], _spread(one, most, known)),
            f"Costs of one of each: `bench/kinds.json`, measured on {known.machine}.",
        ]
    )


def compared(played: Comparison) -> str:
    """What was measured of a play beside the arithmetic, as Markdown."""
    load = played.load
    what = (
        f"{load.tenants:,} tenants with {load.active_alerts:,} active alerts, told again every "
        f"{load.resend_seconds:.0f} s by {load.twins} of each, {played.processes} Lookout, {played.seconds:.0f} s; "
        f"on {played.machine}:"
    )
    rows = [
        [
            stage,
            line.what,
            line.unit,
            rounded(line.measured),
            _or_none(line.predicted, rounded),
            _or_none(line.ratio, _two),
        ]
        for stage, lines in played.stages.items()
        for line in lines
    ]
    off = f"Off by more than {played.factor:g} times: {', '.join(played.off) or 'nothing'}."
    return f"{what}\n\n{_table(['', 'what', 'unit', 'measured', 'arithmetic', 'ratio'], rows)}\n\n{off}"


Row = tuple[str, Callable[[Load], str]]

_ASKED: Sequence[Row] = (
    ("alerts told again", lambda load: rounded(load.repeats)),
    ("alerts that begin, and as many that end", lambda load: rounded(load.starts)),
    ("ends told again", lambda load: rounded(load.ended_again)),
    ("requests", lambda load: rounded(load.requests)),
    ("events", lambda load: rounded(load.events)),
    ("connections of senders, open", lambda load: rounded(load.connections)),
)
_NEEDED: Sequence[tuple[str, Callable[[Needs], str]]] = (
    ("processes", lambda needed: str(needed.processes)),
    ("cores of all processes, busy", lambda needed: rounded(needed.lookout_cores)),
    ("cores of PostgreSQL, busy", lambda needed: rounded(needed.postgres_cores)),
    ("cores of PostgreSQL, to have", lambda needed: rounded(needed.postgres_cores / HEADROOM)),
    ("commits a second", lambda needed: rounded(needed.commits)),
    ("requests in a commit", lambda needed: rounded(needed.requests_in_commit)),
    ("connections to PostgreSQL", lambda needed: rounded(needed.database_connections)),
    ("memory of a process", lambda needed: in_bytes(needed.memory)),
    ("WAL a second", lambda needed: in_bytes(needed.wal_bytes)),
    ("WAL a day, to archive", lambda needed: in_bytes(needed.wal_bytes * 86_400)),
    ("leases on the disk, better in memory", lambda needed: in_bytes(needed.lease_bytes)),
    ("what a day leaves on the disk", lambda needed: in_bytes(needed.bytes_a_day)),
    ("the disk after 30 days", lambda needed: in_bytes(needed.lease_bytes + needed.bytes_a_day * 30)),
    ("the disk after 400 days", lambda needed: in_bytes(needed.lease_bytes + needed.bytes_a_day * 400)),
    ("records to Kafka a second", lambda needed: rounded(needed.kafka_records)),
    ("bytes to Kafka a second", lambda needed: in_bytes(needed.kafka_bytes)),
)


def _rows(rows: Sequence[tuple[str, Callable[..., str]]], columns: Sequence[object]) -> list[list[str]]:
    return [[name, *(value(column) for column in columns)] for name, value in rows]


def _parts(needed: Needs) -> list[list[str]]:
    ordered = sorted(needed.parts, key=lambda part: -(part.spent.lookout_us + part.spent.postgres_us))
    return [
        [
            part.what,
            rounded(part.per_second),
            rounded(part.spent.lookout_us / 1e3),
            rounded(part.spent.postgres_us / 1e3),
        ]
        for part in ordered[:SHOWN_PARTS]
    ]


def _spread(load: Load, most: Needs, known: Costs) -> list[list[str]]:
    spread = needs(load, known, most.processes, is_spread=True)
    shown = {"cores of all processes, busy", "cores of PostgreSQL, busy", "WAL a second"}
    repeats = ["repeats that need no decision", *(f"{needed.known:.0%}" for needed in (most, spread))]
    return [repeats, *_rows([row for row in _NEEDED if row[0] in shown], [most, spread])]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])


def rounded(value: float) -> str:
    """Two figures; more are not known."""
    short = float(f"{value:.2g}")
    return f"{short:,.0f}" if short >= 10 else f"{short:g}"


def in_bytes(value: float) -> str:
    """The same of bytes, with the unit that suits them."""
    short = float(f"{value:.2g}")
    for unit in ("B", "kB", "MB", "GB"):
        if short < 1000:
            return f"{short:g} {unit}"
        short /= 1000
    return f"{short:,g} TB"


def _or_none(value: float | None, shown: Callable[[float], str]) -> str:
    return "" if value is None else shown(value)


def _two(value: float) -> str:
    return f"{value:.2f}"


def main() -> None:
    """Show them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, default=100_000)
    parser.add_argument("--alerts", type=int, default=1_000_000, help="that fire")
    given = parser.parse_args()
    sys.stdout.write(tables(costs(), given.tenants, given.alerts) + "\n")


if __name__ == "__main__":
    main()
