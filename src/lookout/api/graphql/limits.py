"""Limits: how much one document may ask for. They are checked before it is validated, on the operation that will run.

- depth: fields within fields, at most `graphql_depth`;
- aliases: at most `graphql_aliases`;
- complexity: at most `graphql_complexity`. Every field counts 1 as it is written. On top of that every row that the
  operation may read counts 1: a connection has as many as the page that is asked for, and what its rows contain in
  connections of their own counts once for each of them. A page of 50 incidents with 10 alerts each is 50 + 50 * 10
  rows. Figures count a row for each three hours or days that they are of, and as many again for the `buckets` and for
  the `noisiest`: each is a read of all that time;
- tokens: at most `graphql_tokens` in the document.

Fragments are measured once each, however often they are spread: a document cannot make this itself expensive.
Introspection is not measured here; graphql-core limits how deep it goes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import reduce
from typing import NamedTuple, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    get_operation_ast,
    value_from_ast_untyped,
)
from strawberry.extensions import SchemaExtension

from lookout.api.graphql.pages import EVENTS_DEFAULT, PAGE_DEFAULT
from lookout.api.graphql.scalars import read_time
from lookout.api.periods import BucketSize, period_of
from lookout.errors import Refused
from lookout.limits import Limits
from lookout.store.relations import NEAREST

RELATED_READ = 2 * NEAREST
"""Rows of a list of related incidents: however few are asked for, all that are near are compared."""
SOURCES_READ = EVENTS_DEFAULT
"""Rows of a list of sources: it has no pages, and shows heartbeats, of which a tenant has more than that seldom."""
BUCKETS_FOR_A_ROW = 3
"""Of figures: so all that there are of the longest time, which is three reads of it, fit into one operation."""
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)
"""Figures of which nobody says from when to when are of as many hours whenever they are asked for."""


class Cost(NamedTuple):
    """What a selection asks for. `rows` are those that it reads for each time it is asked."""

    depth: int = 0
    fields: int = 0
    rows: int = 0
    aliases: int = 0

    @property
    def complexity(self) -> int:
        return self.fields + self.rows

    def beside(self, other: "Cost") -> "Cost":
        """Both, next to each other."""
        return Cost(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.rows + other.rows,
            self.aliases + other.aliases,
        )


def refusal_of(cost: Cost, limits: Limits) -> str | None:
    """Why an operation of this cost is refused, None if it is not."""
    if cost.depth > limits.graphql_depth:
        return f"the operation is too deep: at most {limits.graphql_depth} fields within each other are allowed"
    if cost.aliases > limits.graphql_aliases:
        return f"the operation has too many aliases: at most {limits.graphql_aliases} are allowed"
    if cost.complexity > limits.graphql_complexity:
        asked = cost.complexity if cost.complexity < limits.page**3 else "far too much"
        told = f"the operation is too complex ({asked}, at most {limits.graphql_complexity} is allowed)"
        return f"{told}: ask for smaller pages, or for a shorter time"
    return None


def cost_of(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, object],
    page: int,
) -> Cost:
    """The cost of one operation of the document, which need not be valid. No page has more rows than `page`."""
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    defaults = {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }
    meter = _Meter(schema, fragments, {**defaults, **variables}, page)
    return meter.selections(schema.get_root_type(operation.operation), operation.selection_set)


class _Meter:
    """Measures the selections of one operation."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: dict[str, object],
        page: int,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._page = page
        self._measured: dict[str, Cost] = {}

    def selections(self, parent: GraphQLNamedType | None, selection_set: SelectionSetNode | None) -> Cost:
        """The cost of what is selected of `parent`, None if that is no type that is known."""
        selected = selection_set.selections if selection_set is not None else ()
        return reduce(Cost.beside, (self._selection(parent, selection) for selection in selected), Cost())

    def _selection(self, parent: GraphQLNamedType | None, selection: SelectionNode) -> Cost:
        match selection:
            case FieldNode():
                return self._field(parent, selection)
            case FragmentSpreadNode():
                return self._fragment(selection.name.value)
            case InlineFragmentNode():
                condition = selection.type_condition
                kind = self._schema.get_type(condition.name.value) if condition is not None else parent
                return self.selections(kind, selection.selection_set)
            case _:
                return Cost()

    def _fragment(self, name: str) -> Cost:
        if name not in self._measured and (fragment := self._fragments.get(name)) is not None:
            self._measured[name] = Cost()  # one that contains itself is refused by the validation
            kind = self._schema.get_type(fragment.type_condition.name.value)
            self._measured[name] = self.selections(kind, fragment.selection_set)
        return self._measured.get(name, Cost())

    def _field(self, parent: GraphQLNamedType | None, node: FieldNode) -> Cost:
        name = node.name.value
        aliases = 1 if node.alias is not None else 0
        if name.startswith("__"):
            return Cost(1, 1, 0, aliases)
        known = parent.fields.get(name) if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else None
        kind = _kind_of(known) if known is not None else None
        inner = self.selections(kind, node.selection_set)
        size = self._size(known, kind, node) if known is not None and kind is not None else None
        rows = inner.rows if size is None else size * (1 + inner.rows)
        return Cost(1 + inner.depth, 1 + inner.fields, rows, aliases + inner.aliases)

    def _size(self, field: GraphQLField, kind: GraphQLNamedType, node: FieldNode) -> int | None:
        """How many rows a field has, None if it is not a list of them."""
        given = {
            argument.name.value: value_from_ast_untyped(argument.value, self._variables)
            for argument in node.arguments or ()
        }
        if "representations" in field.args:
            return max(1, len(_list(given.get("representations"))))
        if kind.name in _SIZES:
            return _SIZES[kind.name](given)
        if not kind.name.endswith("Connection"):
            return None
        if "page" in field.args:
            page = _object(given.get("page"))
            return _size_of((page.get("first"), page.get("last")), PAGE_DEFAULT, self._page)
        return _size_of((given.get("first"),), field.args["first"].default_value, self._page)


