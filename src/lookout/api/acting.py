"""Actions on incidents, the same for REST and GraphQL: check what was sent, order it, explain a refusal."""

import uuid
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from lookout.alerts.shown import URL_LIMIT, is_web_url
from lookout.alerts.text import one_line, paragraphs
from lookout.api import audit
from lookout.api.parts import Caller, Parts, Scope, name_of
from lookout.errors import Conflict, NotFound, Refused
from lookout.incidents.actions import (
    NAME_LIMIT,
    Acknowledge,
    Action,
    AddNote,
    Assign,
    AttachInvestigation,
    Resolve,
)
from lookout.incidents.incident import Incident
from lookout.incidents.investigation import (
    INVESTIGATIONS_LIMIT,
    RECOMMENDATION_LIMIT,
    RECOMMENDATIONS_LIMIT,
    ROOT_CAUSE_LIMIT,
    Investigation,
)
from lookout.incidents.transitions import Reason
from lookout.intake.work import Forget, Order
from lookout.limits import Limits

_DEEDS: Mapping[type[Action], str] = {
    Acknowledge: "acknowledge",
    Assign: "assign",
    Resolve: "resolve",
    AddNote: "add_note",
    AttachInvestigation: "attach_investigation",
}
"""What the audit calls them."""


async def acknowledge(parts: Parts, caller: Caller, incident_id: str) -> Incident:
    """Acknowledge an open incident; again is the same. Raises `NotFound`, `Conflict` if it is resolved."""
    return await _order(parts, caller, incident_id, Acknowledge(caller.actor))


async def assign(parts: Parts, caller: Caller, incident_id: str, assignee: str | None) -> Incident:
    """Give the incident to `assignee`, or with None to nobody. Raises `NotFound`, `Refused`."""
    name = name_of(assignee, "assignee") if assignee is not None else None
    return await _order(parts, caller, incident_id, Assign(caller.actor, name or None))


async def resolve(parts: Parts, caller: Caller, incident_id: str, reason: str) -> Incident:
    """Resolve for good, as far as its present alerts go; again is the same. Raises `NotFound`, `Refused`."""
    told = _text_of(reason, "reason", parts.limits.note_length)
    return await _order(parts, caller, incident_id, Resolve(caller.actor, told))


async def add_note(parts: Parts, caller: Caller, incident_id: str, text: str) -> Incident:
    """Add a note to the timeline. Raises `NotFound`, `Refused` if it is empty or too long."""
    note = _text_of(text, "text", parts.limits.note_length)
    if not note:
        raise Refused("a note needs a text", "text", "minLength 1")
    return await _order(parts, caller, incident_id, AddNote(caller.actor, note))


async def forget_heartbeat(parts: Parts, caller: Caller, source: str, fingerprint: str) -> None:
    """Watch a heartbeat no more, because its source is gone for good. Raises `NotFound`."""
    heartbeat = None
    if "\0" not in source + fingerprint:
        heartbeat = await parts.reads.sources.heartbeat(caller.tenant_id, source, fingerprint)
    if heartbeat is None:
        raise NotFound(f"the source {source[:64]!r} has no heartbeat {fingerprint[:64]!r}: GET /v1/sources lists them")
    await parts.intake.forget(Forget(caller.tenant_id, heartbeat, parts.clock.now()))
    audit.note(caller, "forget_heartbeat", source=heartbeat.source, fingerprint=heartbeat.fingerprint)


async def attach_investigation(parts: Parts, caller: Caller, incident_id: str, given: Investigation) -> Incident:
    """Attach what was found out; a report that the incident has stands, and attaching it again is the same.

    Raises `NotFound`, `Refused`, `Conflict` if the incident takes no more.
    """
    found = _checked(given, caller, parts.limits)
    return await _order(parts, caller, incident_id, AttachInvestigation(caller.actor, found))


def _checked(given: Investigation, caller: Caller, limits: Limits) -> Investigation:
    """The investigation, clean and within bounds. Who names no investigator is it. Raises `Refused`."""
    if (
        not given.report_id
        or len(given.report_id) > NAME_LIMIT
        or one_line(given.report_id, NAME_LIMIT) != given.report_id
    ):
        # It is compared and not shown alone: cleaned, two could become one.
        raise Refused(
            f"the report id is no line of 1 to {NAME_LIMIT} characters, without control or direction characters and "
            "with single blanks at most between words",
            "report_id",
            f"1 to {NAME_LIMIT}",
        )
    if given.confidence is not None and not 0 <= given.confidence <= 1:
        raise Refused("the confidence is a number from 0 to 1", "confidence", "0 to 1")
    if given.link and not is_web_url(given.link):
        raise Refused(
            f"the link is no http or https URL of at most {URL_LIMIT} characters", "link", "http or https URL"
        )
    summary = _text_of(given.summary, "summary", limits.report_length)
    if not summary:
        raise Refused("an investigation needs a summary", "summary", "minLength 1")
    return replace(
        given,
        investigator=name_of(given.investigator, "investigator") or caller.actor,
        summary=summary,
        root_cause=_text_of(given.root_cause, "root_cause", ROOT_CAUSE_LIMIT, "the root cause"),
        recommendations=_recommendations_of(given.recommendations),
    )


def _recommendations_of(given: Sequence[str]) -> tuple[str, ...]:
    if len(given) > RECOMMENDATIONS_LIMIT:
        limit = RECOMMENDATIONS_LIMIT
        raise Refused(f"there are more than {limit} recommendations", "recommendations", f"maxItems {limit}")
    texts = [_text_of(text, "recommendations", RECOMMENDATION_LIMIT, "a recommendation") for text in given]
    return tuple(text for text in texts if text)


def _text_of(text: str, field: str, limit: int, name: str = "") -> str:
    if len(text) > limit:
        raise Refused(f"{name or field} is longer than {limit} characters", field, f"maxLength {limit}")
    return paragraphs(text, limit)


async def _order(parts: Parts, caller: Caller, incident_id: str, action: Action) -> Incident:
    caller.allowed(Scope.OPERATE)
    try:
        known_id = str(uuid.UUID(incident_id))
    except ValueError:
        raise NotFound(f"there is no incident {incident_id[:64]!r}") from None
    if not parts.intake.knows(caller.tenant_id):
        # A tenant that nobody has made has no log, and an action opens none for it.
        await parts.reads.incident(caller.tenant_id, known_id)
    incident, reason = await parts.intake.order(Order(caller.tenant_id, known_id, action, parts.clock.now()))
    if reason is Reason.NOT_OPEN:
        raise Conflict("the incident is resolved: only an open one can be acknowledged", "id", "open")
    if reason is Reason.FULL:
        raise Conflict(
            f"the incident has {INVESTIGATIONS_LIMIT} investigations and takes no more: add a note instead",
            "id",
            f"maximum {INVESTIGATIONS_LIMIT}",
        )
    audit.note(caller, _DEEDS[type(action)], incident_id=known_id)
    return incident
