"""What the GraphQL schema allows, and what it does not, never makes Lookout fail: nothing is answered with INTERNAL."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import httpx
from graphql import GraphQLArgument, GraphQLSchema, is_leaf_type, parse, validate
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_graphql import Mode, from_schema, nodes
from structlog.testing import capture_logs
from tests.driver import Driver
from tests.fuzzing import Round, rounds
from tests.hostile import TEXTS, strict_json

from lookout.api.graphql.schema import SCHEMA

EXAMPLES = 25
WIRED: GraphQLSchema = SCHEMA._schema  # pyright: ignore[reportPrivateUsage]  # Strawberry has no other way to it

TIMES = st.sampled_from(
    ["2026-01-01T12:00:00Z", "2025-12-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", ""]
)
NUMBERS = st.sampled_from([0, 1, 2, 500, 501, 2**31 - 1, 2**31, 2**62, 2**63 - 1, 2**63, 2**64, -1]) | st.integers()
WORDS = st.text(max_size=20) | st.sampled_from([*TEXTS.values(), "incident:1", "aW5jaWRlbnQ6MQ==", "YWxlcnQ6YWJj"])
KEYS = ["first", "after", "last", "before", "status", "severity", "start", "end", "__typename", "id"]
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False, allow_infinity=False) | WORDS | TIMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | WORDS, inner, max_size=4),
    max_leaves=8,
)
SCALARS: Any = {
    "Time": TIMES.map(nodes.String),
    "Position": NUMBERS.map(nodes.Int),
    "JSON": WORDS.map(nodes.String),
    "_Any": st.just(nodes.Object([])),
    "_FieldSet": WORDS.map(nodes.String),
    "link__Import": WORDS.map(nodes.String),
}

_ID = re.compile(r'\bid: (?:"(?:[^"\\]|\\.)*"|-?\d+)')


def _ask(http: httpx.Client, body: dict[str, Any]) -> bool:
    """Whether it was done. That it is refused says why, and is no failure."""
    answer = http.post("/graphql", json=body)
    assert answer.status_code in (200, 400, 413), (body, answer.text)
    told = strict_json(answer.content)
    errors: list[dict[str, Any]] = told.get("errors", [])
    assert not [error for error in errors if error.get("extensions", {}).get("code") == "INTERNAL"], (body, told)
    assert "internal error" not in answer.text.lower(), body
    return answer.status_code == 200 and not errors


def _documents(lookout: Driver, incident_id: str, mode: Mode, these: Round) -> list[bool]:
    """Ask documents that the schema allows, or that are wrong in one place. Returns of each whether it was done."""
    done: list[bool] = []

    @these.made
    @given(document=from_schema(WIRED, custom_scalars=SCALARS, mode=mode), is_known=st.booleans())
    def ask(document: object, is_known: bool) -> None:
        text = str(document)
        done.append(_ask(http, {"query": _ID.sub(f'id: "{incident_id}"', text) if is_known else text}))

    with httpx.Client(base_url=lookout.url, timeout=20) as http:
        ask()
    return done


def _operations() -> list[tuple[str, list[str]]]:
    """For each field of the roots a document that takes all of its arguments as variables, and their names."""
    found: list[tuple[str, list[str]]] = []
    for word, root in (("query", WIRED.query_type), ("mutation", WIRED.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            arguments: dict[str, GraphQLArgument] = field.args
            if not arguments:
                continue
            kinds: dict[str, Any] = {key: argument.type for key, argument in arguments.items()}  # pyright: ignore[reportUnknownMemberType]
            declared = ", ".join(f"${key}: {kind}" for key, kind in kinds.items())
            given_here = ", ".join(f"{key}: ${key}" for key in arguments)
            selection = "" if is_leaf_type(_innermost(field.type)) else " { __typename }"
            found.append((f"{word}({declared}) {{ {name}({given_here}){selection} }}", list(arguments)))
    return found


def _innermost(kind: Any) -> Any:
    while hasattr(kind, "of_type"):
        kind = kind.of_type
    return kind


def _variables(lookout: Driver, incident_id: str, these: Round) -> list[bool]:
    """Ask every field with any JSON for its variables."""
    done: list[bool] = []
    values = VALUES | st.just(incident_id)

    @these.made
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        for document, names in _operations():
            variables = data.draw(st.dictionaries(st.sampled_from(names), values))
            done.append(_ask(http, {"query": document, "variables": variables}))

    with httpx.Client(base_url=lookout.url, timeout=20) as http:
        ask()
    return done


async def _fuzz(lookout: Driver, examples: int, ask: Callable[[str, Round], list[bool]]) -> list[bool]:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    done: list[bool] = []
    with capture_logs() as logs:
        for these in rounds(examples):
            done += await asyncio.to_thread(ask, incident.id, these)
    assert [line for line in logs if line["log_level"] == "error"] == []
    assert (await lookout.rebuild()).equal
    return done


async def test_no_document_makes_lookout_fail(lookout: Driver) -> None:
    def ask(incident_id: str, these: Round) -> list[bool]:
        return [
            is_done
            for mode in (Mode.POSITIVE, Mode.NEGATIVE)
            for is_done in _documents(lookout, incident_id, mode, these)
        ]

    done = await _fuzz(lookout, EXAMPLES, ask)
    assert sum(done) > len(done) // 10, "not all of them are refused before anything is read"


async def test_no_variable_makes_lookout_fail(lookout: Driver) -> None:
    done = await _fuzz(lookout, EXAMPLES, lambda incident_id, these: _variables(lookout, incident_id, these))
    assert any(done)


def test_the_documents_with_variables_are_of_the_schema() -> None:
    """Else nothing but their refusal would be tried."""
    assert [error.message for document, _ in _operations() for error in validate(WIRED, parse(document))] == []
