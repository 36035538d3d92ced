"""The mutations: actions on an incident. Each answers with the incident after it, or with a refusal."""

from collections.abc import Awaitable

import strawberry
from strawberry import ID

from lookout.api import acting
from lookout.api.graphql.asking import Info
from lookout.api.graphql.errors import IncidentResult, refusal_of
from lookout.api.graphql.ids import incident_id_of
from lookout.api.graphql.incidents import Incident
from lookout.api.graphql.investigations import AttachInvestigationInput
from lookout.errors import Forbidden, NotFound, Refused
from lookout.incidents.incident import Incident as Snapshot


@strawberry.type(description="What people can do.")
class Mutation:
    @strawberry.mutation(description="Say that somebody sees to an open incident; to say it again changes nothing.")
    async def acknowledge_incident(self, info: Info, id: ID) -> IncidentResult:  # noqa: A002
        asking = info.context
        return await _answer(acting.acknowledge(asking.parts, asking.caller, incident_id_of(id)), id)

    @strawberry.mutation(description="Give an incident to somebody, or without an assignee to nobody.")
    async def assign_incident(self, info: Info, id: ID, assignee: str | None = None) -> IncidentResult:  # noqa: A002
        asking = info.context
        return await _answer(acting.assign(asking.parts, asking.caller, incident_id_of(id), assignee), id)

    @strawberry.mutation(description="Resolve an incident with all its present alerts; their repeats stay silent.")
    async def resolve_incident(self, info: Info, id: ID, reason: str | None = None) -> IncidentResult:  # noqa: A002
        asking = info.context
        return await _answer(acting.resolve(asking.parts, asking.caller, incident_id_of(id), reason or ""), id)

    @strawberry.mutation(description="Add a note to an incident's timeline, open or resolved.")
    async def add_incident_note(self, info: Info, id: ID, text: str) -> IncidentResult:  # noqa: A002
        asking = info.context
        return await _answer(acting.add_note(asking.parts, asking.caller, incident_id_of(id), text), id)

    @strawberry.mutation(
        description="Attach what was found out. The first of a report id stands; to attach it again changes nothing."
    )
    async def attach_investigation(
        self,
        info: Info,
        id: ID,  # noqa: A002
        input: AttachInvestigationInput,  # noqa: A002
    ) -> IncidentResult:
        asking, given = info.context, input.given()
        return await _answer(acting.attach_investigation(asking.parts, asking.caller, incident_id_of(id), given), id)


async def _answer(action: Awaitable[Snapshot], given_id: str) -> IncidentResult:
    try:
        return Incident.of(await action)
    except (Refused, NotFound, Forbidden) as error:
        return refusal_of(error, given_id)
