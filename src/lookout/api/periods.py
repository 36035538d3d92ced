"""Times that are asked of: the past of a list, and the time of figures, within bounds."""

from datetime import datetime, timedelta
from enum import StrEnum

from lookout.errors import Refused
from lookout.store.stats import Period

PERIOD = timedelta(hours=24)
"""What the figures are of, where nobody says."""
BUCKETS_LIMIT = 750
"""Buckets of one answer: two years by the day, a month by the hour."""
LONGEST = BUCKETS_LIMIT * timedelta(days=1)
_HOURLY = timedelta(hours=48)
"""Up to here it is told by the hour, where nobody says."""


class BucketSize(StrEnum):
    HOUR = "hour"
    DAY = "day"


_SIZES = {BucketSize.HOUR: timedelta(hours=1), BucketSize.DAY: timedelta(days=1)}


def period_of(now: datetime, start: datetime | None, end: datetime | None, size: BucketSize | None) -> Period:
    """The time from `start` to before `end`, by default the last 24 hours. Raises `Refused`."""
    end = end if end is not None else max(now, start) if start is not None else now
    start = start if start is not None else end - PERIOD
    if start >= end:
        raise Refused("timeRange ends before it starts: start must be before end", "timeRange", "start < end")
    if end - start > LONGEST:
        raise Refused(f"ask for at most {LONGEST.days} days at once", "timeRange", f"maximum {LONGEST.days} days")
    if size is None:
        size = BucketSize.HOUR if end - start <= _HOURLY else BucketSize.DAY
    # The first and the last bucket may be cut.
    if (end - start) / _SIZES[size] > BUCKETS_LIMIT:
        problem = f"that is more than {BUCKETS_LIMIT} buckets: ask for a shorter time, or by the day"
        raise Refused(problem, "bucket", f"maximum {BUCKETS_LIMIT} buckets")
    return Period(start, end, _SIZES[size])


def size_of(period: Period) -> BucketSize:
    """By what it is told."""
    return next(size for size, length in _SIZES.items() if length == period.bucket)


def past(time: datetime, now: datetime) -> datetime:
    """`time`, of which something can be told. Raises `Refused` if it is to come."""
    if time > now:
        raise Refused("as_of lies in the future: leave it out for the list as it is now", "as_of", "maximum now")
    return time