def _kind_of(field: GraphQLField) -> GraphQLNamedType:
    return get_named_type(field.type)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _buckets_of(given: Mapping[str, object]) -> int:
    """Of how many hours or days figures are; what is no such time is refused where it is read."""
    wanted, bucket = _object(given.get("timeRange")), given.get("bucket")
    size = BucketSize[bucket] if isinstance(bucket, str) and bucket in BucketSize.__members__ else None
    try:
        start, end = (read_time(wanted[name]) for name in ("start", "end")) if wanted else (None, None)
        return len(period_of(_ANY_TIME, start, end, size).starts)
    except (GraphQLError, KeyError, Refused):
        return 1


_SIZES: Mapping[str, Callable[[Mapping[str, object]], int]] = {
    "RelatedIncident": lambda _: RELATED_READ,
    "Source": lambda _: SOURCES_READ,
    "IncidentStats": lambda given: -(-_buckets_of(given) // BUCKETS_FOR_A_ROW),
    # For each row of the figures that they are in.
    "StatsBucket": lambda _: 1,
    "NoisyGroup": lambda _: 1,
}
"""How many rows a field has that has no pages, by its type and the field's arguments."""


def _size_of(wanted: Iterable[object], default: int, most: int) -> int:
    """The size of a page: the largest that is named; what is no such size is refused where the page is read.

    A page of none counts as one of one, as nothing within it would count otherwise.
    """
    sizes = [size for value in wanted if (size := _whole(value)) is not None]
    return min(max(1, *sizes), most) if sizes else default


def _whole(value: object) -> int | None:
    """A whole number, None for all else. GraphQL takes a variable of `500.0` for an Int."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


class RefuseTooMuch(SchemaExtension):
    """Refuses an operation that asks for too much, before anything else is done with it."""

    def on_operation(self) -> Iterator[None]:
        self.execution_context.parse_options["max_tokens"] = self._limits.graphql_tokens
        yield

    def on_validate(self) -> Iterator[None]:
        refusal = self._refusal()
        if refusal is not None:
            extensions: dict[str, object] = {"code": "LIMIT_EXCEEDED"}
            self.execution_context.pre_execution_errors = [GraphQLError(refusal, extensions=extensions)]
        yield

    @property
    def _limits(self) -> Limits:
        limits: Limits = self.execution_context.context.parts.limits
        return limits

    def _refusal(self) -> str | None:
        execution = self.execution_context
        document = execution.graphql_document
        operation = get_operation_ast(document, execution.operation_name) if document is not None else None
        if document is None or operation is None:
            return None
        if operation.operation is OperationType.SUBSCRIPTION and not execution.context.can_follow:
            return "subscriptions are for WebSockets (graphql-transport-ws) only"
        schema = execution.schema._schema  # pyright: ignore[reportPrivateUsage]  # Strawberry has no other way to it
        try:
            cost = cost_of(schema, document, operation, execution.variables or {}, self._limits.page)
        except RecursionError:
            cost = Cost(depth=self._limits.graphql_depth + 1)
        return refusal_of(cost, self._limits)
