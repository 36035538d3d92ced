"""What the tools take: types from which each tool's input schema is made, with the words that an agent reads."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from lookout.alerts.severity import Severity
from lookout.incidents.actions import NAME_LIMIT
from lookout.incidents.investigation import (
    RECOMMENDATION_LIMIT,
    RECOMMENDATIONS_LIMIT,
    ROOT_CAUSE_LIMIT,
)
from lookout.store.relations import RELATED_DEFAULT, RELATED_LIMIT

PAGE_DEFAULT = 20
PAGE_LIMIT = 50
"""Things of one answer: an agent reads all of it, and pays for each word."""

_Told = msgspec.Meta

LIMIT = "x-limit"
"""In a schema: which of the limits that are settings holds. It is held where the text is taken, for all surfaces."""
_UP_TO_NOTE = {LIMIT: "note_length"}
_UP_TO_REPORT = {LIMIT: "report_length"}

Time = Annotated[datetime, _Told(tz=True)]
Id = Annotated[str, _Told(description="The incident's id, as list_incidents gives it.")]
Limit = Annotated[int, _Told(ge=1, le=PAGE_LIMIT, description="At most so many.")]


class WantedStatus(StrEnum):
    """Which incidents: `open` is firing and acknowledged."""

    OPEN = "open"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    ALL = "all"


class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a tool takes. An unknown name is an error: a misspelt filter would else answer something else."""


class ListIncidents(Arguments, frozen=True):
    status: Annotated[WantedStatus, _Told(description="Which incidents; open is firing and acknowledged.")] = (
        WantedStatus.OPEN
    )
    severity: Annotated[list[Severity], _Told(max_length=4, description="Only these severities; empty is all.")] = []
    limit: Limit = PAGE_DEFAULT
    after: Annotated[str, _Told(description="`next` of the answer before, to go on.")] = ""
    as_of: Annotated[Time | None, _Told(description="The list as it was at this time.")] = None


class OneIncident(Arguments, frozen=True):
    incident_id: Id


class TimelineArguments(Arguments, frozen=True):
    incident_id: Id
    after: Annotated[int, _Told(ge=0, description="Only events after this position; `next` of the answer before.")] = 0
    limit: Limit = PAGE_DEFAULT


class RelatedArguments(Arguments, frozen=True):
    incident_id: Id
    limit: Annotated[int, _Told(ge=1, le=RELATED_LIMIT, description="At most so many.")] = RELATED_DEFAULT


class StatsArguments(Arguments, frozen=True):
    start: Annotated[Time | None, _Told(description="The first moment; default: a day before the end.")] = None
    end: Annotated[Time | None, _Told(description="The first moment after it; default: now.")] = None


class WhyArguments(Arguments, frozen=True):
    incident_id: Id
    after: Annotated[str, _Told(description="Only alerts beyond this fingerprint; `next` of the answer before.")] = ""
    limit: Limit = PAGE_DEFAULT


class AssignArguments(Arguments, frozen=True):
    incident_id: Id
    assignee: Annotated[
        Annotated[str, _Told(max_length=NAME_LIMIT)] | None, _Told(description="Whose it is; null makes it nobody's.")
    ]


class ResolveArguments(Arguments, frozen=True):
    incident_id: Id
    reason: Annotated[
        str, _Told(extra_json_schema=_UP_TO_NOTE, description="Why it is over; it stands in the timeline.")
    ] = ""


class NoteArguments(Arguments, frozen=True):
    incident_id: Id
    text: Annotated[str, _Told(min_length=1, extra_json_schema=_UP_TO_NOTE, description="The note; Markdown at most.")]


class AttachArguments(Arguments, frozen=True):
    incident_id: Id
    report_id: Annotated[
        str,
        _Told(
            min_length=1,
            max_length=NAME_LIMIT,
            description="Your own id of this report; to attach it again changes nothing, the first stands.",
        ),
    ]
    summary: Annotated[
        str,
        _Told(min_length=1, extra_json_schema=_UP_TO_REPORT, description="What you found; Markdown."),
    ]
    root_cause: Annotated[str, _Told(max_length=ROOT_CAUSE_LIMIT, description="Why it happened; Markdown.")] = ""
    recommendations: Annotated[
        list[Annotated[str, _Told(max_length=RECOMMENDATION_LIMIT)]],
        _Told(max_length=RECOMMENDATIONS_LIMIT, description="What to do, one each."),
    ] = []
    confidence: Annotated[Annotated[float, _Told(ge=0, le=1)] | None, _Told(description="How sure you are.")] = None
    link: Annotated[str, _Told(description="Where the whole report is: an http or https URL.")] = ""
    investigator: Annotated[
        str, _Told(max_length=NAME_LIMIT, description="Who found it; default: whom the credential names.")
    ] = ""
