"""Times as people read them: in their own time zone, and as short as the context allows."""

from datetime import datetime, timedelta, tzinfo

from lookout.alerts.text import one_line
from lookout.durations import duration_of, is_duration
from lookout.errors import Refused


def moment_of(text: str, now: datetime, zone: tzinfo | None) -> datetime:
    """A time as people write it: how long ago, as 90m or 2d, or the time itself, in `zone` unless it says another.

    Raises `Refused`.
    """
    try:
        if is_duration(text):
            return now - duration_of(text)
        moment = datetime.fromisoformat(text)
        return moment.astimezone(zone) if moment.tzinfo is not None or zone is None else moment.replace(tzinfo=zone)
    except (ValueError, OverflowError):
        shown = one_line(text, 40)
        problem = f"{shown!r} is not a time: write how long ago, as 90m or 2d, or a time as 2026-01-31T12:00"
        raise Refused(problem) from None


def time_of_day(at: datetime, zone: tzinfo | None) -> str:
    """HH:MM:SS in `zone`; None is the machine's own."""
    return f"{at.astimezone(zone):%H:%M:%S}"


def day_of(at: datetime, zone: tzinfo | None) -> str:
    """The date in `zone`, as YYYY-MM-DD."""
    return f"{at.astimezone(zone):%Y-%m-%d}"


def stamp(at: datetime, now: datetime, zone: tzinfo | None) -> str:
    """The time of day, with the date unless that is today's."""
    time = time_of_day(at, zone)
    return time if day_of(at, zone) == day_of(now, zone) else f"{day_of(at, zone)} {time}"


def span(length: timedelta) -> str:
    """A length of time by its largest unit: 45s, 12m, 3h, 2d."""
    seconds = max(0, int(length.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
