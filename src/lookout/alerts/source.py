"""What is settled about one source: `sources:` of lookout.yaml. Pure."""

from datetime import timedelta

import msgspec

from lookout.alerts.alert import REPLICA_LABELS


class Source(msgspec.Struct, frozen=True):
    """How the alerts of one source are taken. All of it has a default."""

    drop_labels: tuple[str, ...] = REPLICA_LABELS
    """Labels that only tell HA twins apart: dropped from the identity and kept as provenance."""

    expiry: timedelta | None = None
    """How long an alert lives that promises no end. None: what is usual for senders of its kind."""

    heartbeat: str = "Watchdog"
    """The name of the alert that always fires, and so is the source's sign of life. "": it has none."""

    heartbeat_timeout: timedelta | None = None
    """How long it may stay away. None: three fifths of the time for which the alerts of its kind live."""


USUAL = Source()
