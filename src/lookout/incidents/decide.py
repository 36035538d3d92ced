"""What happened to an incident, and why: the heart. Pure; every answer carries its reason."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from lookout.alerts.alert import Alert, AlertStatus
from lookout.alerts.severity import Severity, severity_of, worst
from lookout.alerts.text import one_line
from lookout.incidents.actions import Acknowledge, Action, AddNote, Assign, AttachInvestigation, Resolve
from lookout.incidents.events import (
    FIRST_ALERTS,
    Acknowledged,
    AlertBrief,
    AlertChange,
    AlertsChanged,
    AlertsDelta,
    Assigned,
    Change,
    Escalated,
    EventType,
    Fact,
    FlappingEnded,
    InvestigationAttached,
    NoteAdded,
    Opened,
    Reopened,
    Resolved,
)
from lookout.incidents.flapping import swing
from lookout.incidents.grouping import VALUE_LIMIT, group_of, reopen_window_of, summary_of, title_of
from lookout.incidents.incident import Incident, Resolution
from lookout.incidents.investigation import BRIEF_LIMIT, INVESTIGATIONS_LIMIT
from lookout.incidents.policy import Policy
from lookout.incidents.transitions import TRANSITIONS, Reason, Step, Stimulus


class Decision(msgspec.Struct, frozen=True):
    """The facts to record, in order, and why: `started` for the alerts that began to fire, `ended` for the others.

    For an action both are its reason. `is_new` says that the facts are about an incident that does not exist yet.
    """

    facts: tuple[Fact, ...]
    started: Reason
    ended: Reason
    is_new: bool = False


def decide(
    incident: Incident | None,
    changes: Sequence[AlertChange],
    policy: Policy,
    now: datetime,
    *,
    resolution: Resolution = Resolution.SOURCE,
) -> Decision:
    """What alerts that began and ended to fire at once mean for their incident.

    `incident` is the open one of their group, else its last one, else None. Each alert changes once; however many
    change together, it is one fact. `resolution` says how those ended that did.
    """
    started = [change for change in changes if change.status is AlertStatus.FIRING]
    ended = [change for change in changes if change.status is AlertStatus.RESOLVED and not change.has_passed]
    passed = [change for change in changes if change.has_passed]
    if incident is not None and not incident.is_open and started and not _reopens(incident, started, policy):
        decision = _decide(None, started, ended, policy, resolution, previous_incident_id=incident.id)
        return _with_passed(decision, passed)
    if incident is not None and not started and not ended:
        decision = _decide_passing(incident, passed)
    else:
        decision = _with_swing(_decide(incident, started, ended, policy, resolution), incident, policy, now)
    return _with_passed(decision, passed)


def decide_repeat(incident: Incident, change: AlertChange, policy: Policy, now: datetime) -> Decision:
    """What a repeat of a firing alert of the open `incident` means: nothing, unless it is told to be worse by now.

    Only an alert whose severity is no label can become worse (an event): with a label it would be another alert.
    """
    severity = _worst([change], policy)
    if severity.rank <= incident.severity.rank:
        return Decision((), Reason.DUPLICATE, Reason.DUPLICATE)
    step = TRANSITIONS[incident.status, Stimulus.RISE]
    escalated = Escalated(incident.severity, severity, incident.started_at, AlertsDelta())
    return Decision((Fact(now, escalated, (change,)),), step.reason, step.reason)


def decide_action(
    incident: Incident,
    action: Action,
    policy: Policy,
    now: datetime,
    firing: Sequence[AlertChange] = (),
    *,
    is_attached: bool = False,
) -> Decision:
    """What a person's or a program's action means.

    `firing` are the ends, at `now`, of the incident's firing alerts, for a resolve. `is_attached` says of an
    investigation that the incident has a report of its id.
    """
    step = TRANSITIONS[incident.status, _STIMULI[type(action)]]
    silence = _silence_of(incident, action, is_attached)
    if silence is not None:
        step = Step(None, incident.status, silence)
    if step.event_type is None:
        return Decision((), step.reason, step.reason)
    investigation = action.investigation if isinstance(action, AttachInvestigation) else None
    fact = Fact(now, _change_of(action, firing), tuple(firing), investigation)
    return _with_swing(Decision((fact,), step.reason, step.reason), incident, policy, now)


def decide_calm(incident: Incident, now: datetime) -> Decision:
    """What it means that time passes: a flapping incident that has been calm for long enough loses its mark."""
    if incident.flapping_until is None or incident.flapping_until > now:
        return Decision((), Reason.ALREADY, Reason.ALREADY)
    step = TRANSITIONS[incident.status, Stimulus.CALM]
    return Decision((Fact(incident.flapping_until, FlappingEnded()),), step.reason, step.reason)


def _silence_of(incident: Incident, action: Action, is_attached: bool) -> Reason | None:
    """Why an action changes nothing, whatever the incident's status; None if it does."""
    match action:
        case Assign(assignee=assignee) if assignee == incident.assignee:
            return Reason.ALREADY
        case AttachInvestigation() if is_attached:
            return Reason.ALREADY
        case AttachInvestigation() if incident.investigation_count >= INVESTIGATIONS_LIMIT:
            return Reason.FULL
        case _:
            return None


