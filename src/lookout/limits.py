"""What one tenant may ask of one process: taken from the environment's variables, read elsewhere. Pure."""

from collections.abc import Mapping

import msgspec

LARGEST_LIMIT = 1_000_000
"""Of what the environment sets: a bound that nobody meets."""


class Limits(msgspec.Struct, frozen=True):
    """What one tenant may ask of one process: requests a second, those that send alerts and all others, and streams."""

    ingest_rate: int = 500
    read_rate: int = 100
    streams: int = 1_000


_VARIABLES = {"ingest_rate": "LOOKOUT_INGEST_RATE", "read_rate": "LOOKOUT_READ_RATE", "streams": "LOOKOUT_STREAMS"}
VARIABLES = tuple(_VARIABLES.values())


def limits_of(environ: Mapping[str, str], problems: list[str]) -> Limits:
    """The limits that are set, the usual ones for all others."""
    given: dict[str, int] = {}
    for name, variable in _VARIABLES.items():
        text = environ.get(variable)
        if text and text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_LIMIT)):
            given[name] = int(text)
        if text and not 1 <= given.get(name, 0) <= LARGEST_LIMIT:
            problems.append(f"{variable} is {text[:40]!r}: a number from 1 to {LARGEST_LIMIT:,} is expected")
    return Limits(**given)
