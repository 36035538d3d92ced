"""An alert: one report about one thing, identified by its label set."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from functools import lru_cache

import msgspec

from lookout.alerts.fingerprint import fingerprint
from lookout.alerts.text import one_line

REPLICA_LABELS = ("prometheus_replica", "__replica__")
"""Labels that only tell HA twins apart: dropped from the identity and kept as provenance."""

REPLICA_LIMIT = 200


class AlertStatus(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


class LabelSet(msgspec.Struct, frozen=True, gc=False):
    """Labels with their identity.

    `labels` has no empty value and none of the replica labels; `replica` is what those said, "" if nothing.
    `stands_for` is the name of the alert that this one is grouped with, where that is not its own name.
    """

    labels: Mapping[str, str]
    fingerprint: str
    replica: str = ""
    stands_for: str = ""

    @property
    def matched(self) -> Mapping[str, str]:
        """What matchers look at: an alert that stands for another is matched by that one's name."""
        return {**self.labels, "alertname": self.stands_for} if self.stands_for else self.labels


class Alert(msgspec.Struct, frozen=True, gc=False):
    """One report, as a source's parser gives it out.

    `starts_at` is None where the sender does not say when it began. `ends_at` of a firing alert is the end of the
    lease that the sender promises to renew, None where it promises nothing; of a resolved one it is when it ended.
    `leased` tells senders that work with leases (the Alertmanager API) from those that only report changes (webhooks).
    """

    source: str
    label_set: LabelSet
    annotations: Mapping[str, str]
    status: AlertStatus
    starts_at: datetime | None
    ends_at: datetime | None
    leased: bool
    generator_url: str = ""

    @property
    def fingerprint(self) -> str:
        return self.label_set.fingerprint

    @property
    def labels(self) -> Mapping[str, str]:
        return self.label_set.labels

    @property
    def name(self) -> str:
        """The alert's name; what has none is called by its summary, and without that by its fingerprint."""
        return self.label_set.labels.get("alertname") or self.annotations.get("summary") or self.label_set.fingerprint


class RejectedAlert(msgspec.Struct, frozen=True, gc=False):
    """An alert that was refused: its place in the request, the reason, and the beginning of what was sent."""

    index: int
    reason: str
    excerpt: str = ""


def label_set(labels: Mapping[str, str], replica_labels: Sequence[str] = REPLICA_LABELS) -> LabelSet:
    """The identity of `labels`: empty values dropped, replica labels set aside."""
    kept = {name: value for name, value in labels.items() if value and name not in replica_labels}
    replica = "/".join(labels[name] for name in replica_labels if labels.get(name))
    return LabelSet(kept, fingerprint(kept), one_line(replica, REPLICA_LIMIT) if replica else "")


LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""Later times are read as this one: senders write the year 9999 for "never", and a lease has a grace after its end."""

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?(?:(Z)|([+-])(\d\d):?(\d\d))?)?", re.ASCII
)


_TIME_LENGTH = 64


def parse_time(text: str) -> datetime | None:
    """Read a time as Go's strfmt.DateTime does: RFC 3339 with 0 to 9 fractional digits, a missing zone is UTC.

    Returns UTC, cut to microseconds (all that PostgreSQL keeps). None for the year 1, by which Go says "not set", and
    for "", which Alertmanager reads as 1970. Raises ValueError for anything else. Cached: a scrape stamps many.
    """
    if len(text) > _TIME_LENGTH:  # digits of a fraction have no end, and the cache keeps what it was asked for
        raise ValueError(f"cannot read {text[:40]!r} as an RFC 3339 time")
    return _parse_time(text) if text else None


@lru_cache(maxsize=8192)
def _parse_time(text: str) -> datetime | None:
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"cannot read {text[:40]!r} as an RFC 3339 time")
    year, month, day, hour, minute, second, fraction, _, sign, zone_hours, zone_minutes = match.groups()
    if year == "0001":
        return None
    micros = int((fraction or "0").ljust(9, "0")[:6])
    try:
        zone = _zone(sign, zone_hours, zone_minutes) if sign else UTC
        local = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micros, zone
        )
        return min(local.astimezone(UTC), LATEST)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"cannot read {text[:40]!r} as an RFC 3339 time: {error}") from None


def _zone(sign: str, hours: str, minutes: str) -> timezone:
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)
