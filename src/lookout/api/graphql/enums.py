"""The enums: the core's own, in the words of GraphQL."""

from collections.abc import Mapping
from enum import StrEnum

import strawberry
from strawberry.schema.name_converter import NameConverter
from strawberry.types.enum import EnumValue, StrawberryEnumDefinition

from lookout.alerts.alert import AlertStatus
from lookout.alerts.severity import Severity
from lookout.api.periods import BucketSize
from lookout.incidents.events import EventType
from lookout.incidents.incident import Resolution, Status
from lookout.incidents.transitions import Reason


class Names(NameConverter):
    """GraphQL's names: camelCase fields, and enum values that are the feed's words in capitals."""

    def from_enum_value(self, enum: StrawberryEnumDefinition, enum_value: EnumValue) -> str:
        return str(enum_value.value).upper() if issubclass(enum.wrapped_cls, StrEnum) else enum_value.name


def _publish(enum: type[StrEnum], name: str, description: str, meanings: Mapping[StrEnum, str]) -> None:
    strawberry.enum(enum, name=name, description=description)
    definition: StrawberryEnumDefinition = vars(enum)["__strawberry_definition__"]
    for value in definition.values:
        value.description = meanings[enum(value.value)]


_publish(
    Status,
    "IncidentStatus",
    "Where an incident is in its life.",
    {
        Status.FIRING: "It goes on, and nobody has said that they see it.",
        Status.ACKNOWLEDGED: "It goes on, and somebody sees to it.",
        Status.RESOLVED: "It is over.",
    },
)
_publish(
    Severity,
    "Severity",
    "How bad it is, the worst first.",
    {
        Severity.CRITICAL: "Somebody must act now.",
        Severity.ERROR: "Something is broken.",
        Severity.WARNING: "Something may break; also what states no severity.",
        Severity.INFO: "Good to know.",
    },
)
_publish(
    Resolution,
    "IncidentResolution",
    "How an incident was resolved.",
    {
        Resolution.SOURCE: "The source said that its last alert ended.",
        Resolution.EXPIRED: "The source stopped repeating it.",
        Resolution.OPERATOR: "A person resolved it.",
        Resolution.RECONCILED: "The source was asked, and fires it no longer.",
    },
)
_publish(
    BucketSize,
    "StatsBucketSize",
    "By what figures are told.",
    {BucketSize.HOUR: "By the hour.", BucketSize.DAY: "By the day, in UTC."},
)
_publish(
    AlertStatus,
    "AlertStatus",
    "Whether an alert goes on.",
    {AlertStatus.FIRING: "It goes on.", AlertStatus.RESOLVED: "It ended."},
)
_publish(
    EventType,
    "IncidentEventType",
    "What happened to an incident.",
    {
        EventType.OPENED: "Its first alert fired.",
        EventType.ESCALATED: "A worse alert joined, and the severity rose.",
        EventType.ALERTS_CHANGED: "Alerts joined or ended.",
        EventType.ACKNOWLEDGED: "A person acknowledged it.",
        EventType.ASSIGNED: "It was given to somebody, or to nobody.",
        EventType.RESOLVED: "It ended.",
        EventType.REOPENED: "It fired again soon after it ended.",
        EventType.NOTE_ADDED: "A person wrote a note.",
        EventType.INVESTIGATION_ATTACHED: "Somebody, or a program, told what they found out.",
        EventType.FLAPPING_ENDED: "It was flapping, and has been calm for long enough.",
    },
)
_publish(
    Reason,
    "DecisionReason",
    "Why a decision is what it is.",
    {
        Reason.OPENED: "The alert opened an incident.",
        Reason.JOINED: "The alert started in an open incident.",
        Reason.ESCALATED: "The alert started, and raised the severity.",
        Reason.REOPENED: "The alert started soon after the resolution.",
        Reason.LEFT: "The alert ended, others of the incident fire.",
        Reason.RESOLVED: "The last alert ended, or a person resolved the incident.",
        Reason.DUPLICATE: "A repeat of what is known.",
        Reason.HELD: "One sender says that it ended, another one's lease still holds it.",
        Reason.STALE: "A late message about a firing that has ended.",
        Reason.CLOSED: "A repeat of a firing that an operator resolved.",
        Reason.UNKNOWN_RESOLVE: "The end of something that was never told to have begun.",
        Reason.HEARTBEAT: "A sign of its source's life, which is no incident.",
        Reason.POSTPONED: "Its incident has told enough for the moment: it is told later, if it is still so then.",
        Reason.PASSED: "The alert ended before its beginning was told: both are told together.",
        Reason.ACKNOWLEDGED: "A person acknowledged the incident.",
        Reason.ASSIGNED: "It was given to somebody, or to nobody.",
        Reason.NOTED: "A note was added.",
        Reason.INVESTIGATED: "An investigation was attached.",
        Reason.ALREADY: "What was asked for is so already.",
        Reason.NOT_OPEN: "A resolved incident cannot be acknowledged.",
        Reason.CALMED: "An incident that was flapping has been calm for an hour.",
        Reason.FULL: "The incident has as many investigations as it takes.",
    },
)
