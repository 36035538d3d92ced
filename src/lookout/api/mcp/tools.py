"""The table of tools: what each is called, takes, answers, needs and does. No tool decides anything by itself."""

from collections.abc import Awaitable, Callable, Mapping
from inspect import cleandoc
from typing import Any, cast

import msgspec

from lookout.alerts.text import one_line
from lookout.api import acting
from lookout.api.mcp import arguments as takes
from lookout.api.mcp import reading
from lookout.api.mcp.answers import (
    Answer,
    Done,
    IncidentList,
    RelatedAnswer,
    StatsAnswer,
    Timeline,
    WholeIncident,
    WhyAnswer,
)
from lookout.api.mcp.arguments import Arguments
from lookout.api.mcp.reading import Asking
from lookout.api.mcp.telling import incident_brief
from lookout.api.parts import Scope
from lookout.errors import Refused
from lookout.incidents.incident import Incident
from lookout.incidents.investigation import Investigation
from lookout.limits import Limits

_PROBLEM_LIMIT = 300


class Tool(msgspec.Struct, frozen=True):
    """One tool. `is_repeatable`: to do it again changes nothing. `is_final`: it ends something."""

    name: str
    title: str
    says: str
    takes: type[Arguments]
    answers: type[Answer]
    does: Callable[[Asking, Any], Awaitable[Answer]]
    scope: Scope = Scope.READ
    is_repeatable: bool = True
    is_final: bool = False

    @property
    def only_reads(self) -> bool:
        return self.scope is Scope.READ


async def call(tool: Tool, asking: Asking, given: Mapping[str, Any]) -> Answer:
    """What the tool answers to a caller with arguments as they came. Raises `LookoutError`."""
    asking.caller.allowed(tool.scope)
    return await tool.does(asking, _arguments(tool, given))


def _arguments(tool: Tool, given: Mapping[str, Any]) -> Arguments:
    try:
        # Written and read once more: so it is strict JSON, and every text is Unicode.
        return msgspec.json.decode(msgspec.json.encode(given), type=tool.takes)
    except (msgspec.MsgspecError, UnicodeError, OverflowError, RecursionError) as error:
        problem = one_line(str(error), _PROBLEM_LIMIT)
        raise Refused(f"{tool.name} cannot read its arguments: {problem}", "arguments", tool.takes.__name__) from None


