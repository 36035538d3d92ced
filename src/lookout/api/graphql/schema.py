"""The schema. `python -m lookout.api.graphql > schema.graphql` writes it down anew."""

from collections.abc import Awaitable
from functools import cached_property
from typing import Self, cast

import strawberry
from graphql import GraphQLError, GraphQLInputObjectType, GraphQLObjectType, Undefined
from strawberry.extensions import DisableIntrospection, SchemaExtension
from strawberry.federation.schema import FederationAny
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from lookout.api.graphql.asking import Info
from lookout.api.graphql.documents import Documents, ReadOnce
from lookout.api.graphql.enums import Names
from lookout.api.graphql.errors import ExplainErrors, log_unexpected
from lookout.api.graphql.incidents import Incident
from lookout.api.graphql.limits import RefuseTooMuch
from lookout.api.graphql.mutations import Mutation
from lookout.api.graphql.queries import Query
from lookout.api.graphql.scalars import SCALARS
from lookout.api.graphql.subscriptions import Subscription
from lookout.errors import Refused


class Schema(strawberry.federation.Schema):
    """A subgraph of Apollo Federation 2."""

    @cached_property
    def documents(self) -> Documents:
        """Those that are known to be valid by it."""
        return Documents()

    def without_null_defaults(self) -> Self:
        """What may be left out has no default, as in the platform's schema: Python's None is no part of it."""
        for kind in self._schema.type_map.values():
            if isinstance(kind, GraphQLObjectType):
                places = [argument for field in kind.fields.values() for argument in field.args.values()]
            else:
                places = list(kind.fields.values()) if isinstance(kind, GraphQLInputObjectType) else []
            for place in places:
                if place.default_value is None:
                    place.default_value = Undefined
        return self

    def entities_resolver(self, info: Info, representations: list[FederationAny]) -> list[FederationAny]:
        """The entity of each representation, or why it is none: the others are answered all the same."""
        return [cast("FederationAny", _entity(info, representation)) for representation in representations]

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        for error in errors:
            log_unexpected(error)


def _entity(info: Info, representation: object) -> Awaitable[Incident | None] | Refused:
    match representation:
        case {"__typename": "Incident", "id": str(given_id)}:
            return Incident.resolve_reference(info, given_id)
        case _:
            return Refused('a representation is {"__typename": "Incident", "id": "..."}', "representations", "key")


def _schema(*more: type[SchemaExtension]) -> Schema:
    return Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(name_converter=Names(), scalar_map=SCALARS),
        extensions=[ExplainErrors, RefuseTooMuch, ReadOnce, *more],
    ).without_null_defaults()


SCHEMA = _schema()


def closed_schema() -> Schema:
    """The same, which does not tell about itself."""
    return _schema(DisableIntrospection)


def printed() -> str:
    """The schema as `schema.graphql` has it."""
    return f"{SCHEMA.as_str().strip()}\n"
