"""The values of the core as the tools' answers: what others wrote is cleaned, cut, and put under `untrusted`."""

from collections.abc import Mapping
from itertools import islice
from typing import assert_never

from lookout.alerts.shown import URL_LIMIT
from lookout.alerts.text import one_line, paragraphs
from lookout.api.grouping import GroupedAlert, Grouping
from lookout.api.mcp.answers import (
    AlertBrief,
    AlertWords,
    EventBrief,
    EventWords,
    GroupedBrief,
    GroupWords,
    IncidentBrief,
    IncidentWords,
    InvestigationBrief,
    InvestigationWords,
    KeyWords,
    LabelWords,
    NoisyBrief,
    PresentBrief,
    RelatedBrief,
    SharedWords,
)
from lookout.incidents.actions import NAME_LIMIT
from lookout.incidents.events import (
    Acknowledged,
    AlertsChanged,
    AlertsDelta,
    Assigned,
    Change,
    Escalated,
    FeedEvent,
    FlappingEnded,
    InvestigationAttached,
    NoteAdded,
    Opened,
    Reopened,
    Resolved,
)
from lookout.incidents.grouping import KEY_LIMIT, SUMMARY_LIMIT, TITLE_LIMIT
from lookout.incidents.incident import Incident, IncidentView
from lookout.incidents.investigation import RECOMMENDATION_LIMIT
from lookout.incidents.related import Related
from lookout.store.reads import AlertView, InvestigationView
from lookout.store.stats import NoisyGroup

LABELS_SHOWN = 20
ANNOTATIONS_SHOWN = 10
LINKS_SHOWN = 5
VALUES_SHOWN = 10
NAME_SHOWN = 100
VALUE_SHOWN = 200
"""Characters of a label's name and value."""
ANNOTATION_SHOWN = 500
NOTE_SHOWN = 2_000
REPORT_SHOWN = 4_000
"""Characters of a report's summary and of its root cause. REST and GraphQL give all of it."""


def incident_brief(incident: Incident) -> IncidentBrief:
    """An incident. One that is no view, of an event or the past, is not known to be stale."""
    labels, more = _texts(incident.labels)
    return IncidentBrief(
        id=incident.id,
        status=incident.status,
        severity=incident.severity,
        started_at=incident.started_at,
        updated_at=incident.updated_at,
        changed_position=incident.position,
        firing_alerts=incident.firing_alerts,
        total_alerts=incident.total_alerts,
        flapping=incident.flapping,
        stale=incident.stale if isinstance(incident, IncidentView) else False,
        reopen_count=incident.reopen_count,
        investigation_count=incident.investigation_count,
        acknowledged_at=incident.acknowledged_at,
        resolved_at=incident.resolved_at,
        resolution=incident.resolution,
        previous_incident_id=incident.previous_incident_id,
        untrusted=IncidentWords(
            title=one_line(incident.title, TITLE_LIMIT),
            summary=one_line(incident.summary, SUMMARY_LIMIT),
            labels=labels,
            more_labels=more,
            acknowledged_by=_name(incident.acknowledged_by),
            assignee=_name(incident.assignee),
            resolved_by=_name(incident.resolved_by),
        ),
    )


def alert_brief(alert: AlertView) -> AlertBrief:
    labels, more_labels = _texts(alert.labels)
    annotations, more_annotations = _texts(alert.annotations, ANNOTATIONS_SHOWN, ANNOTATION_SHOWN)
    links, _ = _texts(alert.links, LINKS_SHOWN, URL_LIMIT)
    return AlertBrief(
        fingerprint=alert.fingerprint,
        status=alert.status,
        severity=alert.severity,
        starts_at=alert.starts_at,
        ends_at=alert.ends_at,
        stale=alert.stale,
        sources=alert.sources,
        untrusted=AlertWords(
            labels=labels,
            more_labels=more_labels,
            annotations=annotations,
            more_annotations=more_annotations,
            values={one_line(name, NAME_SHOWN): value for name, value in islice(alert.values.items(), VALUES_SHOWN)},
            links=links,
            generator_url=one_line(alert.generator_url, URL_LIMIT),
        ),
    )


def investigation_brief(found: InvestigationView) -> InvestigationBrief:
    return InvestigationBrief(
        position=found.position,
        attached_at=found.attached_at,
        confidence=found.confidence,
        untrusted=InvestigationWords(
            report_id=one_line(found.report_id, NAME_LIMIT),
            investigator=_name(found.investigator),
            summary=paragraphs(found.summary, REPORT_SHOWN),
            root_cause=paragraphs(found.root_cause, REPORT_SHOWN),
            recommendations=[paragraphs(text, RECOMMENDATION_LIMIT) for text in found.recommendations],
            link=one_line(found.link, URL_LIMIT),
            attached_by=_name(found.attached_by),
        ),
    )


