"""PagerDuty's answers to an event, and what an `acknowledge` does."""

from collections.abc import Sequence

import msgspec
from starlette.responses import Response

from lookout.api import acting
from lookout.api.answers import Json
from lookout.api.parts import LOCAL_CREDENTIAL, Caller, Parts
from lookout.errors import Conflict, NotFound
from lookout.sources import events
from lookout.sources.parsed import MalformedBody, Parsed


class EventAccepted(msgspec.Struct, frozen=True):
    """The event was taken. `dedup_key` is the one to send with what follows it."""

    status: str
    message: str
    dedup_key: str


class EventRefused(msgspec.Struct, frozen=True):
    """The event was refused; `errors` are all that is wrong with it."""

    status: str
    message: str
    errors: Sequence[str]


def accepted(parsed: Parsed) -> Response:
    """202, which PagerDuty's own client takes as the only success."""
    return Json(EventAccepted("success", "Event processed", events.key_of(parsed)), 202)


def refused(error: MalformedBody) -> Response:
    """400 for all that is wrong with an event, its size too: PagerDuty's documentation knows no other refusal."""
    status = 415 if error.status == 415 else 400
    if error.faults:
        return Json(EventRefused("invalid event", "Event object is invalid", error.faults), status)
    return Json(EventRefused("Unrecognized object", "Event object format is unrecognized", [error.message]), status)


async def acknowledge(parts: Parts, sender: Caller, tenant_id: str, parsed: Parsed) -> None:
    """Acknowledge the open incidents of the acknowledged alerts. One that is unknown, or over, is no error.

    It is done by whose credential it was sent with; in local mode, where there is none, by `events`.
    """
    caller = Caller(
        tenant_id,
        events.NAME if sender.credential == LOCAL_CREDENTIAL else sender.actor,
        is_platform=sender.is_platform,
        credential=sender.credential,
    )
    for label_set in parsed.acknowledged:
        incident_id = await parts.reads.open_incident_of(tenant_id, label_set.fingerprint)
        if incident_id is None:
            continue
        try:
            await acting.acknowledge(parts, caller, incident_id)
        except (Conflict, NotFound):  # it was resolved meanwhile
            continue