_STIMULI: dict[type[Action], Stimulus] = {
    Acknowledge: Stimulus.ACKNOWLEDGE,
    Assign: Stimulus.ASSIGN,
    Resolve: Stimulus.RESOLVE,
    AddNote: Stimulus.NOTE,
    AttachInvestigation: Stimulus.INVESTIGATION,
}


def _change_of(action: Action, firing: Sequence[AlertChange]) -> Change:
    match action:
        case Acknowledge(by=by):
            return Acknowledged(by)
        case Assign(by=by, assignee=assignee):
            return Assigned(assignee, by)
        case Resolve(by=by, reason=reason):
            return Resolved(Resolution.OPERATOR, _delta([], firing), by, reason)
        case AddNote(by=by, text=text):
            return NoteAdded(text, by)
        case AttachInvestigation(by=by, investigation=found):
            brief = one_line(found.summary, BRIEF_LIMIT)
            return InvestigationAttached(found.report_id, found.investigator, brief, found.confidence, found.link, by)
        case _:
            assert_never(action)


def _reopens(incident: Incident, started: Sequence[AlertChange], policy: Policy) -> bool:
    """The source's times decide: an alert that arrives late reopens what it would have reopened in time.

    Of several that start at once, under rules with several windows, one within its own is enough.
    """
    resolved_at = incident.resolved_at
    assert resolved_at is not None
    return any(
        change.starts_at <= resolved_at + reopen_window_of(change.alert.label_set, policy)
        for change in started
        if change.alert is not None
    )


def _decide(
    incident: Incident | None,
    started: Sequence[AlertChange],
    ended: Sequence[AlertChange],
    policy: Policy,
    resolution: Resolution,
    previous_incident_id: str | None = None,
) -> Decision:
    status = incident.status if incident is not None else None
    if started:
        step = TRANSITIONS[status, _stimulus_of_start(incident, started, policy)]
        if incident is None:
            started = [replace(change, is_new=True) for change in started]
        fact = _start(step, incident, started, ended, policy, previous_incident_id)
        return Decision((fact,), step.reason, Reason.LEFT, is_new=incident is None)
    assert incident is not None, "an alert that ends has an incident"
    is_last = len(ended) == incident.firing_alerts
    step = TRANSITIONS[status, Stimulus.LAST_END if is_last else Stimulus.END]
    fact = _resolve(ended, resolution) if is_last else _end(incident, ended)
    return Decision((fact,), step.reason, step.reason)


def _decide_passing(incident: Incident, passed: Sequence[AlertChange]) -> Decision:
    step = TRANSITIONS[incident.status, Stimulus.PASSING]
    fact = Fact(_last_end(passed), AlertsChanged(incident.started_at, AlertsDelta()))
    return Decision((fact,), step.reason, step.reason)