def schema_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of a type, an object at its root, as the protocol wants it."""
    whole = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(kind)))
    definitions: dict[str, Any] = whole["$defs"]
    for definition in definitions.values():
        if "description" in definition:  # a docstring, indented as in the code
            definition["description"] = cleandoc(definition["description"])
    root = definitions.pop(whole["$ref"].rpartition("/")[2])
    return {**root, "$defs": definitions} if definitions else root


def limited(schema: Any, limits: Limits) -> Any:
    """A schema that tells the lengths that are settings."""
    if isinstance(schema, list):
        return [limited(item, limits) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    told = {key: limited(value, limits) for key, value in cast("dict[str, Any]", schema).items()}
    name = told.pop(takes.LIMIT, None)
    return told if name is None else {**told, "maxLength": getattr(limits, name)}


def terse(schema: Any) -> Any:
    """A schema without titles and defaults, for answers: a model reads all of it, and what is left out is nothing."""
    if isinstance(schema, list):
        return [terse(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in cast("dict[str, Any]", schema).items() if key not in ("title", "default")}
    # The keys below `properties` are names of fields.
    return {
        key: {name: terse(field) for name, field in value.items()} if key == "properties" else terse(value)
        for key, value in kept.items()
    }


async def _acknowledge(asking: Asking, given: takes.OneIncident) -> Done:
    return await _done(asking, await acting.acknowledge(asking.parts, asking.caller, given.incident_id))


async def _assign(asking: Asking, given: takes.AssignArguments) -> Done:
    return await _done(asking, await acting.assign(asking.parts, asking.caller, given.incident_id, given.assignee))


async def _resolve(asking: Asking, given: takes.ResolveArguments) -> Done:
    return await _done(asking, await acting.resolve(asking.parts, asking.caller, given.incident_id, given.reason))


async def _add_note(asking: Asking, given: takes.NoteArguments) -> Done:
    return await _done(asking, await acting.add_note(asking.parts, asking.caller, given.incident_id, given.text))


async def _attach(asking: Asking, given: takes.AttachArguments) -> Done:
    report = Investigation(
        report_id=given.report_id,
        investigator=given.investigator,
        summary=given.summary,
        root_cause=given.root_cause,
        recommendations=tuple(given.recommendations),
        confidence=given.confidence,
        link=given.link,
    )
    return await _done(
        asking, await acting.attach_investigation(asking.parts, asking.caller, given.incident_id, report)
    )


async def _done(asking: Asking, incident: Incident) -> Done:
    (shown,) = await asking.parts.reads.sources.shown([incident])
    return Done(position=incident.position, incident=incident_brief(shown))


TOOLS: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "list_incidents",
            "List incidents",
            "The incidents, the worst severity first and of one severity the newest; by default the open ones.",
            takes.ListIncidents,
            IncidentList,
            reading.list_incidents,
        ),
        Tool(
            "get_incident",
            "Get an incident",
            "One incident with its worst alerts and its last investigations.",
            takes.OneIncident,
            WholeIncident,
            reading.get_incident,
        ),
        Tool(
            "incident_timeline",
            "Timeline of an incident",
            "What happened to an incident, in order: alerts that began and ended, and what people did and wrote.",
            takes.TimelineArguments,
            Timeline,
            reading.incident_timeline,
        ),
        Tool(
            "related_incidents",
            "Related incidents",
            "Incidents that started within 10 minutes of this one and share label values with it: a hint at one cause.",
            takes.RelatedArguments,
            RelatedAnswer,
            reading.related_incidents,
        ),
        Tool(
            "incident_stats",
            "Figures of a time",
            "How many incidents opened and ended, how long people and sources took, and which groups were noisiest; of "
            "the last 24 hours, or of at most 90 days.",
            takes.StatsArguments,
            StatsAnswer,
            reading.incident_stats,
        ),
        Tool(
            "why_grouped",
            "Why alerts are one incident",
            "The labels and the policy rule that brought an incident's alerts together, and what was last decided "
            "about each of them.",
            takes.WhyArguments,
            WhyAnswer,
            reading.why_grouped,
        ),
        Tool(
            "acknowledge_incident",
            "Acknowledge an incident",
            "Say that somebody sees to an open incident. Others rely on it: do it only if somebody does.",
            takes.OneIncident,
            Done,
            _acknowledge,
            Scope.OPERATE,
        ),
        Tool(
            "assign_incident",
            "Assign an incident",
            "Give an incident to a person, or with null to nobody.",
            takes.AssignArguments,
            Done,
            _assign,
            Scope.OPERATE,
        ),
        Tool(
            "resolve_incident",
            "Resolve an incident",
            "Close an incident with all its present alerts: their repeats stay silent, and nobody is told of them "
            "again. Incidents resolve by themselves when their alerts end, so do it only when a person asks for it.",
            takes.ResolveArguments,
            Done,
            _resolve,
            Scope.OPERATE,
            is_final=True,
        ),
        Tool(
            "add_incident_note",
            "Add a note",
            "Write a note into an incident's timeline, open or resolved. It cannot be taken back.",
            takes.NoteArguments,
            Done,
            _add_note,
            Scope.OPERATE,
            is_repeatable=False,
        ),
        Tool(
            "attach_investigation",
            "Attach an investigation",
            "Attach what you found out to an incident, for the people who see to it. It cannot be changed afterwards.",
            takes.AttachArguments,
            Done,
            _attach,
            Scope.OPERATE,
        ),
    )
}
