"""Values as people read them: times, events as sentences, names. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import assert_never

import msgspec

from lookout.incidents.actions import named
from lookout.incidents.events import (
    Acknowledged,
    AlertBrief,
    AlertsChanged,
    AlertsDelta,
    Assigned,
    Escalated,
    FeedEvent,
    FlappingEnded,
    InvestigationAttached,
    NoteAdded,
    Opened,
    Reopened,
    Resolved,
)
from lookout.incidents.incident import Incident, Resolution
from lookout.store.stats import NoisyGroup
from lookout.web.charts import in_words

_FRESH = timedelta(seconds=5)


class Moment(msgspec.Struct, frozen=True):
    """An event of a timeline as it is told: `sign` names its mark, `by` who did it, `text` what they wrote."""

    event: FeedEvent
    sign: str
    what: str
    by: str = ""
    why: str = ""
    text: str = ""
    alerts: tuple[AlertBrief, ...] = ()
    others: int = 0

    @property
    def is_late(self) -> bool:
        """Whether it became known noticeably later than it happened."""
        return self.event.recorded_at - self.event.occurred_at >= _FRESH


def moment_of(event: FeedEvent) -> Moment:
    """An event as a sentence."""
    change = event.change
    match change:
        case Acknowledged() | Assigned() | NoteAdded() | InvestigationAttached():
            return _done(event, change)
        case _:
            return _happened(event, change)


def _happened(
    event: FeedEvent, change: Opened | Escalated | AlertsChanged | Reopened | Resolved | FlappingEnded
) -> Moment:
    match change:
        case FlappingEnded():
            return Moment(event, "calm", "flaps no more")
        case Opened():
            again = "; its group has had incidents before" if change.previous_incident_id else ""
            return _about(event, "opened", f"opened as {change.severity}{again}", change.alerts)
        case Escalated():
            return _about(event, "escalated", f"escalated from {change.before} to {change.severity}", change.alerts)
        case AlertsChanged():
            return _about(event, "changed", _delta_words(change.alerts), change.alerts)
        case Reopened():
            return _about(event, "reopened", "fires again: reopened", change.alerts)
        case Resolved():
            told = _about(event, "resolved", f"resolved {_RESOLUTIONS[change.resolution]}", change.alerts)
            return msgspec.structs.replace(told, by=named(change.by) if change.by else "", why=change.reason)
        case _:
            assert_never(change)


def _done(event: FeedEvent, change: Acknowledged | Assigned | NoteAdded | InvestigationAttached) -> Moment:
    by = named(change.by)
    match change:
        case Acknowledged():
            return Moment(event, "acknowledged", "acknowledged", by)
        case Assigned(assignee=None):
            return Moment(event, "assigned", "assigned to nobody", by)
        case Assigned(assignee=assignee):
            return Moment(event, "assigned", f"assigned to {named(assignee)}", by)
        case NoteAdded():
            return Moment(event, "noted", "noted", by, text=change.text)
        case InvestigationAttached():
            investigator = named(change.investigator)
            what = "attached an investigation" + (f" of {investigator}" if investigator != by else "")
            return Moment(event, "investigated", what, by, text=change.summary)
        case _:
            assert_never(change)


_RESOLUTIONS: Mapping[Resolution, str] = {
    Resolution.SOURCE: "by its source: its last alert ended",
    Resolution.EXPIRED: "by silence: its last alert ran out",
    Resolution.OPERATOR: "by hand",
    Resolution.RECONCILED: "by asking its source, which knows of no alert any more",
}


def _about(event: FeedEvent, sign: str, what: str, alerts: AlertsDelta) -> Moment:
    others = alerts.started + alerts.ended - len(alerts.first)
    return Moment(event, sign, what, alerts=alerts.first, others=max(0, others))


def _delta_words(alerts: AlertsDelta) -> str:
    parts = [f"{counted(alerts.started, 'alert')} began"] if alerts.started else []
    parts += [f"{counted(alerts.ended, 'alert')} ended"] if alerts.ended else []
    return ", ".join(parts) or f"{counted(alerts.new, 'alert')} came and went"


def counted(count: int, noun: str) -> str:
    """`1 alert`, `2,000 alerts`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def age(length: timedelta) -> str:
    """How long ago, as short as it can be told: 45 s, 12 min, 3 h, 2 d."""
    return in_words(timedelta(seconds=_rounded(length)))


def _rounded(length: timedelta) -> int:
    seconds = max(0, int(length.total_seconds()))
    for size in (86_400, 3600, 60):
        if seconds >= size:
            return seconds - seconds % size
    return seconds


def utc(at: datetime) -> str:
    """A time in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def firing_words(incident: Incident) -> str:
    """How many alerts fire, and of how many if others have ended."""
    if not incident.is_open:
        return counted(incident.total_alerts, "alert")
    if incident.firing_alerts == incident.total_alerts:
        return counted(incident.firing_alerts, "alert")
    return f"{incident.firing_alerts:,} of {counted(incident.total_alerts, 'alert')}"


def headline(incident: Incident | NoisyGroup) -> str:
    """The title without the group labels behind it, which are shown beside it."""
    title = incident.title
    for without in ((), ("alertname",)):
        pairs = [f"{name}={text}" for name, text in incident.labels.items() if name not in without]
        # In the order of their rule, which nobody knows here.
        length = len(", ".join(pairs)) + len(" ()")
        head, tail = title[:-length], title[-length:]
        if pairs and head and tail.startswith(" (") and tail.endswith(")") and all(pair in tail for pair in pairs):
            return head
    return title


def chips(incident: Incident | NoisyGroup) -> list[tuple[str, str]]:
    """The group labels that the headline does not say."""
    said = headline(incident)
    return [(name, text) for name, text in incident.labels.items() if text != said]
