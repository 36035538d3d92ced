"""Heartbeats: alerts that always fire, and so are the sign that their source lives. Pure.

A heartbeat opens no incident. It has leases like every alert, one of each twin, and here stands what they mean: how
long it may stay away, what follows when it does, and which alerts are held then. Silence of an alert proves something
only as far as its source was heard (I10); so an alert that a heartbeat covers runs out only if the heartbeat was heard
after the end of its lease, whether or not anybody has noticed yet that the source is silent.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from lookout.alerts.alert import LATEST, Alert, AlertStatus, LabelSet, label_set
from lookout.alerts.text import one_line
from lookout.incidents.lease import Lease, Leases
from lookout.incidents.policy import Policy

WATCHED = ("prometheus", "alertmanager", "grafana")
"""Sources that can have one. An event has no name to know it by."""
PROMISING = "prometheus"
"""The one of them whose messages all promise something."""
SOURCE = "lookout"
"""The source of Lookout's own alerts."""
SOURCE_SILENT = "SourceSilent"
SILENT_SOURCE_LABEL = "silent_source"
"""Which source is silent. Not `source`: that may be a label of the sender's own."""
HEARTBEATS_LIMIT = 1_000
"""Heartbeats of one tenant. What is more stays an ordinary alert: it is seen, and not watched."""
RESTORE = timedelta(minutes=10)
"""How long a restarted Prometheus may take to fire again what fired before (`--rules.alert.for-grace-period`)."""
LOOK_AGAIN = timedelta(minutes=5)
"""How often a lease that is held by a silent source is looked at."""

_NOT_COVERING = frozenset({"alertname", "severity", "grafana_folder"})
"""Labels of the heartbeat's rule, which say nothing of its sender."""
_FIFTHS = 3
_LABELS_SHOWN = 200


class HeartbeatKey(NamedTuple):
    """One heartbeat of a tenant: the same label set by another path is another."""

    source: str
    fingerprint: str


class Heartbeat(msgspec.Struct, frozen=True):
    """A source's sign of life, as it was last heard.

    It is missing from `due_at` on. `silent_since` is set once that was noticed, and is None while it is heard;
    `heard_since` is when it came back after a silence, None if it never was silent.
    """

    source: str
    fingerprint: str
    labels: Mapping[str, str]
    last_received_at: datetime
    due_at: datetime
    silent_since: datetime | None = None
    heard_since: datetime | None = None

    @property
    def key(self) -> HeartbeatKey:
        return HeartbeatKey(self.source, self.fingerprint)

    @property
    def covering(self) -> dict[str, str]:
        """The labels that an alert of the same source has to carry to be covered: those that tell senders apart."""
        return {name: value for name, value in self.labels.items() if name not in _NOT_COVERING}


def is_heartbeat(source: str, labels: Mapping[str, str], policy: Policy) -> bool:
    """Whether an alert of a source, with these labels, is the sign of its life."""
    name = policy.source(source).heartbeat
    return bool(name) and labels.get("alertname") == name and source in WATCHED


def after_word(
    known: Heartbeat | None, alert: Alert, leases: Leases, now: datetime, policy: Policy
) -> Heartbeat | None:
    """The heartbeat after its source's word, None if that has ended it. `leases` are its source's, with that word.

    A word that is late is none: `hear` tells nothing of it then.
    """
    standing = [lease for lease in leases.values() if not _is_told_over(lease, policy)]
    is_end = alert.status is AlertStatus.RESOLVED
    if is_end and (known is None or _is_over(leases, standing, now, policy)):
        return None
    heard = Heartbeat(
        source=alert.source,
        fingerprint=alert.fingerprint,
        labels=alert.labels,
        last_received_at=max(lease.last_received_at for lease in standing),
        due_at=max(_missing_at(lease, policy) for lease in standing),
    )
    if known is None:
        return heard
    if is_end:  # of one twin, or of an earlier life: what is left counts
        return replace(heard, silent_since=known.silent_since, heard_since=known.heard_since)
    return replace(heard, heard_since=known.heard_since if known.silent_since is None else now)


def after_silence(heartbeat: Heartbeat, now: datetime, listening_since: datetime) -> Heartbeat:
    """The heartbeat at `now`: silent if it is missing, and Lookout has listened for as long as it may stay away."""
    patience = heartbeat.due_at - heartbeat.last_received_at
    missing_at = max(heartbeat.due_at, listening_since + patience)
    if heartbeat.silent_since is not None or missing_at > now:
        return heartbeat
    return replace(heartbeat, silent_since=missing_at)


def silence_labels(source: str, labels: Mapping[str, str]) -> LabelSet:
    """The identity of the alert that a heartbeat with these labels is missing."""
    others = {name: value for name, value in labels.items() if name not in _NOT_COVERING}
    told = {"alertname": SOURCE_SILENT, "severity": "critical", SILENT_SOURCE_LABEL: source}
    return label_set(others | told, replica_labels=())


