"""What an alert costs and where that goes: kept in `bench/paths.json`, shown in `docs/performance.md`. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bench.figure import short
from bench.results import table

PATHS = Path(__file__).with_name("paths.json")


class AlertPath(msgspec.Struct, frozen=True):
    """Of one kind of load, for one alert. Microseconds of a processor."""

    what: str
    lookout_us: float
    postgres_us: float
    alerts_in_commit: float
    commit_ms: float
    parts: Mapping[str, float]
    """Of `lookout_us`, by what Lookout was doing."""


class Paths(msgspec.Struct, frozen=True):
    """What was found. `bare_us` is of a request to the server alone, `statements` of a first-seen alert."""

    machine: str
    bare_us: float
    paths: Sequence[AlertPath]
    statements: Mapping[str, float]


def paths() -> Paths:
    """What is written down."""
    return msgspec.json.decode(PATHS.read_bytes(), type=Paths)


def keep(found: Paths) -> None:
    """Write it down."""
    PATHS.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


def tables(found: Paths) -> str:
    """All of it, as Markdown."""
    parts: Counter[str] = Counter()
    for path in found.paths:
        parts.update({part: us / path.lookout_us for part, us in path.parts.items()})
    ordered = [part for part, _ in parts.most_common()]
    rows = [[part, *(short(path.parts.get(part, 0.0)) for path in found.paths)] for part in ordered]
    sums: list[Sequence[str]] = [
        ["**Lookout**", *(short(path.lookout_us) for path in found.paths)],
        ["**PostgreSQL**", *(short(path.postgres_us) for path in found.paths)],
        ["alerts in a commit", *(short(path.alerts_in_commit) for path in found.paths)],
        ["a commit, ms", *(short(path.commit_ms) for path in found.paths)],
    ]
    return "\n\n".join(
        [
            f"By `python -m bench.costs` on {found.machine}; microseconds of a processor for one alert:",
            table(("", *(path.what for path in found.paths)), [*rows, *sums]),
            f"The server alone takes {short(found.bare_us)} us for a request.",
            "By statement, as PostgreSQL's log has it, for a first-seen alert; its time is not its processor's alone:",
            table(("statement", "us"), [(f"`{name}`", short(us)) for name, us in found.statements.items()]),
        ]
    )
