"""What the samples of a soak show: how each quantity moves, what went wrong, and a picture. Pure."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from bench.chart import Chart, Series, picture
from bench.flat import Verdict, settled, verdict
from bench.samples import About, Sample

MEBIBYTE = 2**20
SHOWN_FROM = 1.0
"""MiB of a table: smaller ones are told of only if they grow."""
ANSWERED = 0.99
"""Of the requests that were due."""
TIMED = {
    "batch": "POST of 64 repeats",
    "alone": "POST of one repeat",
    "churn": "POST of beginnings and ends",
    "page": "page of 50 incidents",
    "stream": "POST to event",
}
"""What is timed, by kind of request."""

Of = Callable[[Sample], float]


def memory_of_lookout(sample: Sample) -> float:
    return sample.lookout_pss / MEBIBYTE


def memory_of_postgres(sample: Sample) -> float:
    return sample.postgres_pss / MEBIBYTE


def tables(sample: Sample) -> float:
    """MiB of all tables, with their indexes."""
    return sum(table["bytes"] for table in sample.tables.values()) / MEBIBYTE


def dead(sample: Sample) -> float:
    """Rows of all tables that are dead and not yet cleaned up."""
    return sum(table["dead"] for table in sample.tables.values())


def _of_table(name: str) -> Of:
    return lambda sample: sample.tables[name]["bytes"] / MEBIBYTE


def _of_wal(sample: Sample) -> float:
    return sample.wal["written"] / MEBIBYTE


def _cpu_of_lookout(sample: Sample) -> float:
    return sample.lookout_cpu


def _cpu_of_postgres(sample: Sample) -> float:
    return sample.postgres_cpu


def values(samples: Sequence[Sample], of: Of) -> list[tuple[float, float]]:
    """(Seconds, value)."""
    return [(sample.at, of(sample)) for sample in samples]


def rates(samples: Sequence[Sample], of: Of) -> list[tuple[float, float]]:
    """(Seconds, how fast a counter went up since the sample before)."""
    counted = values(samples, of)
    return [(at, (after - before) / (at - since)) for (since, before), (at, after) in pairwise(counted)]


def percentiles(samples: Sequence[Sample], kind: str, part: str) -> list[tuple[float, float]]:
    """(Seconds, milliseconds) of one kind of request; `part` is p50 or p99. Samples that timed none are left out."""
    found = [(sample.at, getattr(sample.load, part).get(kind)) for sample in samples]
    return [(at, milliseconds) for at, milliseconds in found if milliseconds is not None]


def verdicts(samples: Sequence[Sample]) -> Iterator[Verdict]:
    """How each quantity moves in the last two thirds, and how much it may."""

    def judged(
        what: str, unit: str, points: Sequence[tuple[float, float]], limit: float, least: float = 0.0
    ) -> Verdict:
        return verdict(what, unit, settled(points), limit, least)

    yield judged("memory of Lookout", "MiB", values(samples, memory_of_lookout), 0.05)
    yield judged("memory of PostgreSQL", "MiB", values(samples, memory_of_postgres), 0.05)
    yield judged("all tables, with their indexes", "MiB", values(samples, tables), 0.05)
    for name in sorted(samples[-1].tables):
        yield judged(f"table {name}, with its indexes", "MiB", values(samples, _of_table(name)), 0.10, SHOWN_FROM)
    yield judged("dead rows", "rows", values(samples, dead), 0.20, 1000)
    yield judged("CPU of Lookout", "cores", rates(samples, _cpu_of_lookout), 0.10)
    yield judged("CPU of PostgreSQL", "cores", rates(samples, _cpu_of_postgres), 0.10)
    yield judged("write-ahead log", "MiB/s", rates(samples, _of_wal), 0.10)
    for kind, what in TIMED.items():
        for part, limit in (("p50", 0.15), ("p99", 0.30)):
            if points := percentiles(samples, kind, part):
                yield judged(f"{what}: {part}", "ms", points, limit)


def failures(about: About, samples: Sequence[Sample]) -> Iterator[str]:
    """What went wrong at any time, in sentences."""
    for sample in samples:
        for reason, count in (*sample.load.refused.items(), ("gaps in a stream", sample.load.gaps)):
            if count:
                yield f"at {sample.at:.0f} s: {count} x {reason}"
    for kind, what in TIMED.items():
        if missing := len(samples) - len(percentiles(samples, kind, "p50")):
            yield f"{missing} of {len(samples)} samples timed no {what}"
    if samples[-1].load.overdue:
        yield f"{samples[-1].load.overdue} events never came"
    answered = sum(sum(sample.load.answered.values()) for sample in samples)
    sent = answered / sum(sample.load.seconds for sample in samples)
    if sent < about.full_rate / 2 * ANSWERED:
        yield f"{sent:,.0f} requests a second were answered of {about.full_rate / 2:,.0f}"


def document(about: About, samples: Sequence[Sample]) -> str:
    """What a run shows, as Markdown."""
    rate = sum(sample.load.alerts for sample in samples) / sum(sample.load.seconds for sample in samples)
    load = (
        f"The load is half of what the machine took of the same mix just before, {about.full_rate:,.0f} requests a "
        f"second with whoever sends them: {rate:,.0f} alerts a second. What is over is kept for {about.retention}. A "
        "quantity is flat if in the last two thirds of the time it grows by no more than stands beside it."
    )
    lines = [
        "# An hour at half load",
        "",
        "By `python -m bench.soak`, and written down by `python -m bench.soak --plot FILE`.",
        f"On {about.machine}; {about.database}; {samples[-1].at / 60:.0f} minutes.",
        "",
        load,
        "",
        "![Memory, CPU, tables, dead rows and latencies over time](../docs/images/soak.svg)",
        "",
        "| what | median | grows by | at most | flat |",
        "|---|---|---|---|---|",
        *(
            f"| {one.what} | {one.median:,.4g} {one.unit} | {one.grows:+.1%} | {one.limit:+.0%} | "
            f"{'yes' if one.is_flat else '**no**'} |"
            for one in verdicts(samples)
            if _counts(one)
        ),
        "",
        *([f"- {line}" for line in failures(about, samples)] or ["No answer was an error, and no event was lost."]),
        "",
    ]
    return "\n".join(lines)


def _counts(one: Verdict) -> bool:
    return not (one.is_flat and one.what.startswith("table ") and one.median < SHOWN_FROM)


def report(about: About, samples: Sequence[Sample]) -> tuple[str, bool]:
    """In lines what a run shows, and whether all is well."""
    lines = [
        f"{about.machine}; {about.database}; half of {about.full_rate:,.0f} requests/s, {samples[-1].at / 60:.0f} min"
    ]
    judged = list(verdicts(samples))
    for one in filter(_counts, judged):
        word = "flat" if one.is_flat else "GROWS"
        lines.append(f"{word:5}  {one.what}: {one.median:,.4g} {one.unit}, {one.grows:+.1%} (at most {one.limit:+.0%})")
    broken = list(failures(about, samples))
    lines += [f"BROKEN  {line}" for line in broken]
    return "\n".join(lines), not broken and all(one.is_flat for one in judged)


def progress(samples: Sequence[Sample]) -> str:
    """How it goes, in a line."""
    sample = samples[-1]
    lookout, postgres = (rates(samples[-2:], of)[-1][1] for of in (_cpu_of_lookout, _cpu_of_postgres))
    load = sample.load
    return (
        f"{sample.at / 60:5.1f} min: {load.alerts / load.seconds:,.0f} alerts/s, "
        f"post p50 {load.p50.get('batch', 0):.1f} p99 {load.p99.get('batch', 0):.1f} ms, "
        f"stream p50 {load.p50.get('stream', 0):.1f} p99 {load.p99.get('stream', 0):.1f} ms, "
        f"Lookout {memory_of_lookout(sample):.0f} MiB {lookout:.2f} cores, "
        f"PostgreSQL {memory_of_postgres(sample):.0f} MiB {postgres:.2f} cores, "
        f"tables {tables(sample):.0f} MiB, dead {dead(sample):,.0f}, "
        f"refused {load.refused or 0}, overdue {load.overdue}, gaps {load.gaps}"
    )


def drawn(about: About, samples: Sequence[Sample]) -> str:
    """The picture: an SVG document."""

    def chart(title: str, unit: str, **lines: Sequence[tuple[float, float]]) -> Chart:
        series = [Series(name, [(at / 60, value) for at, value in points]) for name, points in lines.items()]
        return Chart(title, unit, series)

    def timed(kind: str) -> Chart:
        return chart(TIMED[kind], "ms", **{part: percentiles(samples, kind, part) for part in ("p50", "p99")})

    def both(
        title: str, unit: str, lookout: Sequence[tuple[float, float]], postgres: Sequence[tuple[float, float]]
    ) -> Chart:
        return chart(title, unit, Lookout=lookout, PostgreSQL=postgres)

    charts = [
        both("Memory", "MiB", values(samples, memory_of_lookout), values(samples, memory_of_postgres)),
        both("CPU", "cores", rates(samples, _cpu_of_lookout), rates(samples, _cpu_of_postgres)),
        chart(
            "Tables with their indexes", "MiB", all=values(samples, tables), events=values(samples, _of_table("events"))
        ),
        chart("Dead rows", "rows", **{"": values(samples, dead)}),
        timed("batch"),
        timed("alone"),
        timed("stream"),
        timed("page"),
    ]
    rate = sum(sample.load.alerts for sample in samples) / sum(sample.load.seconds for sample in samples)
    return picture(
        f"{samples[-1].at / 60:.0f} minutes at half load, {rate:,.0f} alerts a second: {about.machine}", charts
    )
