"""What may be sent and asked for: every limit that has a setting, with its usual value and its range. Pure.

Each is one number, passed to whoever holds it as part of `Limits`. What is no setting follows from what one process can
bear, or from what others have fixed, and stands as a constant where it is held. Why each is as it is, and what is
answered beyond it, is told in docs/operations.md, in the order of this table.
"""

from collections.abc import Mapping

import msgspec

KIB = 1024
MIB = 1024 * KIB

BURST_SECONDS = 10
LONGEST_NOTE = 20_000
"""Characters of the longest note that any Lookout takes: written in escapes they are 240,000 bytes at most, and an
action's body has 256 KiB."""
LONGEST_REPORT = 25_000
"""The same of a report's summary, beside which its cause and its recommendations have their room."""
_LEAST_PAIR = 6
"""Bytes of a label in JSON without spaces, at least: four quotes, a colon and a comma."""


def size_in_words(count: int) -> str:
    """A number of bytes: "64 MiB", or as it is if it is no whole number of them."""
    return f"{count:,} bytes" if count % MIB else f"{count // MIB:,} MiB"


class Limits(msgspec.Struct, frozen=True):
    """The limits that have a setting. Units are in `BOUNDS`."""

    ingest_rate: int = 500
    read_rate: int = 100
    streams: int = 1_000
    burst_seconds: int = BURST_SECONDS
    """Of its rate, what a tenant has to spare: as much as its bucket of tokens holds."""
    token_percent: int = 50
    """What one credential has of what its tenant has."""
    body_bytes: int = 64 * MIB
    bodies_bytes: int = 256 * MIB
    """Of all bodies that are being read or stored. Parsed, alerts take up to four times as much for a moment."""
    nesting: int = 200
    alerts: int = 150_000
    """Of one body. Each takes up to 5 KB of memory until it is stored, however few bytes it came in."""
    labels: int = 10_000
    """Of one alert, and as many annotations."""
    labels_bytes: int = 2 * MIB
    """Of one alert's labels as JSON without spaces, and of its annotations."""
    name_length: int = 2 * MIB
    value_length: int = 2 * MIB
    regex_length: int = 8 * KIB
    queue: int = 250_000
    """Alerts that wait for a commit. One request always fits into an empty queue."""
    tenant_queue: int = 100_000
    commit: int = 2_000
    """Alerts in one commit, but for a single request that has more: it is one commit, whole. As many that are seen for
    the first time take a third of a second."""
    tenant_share: int = 500
    """Alerts of one tenant in one commit, but for such a request."""
    page: int = 500
    graphql_depth: int = 10
    graphql_complexity: int = 1_000
    graphql_aliases: int = 30
    graphql_tokens: int = 2_000
    graphql_batch: int = 1
    note_length: int = 10_000
    report_length: int = 20_000

    @property
    def objects(self) -> int:
        """Objects and arrays of one body: it is decoded before its alerts can be counted. An alert has four at most."""
        return 10 * self.alerts

    @property
    def unlooked_bytes(self) -> int:
        """Bytes of labels in JSON up to which no limit of an alert can be passed: no text in it is longer."""
        return min(self.labels_bytes, self.name_length, self.value_length, _LEAST_PAIR * self.labels)


USUAL = Limits()


class Bound(msgspec.Struct, frozen=True):
    """How a limit is set: by which variable, from where to where, and in what it is counted."""

    variable: str
    least: int
    most: int
    unit: str