def _with_passed(decision: Decision, passed: Sequence[AlertChange]) -> Decision:
    """The decision with the alerts that have passed meanwhile: of the counts only those of different alerts change."""
    (fact,) = decision.facts
    if not passed or not isinstance(fact.change, Opened | Escalated | AlertsChanged | Reopened | Resolved):
        return decision
    passed = [replace(change, is_new=True) for change in passed] if decision.is_new else passed
    alerts, brief = fact.change.alerts, _delta([], passed)
    first = (*alerts.first, *brief.first)[:FIRST_ALERTS]
    new = alerts.new + sum(change.is_new for change in passed)
    change = replace(fact.change, alerts=replace(alerts, new=new, first=first))
    return replace(decision, facts=(replace(fact, change=change, alerts=(*fact.alerts, *passed)),))


def _with_swing(decision: Decision, incident: Incident | None, policy: Policy, now: datetime) -> Decision:
    """The decision, where it changes the incident's state, with what that says of flapping."""
    (fact,) = decision.facts
    if incident is None or not isinstance(fact.change, Reopened | Resolved):
        return decision
    state_changes, flapping_until = swing(incident, now, policy.pace)
    change = replace(fact.change, flapping_until=flapping_until, state_changes=state_changes)
    return replace(decision, facts=(replace(fact, change=change),))


def _stimulus_of_start(incident: Incident | None, started: Sequence[AlertChange], policy: Policy) -> Stimulus:
    if incident is None or not incident.is_open:
        return Stimulus.START
    return Stimulus.RISE if _worst(started, policy).rank > incident.severity.rank else Stimulus.START


def _start(
    step: Step,
    incident: Incident | None,
    started: Sequence[AlertChange],
    ended: Sequence[AlertChange],
    policy: Policy,
    previous_incident_id: str | None,
) -> Fact:
    """The fact that alerts began to fire, and that others ended at once with them."""
    alerts = _delta(started, ended)
    began_at = min(change.starts_at for change in started)
    severity = _worst(started, policy)
    if incident is None:
        opening = _alerts_of(started)
        group = group_of(opening[0].label_set, policy)
        title = title_of(opening[0], group)
        change: Change = Opened(
            group.dedup_key,
            severity,
            title,
            summary_of(opening, title),
            group.labels,
            began_at,
            alerts,
            previous_incident_id,
            group.rule_name,
            policy.version,
        )
    elif step.event_type is EventType.REOPENED:
        change = Reopened(severity, summary_of(_alerts_of(started), incident.title), alerts)
    elif step.event_type is EventType.ESCALATED:
        change = Escalated(incident.severity, severity, min(began_at, incident.started_at), alerts)
    else:
        change = AlertsChanged(min(began_at, incident.started_at), alerts)
    return Fact(began_at, change, (*started, *ended))


def _end(incident: Incident, ended: Sequence[AlertChange]) -> Fact:
    return Fact(_last_end(ended), AlertsChanged(incident.started_at, _delta([], ended)), tuple(ended))


def _resolve(ended: Sequence[AlertChange], resolution: Resolution) -> Fact:
    return Fact(_last_end(ended), Resolved(resolution, _delta([], ended)), tuple(ended))


def _last_end(ended: Sequence[AlertChange]) -> datetime:
    return max(change.ends_at for change in ended if change.ends_at is not None)


def _worst(started: Sequence[AlertChange], policy: Policy) -> Severity:
    return worst([severity_of(alert.labels, policy.severities, alert.annotations) for alert in _alerts_of(started)])


def _alerts_of(started: Sequence[AlertChange]) -> list[Alert]:
    return [change.alert for change in started if change.alert is not None]


def _delta(started: Sequence[AlertChange], ended: Sequence[AlertChange]) -> AlertsDelta:
    first = tuple(
        AlertBrief(
            change.fingerprint,
            change.status,
            one_line(change.alert.name, VALUE_LIMIT) if change.alert is not None else change.fingerprint,
        )
        for change in (*started, *ended)[:FIRST_ALERTS]
    )
    new = sum(change.is_new for change in started)
    return AlertsDelta(len(started), len(ended), new, first)
