"""Times as people read them: in their own time zone, and as short as the context allows."""

from datetime import datetime, timedelta, tzinfo


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
