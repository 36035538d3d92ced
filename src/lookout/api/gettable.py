"""Alerts and groups in the shape of the Alertmanager API: its `gettableAlert` and `alertGroup`."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import groupby

import msgspec

from lookout.sources.prometheus import RESOLVE_TIMEOUT
from lookout.store.reads import FiringAlert

RECEIVER = "lookout"
"""The one receiver that all alerts have."""


STALE = "lookout_stale"
"""The annotation of a stale alert."""
_STALE_TEXT = "its source is silent: this is what was last heard of it"
_TEXTS = msgspec.json.Decoder(dict[str, str])


class Named(msgspec.Struct, frozen=True):
    name: str


class AlertState(msgspec.Struct, frozen=True, rename="camel"):
    """Nothing is silenced, inhibited or muted here."""

    inhibited_by: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()
    silenced_by: tuple[str, ...] = ()
    state: str = "active"


class GettableAlert(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Times are UTC with milliseconds. `endsAt` is the end of the lease; it may have passed within the grace."""

    annotations: msgspec.Raw
    ends_at: str
    fingerprint: str
    starts_at: str
    updated_at: str
    labels: dict[str, str]
    generator_url: str | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="generatorURL")
    receivers: tuple[Named, ...] = (Named(RECEIVER),)
    status: AlertState = AlertState()


class AlertGroup(msgspec.Struct, frozen=True, rename="camel"):
    """The alerts of an incident. Alertmanager has `routeLabels` from 0.34 on, and requires them."""

    alerts: list[GettableAlert]
    labels: dict[str, str]
    receiver: Named = Named(RECEIVER)
    route_labels: dict[str, str] = {}


def gettable_alert(alert: FiringAlert) -> GettableAlert:
    return GettableAlert(
        annotations=alert.annotations,
        ends_at=moment(alert.ends_at),
        fingerprint=alert.fingerprint,
        starts_at=moment(alert.starts_at),
        updated_at=moment(alert.last_received_at),
        labels=alert.labels,
        generator_url=alert.generator_url or msgspec.UNSET,
    )


def as_stale(alert: FiringAlert, now: datetime) -> FiringAlert:
    """A stale alert, so that no reader takes it for ended or for fresh.

    Nobody knows its end: it lies ahead, as Alertmanager writes it for an alert without one, and `updatedAt` is when the
    source last spoke. An annotation says how things are: labels are identity, and a state has no fourth word.
    """
    annotations = {STALE: _STALE_TEXT, **_TEXTS.decode(alert.annotations)}
    return msgspec.structs.replace(
        alert,
        annotations=msgspec.Raw(msgspec.json.encode(annotations)),
        ends_at=max(alert.ends_at, now + RESOLVE_TIMEOUT),
    )


def gettable_groups(alerts: Sequence[FiringAlert]) -> list[AlertGroup]:
    """A group for each incident, in Alertmanager's order: by the number of labels, then by the labels."""
    groups: list[AlertGroup] = []
    by_incident = sorted(alerts, key=lambda alert: alert.incident_id)  # stable: within each by fingerprint
    for _, together in groupby(by_incident, key=lambda alert: alert.incident_id):
        first, *others = together
        groups.append(AlertGroup([gettable_alert(alert) for alert in (first, *others)], first.group_labels))
    return sorted(groups, key=_place_of)


def _place_of(group: AlertGroup) -> tuple[int, list[tuple[str, str]], str]:
    return len(group.labels), sorted(group.labels.items()), group.alerts[0].fingerprint


@lru_cache(maxsize=8192)
def moment(at: datetime) -> str:
    """A time in UTC as Go's strfmt writes it. Cached: alerts come in batches."""
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
