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

    prometheus_url: tuple[str, ...] = ()
    """Where the source can be asked what fires: every Prometheus that sends, HA twins each."""

    alertmanager_url: tuple[str, ...] = ()
    """The same of Alertmanagers."""

    alertmanager_receiver: str = ""
    """The receiver that sends to Lookout: only its alerts are asked for. "": those of all."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the source can be asked. None: it is not."""
        return self.prometheus_url or self.alertmanager_url

    @property
    def decides(self) -> "Source":
        """What of it decides anything: not where it is asked, and a password may stand there."""
        return msgspec.structs.replace(self, prometheus_url=(), alertmanager_url=(), alertmanager_receiver="")


USUAL = Source()
