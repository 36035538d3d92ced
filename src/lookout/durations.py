"""Durations as Prometheus writes them: "5m", "1h30m", "12h". Pure."""

import re
from datetime import timedelta

LONGEST = timedelta(days=3650)
"""That a setting may have."""
_DURATION = re.compile(r"([0-9]+(ms|[smhdw]))+")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def is_duration(text: str) -> bool:
    """Whether `text` is a duration as Prometheus writes it."""
    return _DURATION.fullmatch(text) is not None


def duration_of(text: str) -> timedelta:
    """A duration as Prometheus writes it: "5m", "1h30m", "12h"."""
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdw])", text)))