def event_brief(event: FeedEvent) -> EventBrief:
    change, incident, delta = event.change, event.incident, _delta_of(event.change)
    return EventBrief(
        position=event.position,
        event_type=event.event_type,
        occurred_at=event.occurred_at,
        recorded_at=event.recorded_at,
        status=incident.status,
        severity=incident.severity,
        firing_alerts=incident.firing_alerts,
        alerts_started=delta.started,
        alerts_ended=delta.ended,
        severity_before=change.before if isinstance(change, Escalated) else None,
        resolution=change.resolution if isinstance(change, Resolved) else None,
        confidence=change.confidence if isinstance(change, InvestigationAttached) else None,
        untrusted=_event_words(change, delta),
    )


def _delta_of(change: Change) -> AlertsDelta:
    has_alerts = isinstance(change, Opened | Escalated | AlertsChanged | Reopened | Resolved)
    return change.alerts if has_alerts else AlertsDelta()


def _event_words(change: Change, delta: AlertsDelta) -> EventWords:
    match change:
        case Opened() | Escalated() | AlertsChanged() | Reopened() | FlappingEnded():
            return EventWords(alerts=_alert_names(delta))
        case Resolved():
            text = paragraphs(change.reason, NOTE_SHOWN)
            return EventWords(by=_name(change.by), text=text, alerts=_alert_names(delta))
        case Acknowledged():
            return EventWords(by=_name(change.by))
        case Assigned():
            return EventWords(by=_name(change.by), assignee=_name(change.assignee))
        case NoteAdded():
            return EventWords(by=_name(change.by), text=paragraphs(change.text, NOTE_SHOWN))
        case InvestigationAttached():
            return EventWords(
                by=_name(change.by),
                investigator=_name(change.investigator),
                report_id=one_line(change.report_id, NAME_LIMIT),
                text=one_line(change.summary, NOTE_SHOWN),
                link=one_line(change.link, URL_LIMIT),
            )
        case _:
            assert_never(change)


def related_brief(other: Related) -> RelatedBrief:
    shared, _ = _texts(other.shared)
    return RelatedBrief(
        score=other.score, untrusted=SharedWords(shared=shared), incident=incident_brief(other.incident)
    )


def noisy_brief(group: NoisyGroup) -> NoisyBrief:
    labels, _ = _texts(group.labels)
    return NoisyBrief(
        incidents=group.incidents,
        reopens=group.reopens,
        alerts=group.alerts,
        severity=group.severity,
        last_incident_id=group.last_incident_id,
        last_started_at=group.last_started_at,
        untrusted=GroupWords(title=one_line(group.title, TITLE_LIMIT), labels=labels),
    )


def grouped_brief(alert: GroupedAlert) -> GroupedBrief:
    labels, more = _texts(alert.labels)
    return GroupedBrief(
        fingerprint=alert.fingerprint,
        reason=alert.reason,
        decided_at=alert.decided_at,
        rule=alert.rule,
        same_group=alert.same_group,
        untrusted=LabelWords(labels=labels, more_labels=more),
    )


def key_words(grouping: Grouping) -> KeyWords:
    labels, _ = _texts(grouping.labels)
    return KeyWords(dedup_key=_key(grouping.dedup_key), labels=labels)


def present_brief(grouping: Grouping) -> PresentBrief | None:
    present = grouping.present
    return PresentBrief.of(present, _key(present.dedup_key)) if present is not None else None


def _key(dedup_key: str) -> str:
    return one_line(dedup_key, KEY_LIMIT + NAME_SHOWN)


def _name(name: str | None) -> str:
    return one_line(name or "", NAME_LIMIT)


def _alert_names(delta: AlertsDelta) -> list[str]:
    return [one_line(brief.name, NAME_SHOWN) for brief in delta.first]


def _texts(
    texts: Mapping[str, str], most: int = LABELS_SHOWN, longest: int = VALUE_SHOWN
) -> tuple[dict[str, str], int]:
    """The first of them, cleaned and cut, and how many are left out."""
    kept = {one_line(name, NAME_SHOWN): one_line(value, longest) for name, value in islice(texts.items(), most)}
    return kept, max(0, len(texts) - most)
