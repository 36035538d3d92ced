"""An ask for each field of GraphQL: made from the schema, with all that can be selected of it."""

from collections.abc import Iterator, Mapping

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from lookout.probe.asks import Ask

FOLLOWED = frozenset(("liveIncidentUpdates",))
"""Subscriptions, which `streams.py` follows."""
_DEPTH = 6
_ARGUMENTS: Mapping[str, str] = {
    "page": "{first: 2}",
    "first": "2",
    "timeRange": '{start: "2026-01-01T00:00:00Z", end: "2027-12-01T00:00:00Z"}',
    "id": "$id",
    "representations": '[{__typename: "Incident", id: "<gid>"}]',
    "input": '{reportId: "r", summary: "x"}',
    "text": '"x"',
    "assignee": '"x"',
    "reason": '"x"',
}
"""What is given, wherever an argument is called so."""
_MORE: Mapping[str, tuple[str, ...]] = {
    "incidentsConnection": ('(page: {first: 2, after: "<gcursor>"})', '(page: {last: 2, before: "<gcursor>"})'),
    "incidentEventsConnection": ("(after: <position>, first: 2)",),
}
"""More ways to ask."""
_NAMES: Mapping[str, tuple[str, ...]] = {"incident": ("<gid>", "<incident>")}
"""How what is asked for is named, where there are several ways."""


class Untried(Exception):
    """It is not known how to ask for a field."""


def asks_of(schema: GraphQLSchema) -> Iterator[Ask | Untried]:
    """An ask for each field of the root types."""
    for root, keyword in ((schema.query_type, "query"), (schema.mutation_type, "mutation")):
        for name, field in _fields(root).items():
            try:
                selected = _selection(_kind_of(field), _DEPTH, ())
                for given in (_given(name, field), *_MORE.get(name, ())):
                    yield from _asks(keyword, name, f"{{ {name}{given} {selected} }}")
            except Untried as untried:
                yield untried
    for name in _fields(schema.subscription_type):
        if name not in FOLLOWED:
            yield Untried(f"nothing follows the subscription {name}: see probe/streams.py")


def _fields(root: GraphQLObjectType | None) -> Mapping[str, GraphQLField]:
    return root.fields if root is not None else {}


def _asks(keyword: str, name: str, selection: str) -> Iterator[Ask]:
    """What is asked for by its `id` is named by a variable: a document is read once, the same for whoever sends it."""
    bodies: list[dict[str, object]] = [{"query": f"{keyword} {selection}"}]
    if "$id" in selection:
        document = f"{keyword}($id: ID!) {selection}"
        bodies = [{"query": document, "variables": {"id": named}} for named in _NAMES.get(name, ("<gid>",))]
    for body in bodies:
        yield Ask(f"GraphQL {keyword} {name}", "POST", "/graphql", body=body, writes=keyword == "mutation")


def _given(name: str, field: GraphQLField) -> str:
    """Its arguments, those that are needed and those that keep it short."""
    told = {argument: _ARGUMENTS[argument] for argument in field.args if argument in _ARGUMENTS}
    for argument, kind in field.args.items():
        if _is_required(kind) and argument not in told:
            raise Untried(f"nobody knows what to give {name} for {argument}: see probe/documents.py")
    return f"({', '.join(f'{argument}: {value}' for argument, value in told.items())})" if told else ""


def _is_required(argument: GraphQLArgument) -> bool:
    return is_required_argument(argument)


def _kind_of(field: GraphQLField) -> GraphQLNamedType:
    return get_named_type(field.type)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]


def _selection(kind: GraphQLNamedType, depth: int, within: tuple[str, ...]) -> str:
    """All that can be selected; of a type within itself only what is no object."""
    if is_leaf_type(kind):
        return ""
    if isinstance(kind, GraphQLUnionType):
        parts = [f"... on {one.name} {_selection(one, depth, within)}" for one in kind.types]
        return f"{{ __typename {' '.join(parts)} }}"
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    names = [_field(name, field, depth, (*within, kind.name)) for name, field in kind.fields.items()]
    return f"{{ __typename {' '.join(filter(None, names))} }}"


def _field(name: str, field: GraphQLField, depth: int, within: tuple[str, ...]) -> str:
    kind = _kind_of(field)
    if is_leaf_type(kind):
        return name
    is_twice = name == "nodes" or kind.name in within or len(within) > depth
    if is_twice:  # the same things are in `edges`
        return ""
    return f"{name}{_given(name, field)} {_selection(kind, depth, within)}"
