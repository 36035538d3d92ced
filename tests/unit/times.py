"""The tests' clock: a fixed moment, and times told in minutes from it."""

from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """So many minutes after `NOW`."""
    return NOW + timedelta(minutes=minutes)
