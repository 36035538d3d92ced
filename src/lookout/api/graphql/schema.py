"""The schema. `python -m lookout.api.graphql > schema.graphql` writes it down anew."""

from typing import Self

import strawberry
from graphql import GraphQLError, GraphQLInputObjectType, GraphQLObjectType, Undefined
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from lookout.api.graphql.enums import Names
from lookout.api.graphql.errors import ExplainErrors, log_unexpected
from lookout.api.graphql.limits import Limits
from lookout.api.graphql.mutations import Mutation
from lookout.api.graphql.queries import Query
from lookout.api.graphql.scalars import SCALARS
from lookout.api.graphql.subscriptions import Subscription


class Schema(strawberry.federation.Schema):
    """A subgraph of Apollo Federation 2."""

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

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        for error in errors:
            log_unexpected(error)


SCHEMA = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(name_converter=Names(), scalar_map=SCALARS),
    extensions=[ExplainErrors, Limits],
).without_null_defaults()


def printed() -> str:
    """The schema as `schema.graphql` has it."""
    return f"{SCHEMA.as_str().strip()}\n"
