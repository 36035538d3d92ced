"""A person's actions on incidents, the same for REST and GraphQL: check what was sent, order it, explain a refusal."""

import uuid

from lookout.alerts.text import paragraphs
from lookout.api.parts import Caller, Parts, name_of
from lookout.errors import Conflict, NotFound, Refused
from lookout.incidents.actions import NOTE_LIMIT, Acknowledge, Action, AddNote, Assign, Resolve
from lookout.incidents.incident import Incident
from lookout.incidents.transitions import Reason
from lookout.intake.work import Forget, Order


async def acknowledge(parts: Parts, caller: Caller, incident_id: str) -> Incident:
    """Acknowledge an open incident; again is the same. Raises `NotFound`, `Conflict` if it is resolved."""
    return await _order(parts, caller, incident_id, Acknowledge(caller.actor))


async def assign(parts: Parts, caller: Caller, incident_id: str, assignee: str | None) -> Incident:
    """Give the incident to `assignee`, or with None to nobody. Raises `NotFound`, `Refused`."""
    name = name_of(assignee, "assignee") if assignee is not None else None
    return await _order(parts, caller, incident_id, Assign(caller.actor, name or None))


async def resolve(parts: Parts, caller: Caller, incident_id: str, reason: str) -> Incident:
    """Resolve for good, as far as its present alerts go; again is the same. Raises `NotFound`, `Refused`."""
    return await _order(parts, caller, incident_id, Resolve(caller.actor, _text_of(reason, "reason")))


async def add_note(parts: Parts, caller: Caller, incident_id: str, text: str) -> Incident:
    """Add a note to the timeline. Raises `NotFound`, `Refused` if it is empty or too long."""
    note = _text_of(text, "text")
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


def _text_of(text: str, field: str) -> str:
    if len(text) > NOTE_LIMIT:
        raise Refused(f"{field} is longer than {NOTE_LIMIT} characters", field, f"maxLength {NOTE_LIMIT}")
    return paragraphs(text, NOTE_LIMIT)


async def _order(parts: Parts, caller: Caller, incident_id: str, action: Action) -> Incident:
    try:
        known_id = str(uuid.UUID(incident_id))
    except ValueError:
        raise NotFound(f"there is no incident {incident_id[:64]!r}") from None
    incident, reason = await parts.intake.order(Order(caller.tenant_id, known_id, action, parts.clock.now()))
    if reason is Reason.NOT_OPEN:
        raise Conflict("the incident is resolved: only an open one can be acknowledged", "id", "open")
    return incident