def silence_of(heartbeat: Heartbeat, ended_at: datetime | None = None) -> Alert:
    """The alert that a silent heartbeat is missing; with `ended_at`, that it is no more."""
    assert heartbeat.silent_since is not None, "only a silent heartbeat is told"
    name = heartbeat.labels["alertname"]
    covering = ", ".join(f"{label}={value}" for label, value in sorted(heartbeat.covering.items()))
    who = f"{heartbeat.source} ({one_line(covering, _LABELS_SHOWN)})" if covering else heartbeat.source
    heard_at = heartbeat.last_received_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return Alert(
        source=SOURCE,
        label_set=silence_labels(heartbeat.source, heartbeat.labels),
        annotations={
            "summary": f"{who} is silent: its heartbeat {name} was last heard at {heard_at}",
            "description": (
                "Its alerts are kept as they were, as stale, and none of them resolves by silence. Look whether it "
                f"runs, whether it reaches Lookout, and whether its rule {name} is still there. If it is gone for "
                "good: lookout sources forget"
            ),
        },
        status=AlertStatus.FIRING if ended_at is None else AlertStatus.RESOLVED,
        starts_at=heartbeat.silent_since,
        # It is true until the source is heard, and needs no repeat.
        ends_at=LATEST if ended_at is None else max(ended_at, heartbeat.silent_since),
        leased=True,
    )


class Watching:
    """Heartbeats, to be found by what they cover: each under that label of its own which the fewest others have."""

    def __init__(self, heartbeats: Iterable[Heartbeat]) -> None:
        covering = [(heartbeat, heartbeat.covering) for heartbeat in heartbeats]
        count = Counter(item for _, labels in covering for item in labels.items())
        self._found: dict[tuple[str, tuple[str, str] | None], list[tuple[Heartbeat, dict[str, str]]]] = {}
        for heartbeat, labels in covering:
            rarest = min(labels.items(), key=lambda item: count[item], default=None)
            self._found.setdefault((heartbeat.source, rarest), []).append((heartbeat, labels))

    def over(self, source: str, labels: Mapping[str, str]) -> Iterator[Heartbeat]:
        """Those that cover an alert of this source, with these labels."""
        for item in (None, *labels.items()):
            for heartbeat, covering in self._found.get((source, item), ()):
                if covering.items() <= labels.items():
                    yield heartbeat

    def is_silent(self, source: str, labels: Mapping[str, str]) -> bool:
        """Whether one of those is silent."""
        return any(heartbeat.silent_since is not None for heartbeat in self.over(source, labels))


def held_until(
    lease: Lease, labels: Mapping[str, str], watching: Watching, now: datetime, policy: Policy
) -> datetime | None:
    """When to look again at a lease, of an alert with these labels, that has run out; None if nothing holds it.

    Held is what nobody can know to be over: its source has not been heard since the lease ended.
    """
    waits = [
        wait
        for heartbeat in watching.over(lease.source, labels)
        if (wait := _wait(heartbeat, lease, now, policy)) is not None
    ]
    return max(waits, default=None)


def _wait(heartbeat: Heartbeat, lease: Lease, now: datetime, policy: Policy) -> datetime | None:
    if heartbeat.silent_since is not None:
        # Who was heard after that speaks for the alert, and it is somebody else; but who was asked (reconcile.py) only
        # answered: from the source that promises, that is what promises nothing.
        was_asked = lease.source == PROMISING and not lease.promised
        is_held = was_asked or lease.last_received_at <= heartbeat.silent_since
        return now + LOOK_AGAIN if is_held else None
    counts_from = lease.ends_at
    if heartbeat.heard_since is not None:
        counts_from = max(counts_from, heartbeat.heard_since + _thaw(lease, policy))
    if heartbeat.last_received_at >= counts_from:
        return None
    return max(counts_from, now + policy.resend_delay)


def _thaw(lease: Lease, policy: Policy) -> timedelta:
    """How long a source that has come back may take to repeat an alert that fires."""
    return RESTORE + (lease.due_at(policy) - lease.last_received_at)


def _missing_at(lease: Lease, policy: Policy) -> datetime:
    """From when on the sender of this lease of a heartbeat is missing: well before what it told since runs out."""
    timeout = policy.source(lease.source).heartbeat_timeout
    if timeout is None:
        timeout = (lease.due_at(policy) - lease.last_received_at) * _FIFTHS / 5
    return lease.last_received_at + timeout


def _is_over(leases: Leases, standing: list[Lease], now: datetime, policy: Policy) -> bool:
    """Whether the word that the heartbeat has ended is the last one: no twin lives, and none has begun after it."""
    if any(lease.due_at(policy) > now for lease in standing):
        return False
    last = max(lease.starts_at for lease in leases.values())
    return all(lease.starts_at < last for lease in standing)


def _is_told_over(lease: Lease, policy: Policy) -> bool:
    """Whether its sender said that it ended; that it ran out is what a heartbeat is about."""
    return replace(lease, expired=False).is_ended(policy)