BOUNDS: Mapping[str, Bound] = {
    "ingest_rate": Bound("LOOKOUT_INGEST_RATE", 1, 1_000_000, "requests a second"),
    "read_rate": Bound("LOOKOUT_READ_RATE", 1, 1_000_000, "requests a second"),
    "streams": Bound("LOOKOUT_STREAMS", 1, 1_000_000, "streams"),
    "burst_seconds": Bound("LOOKOUT_MAX_BURST_SECONDS", 1, 300, "seconds"),
    "token_percent": Bound("LOOKOUT_MAX_TOKEN_PERCENT", 1, 100, "percent"),
    "body_bytes": Bound("LOOKOUT_MAX_BODY_BYTES", MIB, 256 * MIB, "bytes"),
    "bodies_bytes": Bound("LOOKOUT_MAX_BODIES_BYTES", 2 * MIB, 4096 * MIB, "bytes"),
    "nesting": Bound("LOOKOUT_MAX_NESTING", 16, 300, "brackets"),
    "alerts": Bound("LOOKOUT_MAX_ALERTS", 1_000, 500_000, "alerts"),
    "labels": Bound("LOOKOUT_MAX_LABELS", 32, 20_000, "labels"),
    "labels_bytes": Bound("LOOKOUT_MAX_LABELS_BYTES", 4 * KIB, 8 * MIB, "bytes"),
    "name_length": Bound("LOOKOUT_MAX_NAME_LENGTH", 64, 8 * MIB, "characters"),
    "value_length": Bound("LOOKOUT_MAX_VALUE_LENGTH", 256, 8 * MIB, "characters"),
    "regex_length": Bound("LOOKOUT_MAX_REGEX_LENGTH", 64, 64 * KIB, "characters"),
    "queue": Bound("LOOKOUT_MAX_QUEUE", 1_000, 1_000_000, "alerts"),
    "tenant_queue": Bound("LOOKOUT_MAX_TENANT_QUEUE", 500, 1_000_000, "alerts"),
    "commit": Bound("LOOKOUT_MAX_COMMIT", 500, 100_000, "alerts"),
    "tenant_share": Bound("LOOKOUT_MAX_TENANT_SHARE", 100, 100_000, "alerts"),
    # Lookout's own commands ask for pages of 500.
    "page": Bound("LOOKOUT_MAX_PAGE", 500, 5_000, "rows"),
    "graphql_depth": Bound("LOOKOUT_MAX_GRAPHQL_DEPTH", 5, 50, "fields"),
    "graphql_complexity": Bound("LOOKOUT_MAX_GRAPHQL_COMPLEXITY", 200, 100_000, "fields and rows"),
    "graphql_aliases": Bound("LOOKOUT_MAX_GRAPHQL_ALIASES", 1, 1_000, "aliases"),
    "graphql_tokens": Bound("LOOKOUT_MAX_GRAPHQL_TOKENS", 500, 20_000, "tokens"),
    "graphql_batch": Bound("LOOKOUT_MAX_GRAPHQL_BATCH", 1, 20, "operations"),
    "note_length": Bound("LOOKOUT_MAX_NOTE_LENGTH", 200, LONGEST_NOTE, "characters"),
    "report_length": Bound("LOOKOUT_MAX_REPORT_LENGTH", 1_000, LONGEST_REPORT, "characters"),
}
"""By the name of the limit, in the order of `Limits`."""
VARIABLES = tuple(bound.variable for bound in BOUNDS.values())


def limits_of(environ: Mapping[str, str], problems: list[str]) -> Limits:
    """The limits that are set, the usual ones for all others. What is wrong is noted."""
    given: dict[str, int] = {}
    for name, bound in BOUNDS.items():
        text = environ.get(bound.variable)
        if not text:
            continue
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(bound.most)) else -1
        if bound.least <= number <= bound.most:
            given[name] = number
        else:
            problems.append(
                f"{bound.variable} is {text[:40]!r}: "
                f"a number from {bound.least:,} to {bound.most:,} is expected ({bound.unit})"
            )
    limits = Limits(**given)
    problems += _contradictions(limits)
    return limits


def _contradictions(limits: Limits) -> list[str]:
    """Limits that cannot hold together."""
    told: list[str] = []
    if limits.bodies_bytes < 2 * limits.body_bytes:
        told.append(
            f"LOOKOUT_MAX_BODIES_BYTES is {limits.bodies_bytes}: at least {2 * limits.body_bytes} is expected, twice "
            "LOOKOUT_MAX_BODY_BYTES: a tenant has half of it, and no body of the largest size would fit"
        )
    if limits.tenant_queue > limits.queue:
        told.append(
            f"LOOKOUT_MAX_TENANT_QUEUE is {limits.tenant_queue}: at most {limits.queue} is expected, as "
            "LOOKOUT_MAX_QUEUE is for all tenants together"
        )
    if limits.tenant_share > limits.commit:
        told.append(
            f"LOOKOUT_MAX_TENANT_SHARE is {limits.tenant_share}: at most {limits.commit} is expected, as "
            "LOOKOUT_MAX_COMMIT is for all tenants together"
        )
    return told


def changes_of(limits: Limits) -> list[str]:
    """A line for each limit that is not as usual, or one that says that all are."""
    changed = [
        f"limit {bound.variable}: {number:,} {bound.unit} (usually {usual:,})"
        for name, bound in BOUNDS.items()
        if (number := getattr(limits, name)) != (usual := getattr(USUAL, name))
    ]
    return changed or ["limits: all as usual"]
