"""A valid document is read once; whatever is refused is looked at each time."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from graphql import parse

from lookout.api.graphql.asking import Asking
from lookout.api.graphql.documents import KEPT, TEXT_LIMIT, Documents
from lookout.api.graphql.schema import SCHEMA, closed_schema
from lookout.api.parts import Caller, Parts
from lookout.limits import USUAL

NOBODY = Asking(cast("Parts", SimpleNamespace(limits=USUAL)), cast("Caller", None))
DOCUMENT = "{ __typename }"


async def answer(schema: Any, document: str) -> tuple[Any, list[str]]:
    """Data and errors."""
    told = await schema.execute(document, context_value=NOBODY)
    return told.data, [error.message for error in told.errors or ()]


async def test_a_document_that_was_valid_is_not_read_again() -> None:
    schema = closed_schema()
    assert await answer(schema, DOCUMENT) == ({"__typename": "Query"}, [])
    assert schema.documents.known(DOCUMENT) is not None
    schema.documents.remember(DOCUMENT, parse("{ remembered: __typename }"))
    assert await answer(schema, DOCUMENT) == ({"remembered": "Query"}, [])


@pytest.mark.parametrize("document", ["{ nothingLikeIt }", "{", "{ %s }" % ("__typename " * 2000)])
async def test_what_is_refused_is_refused_each_time(document: str) -> None:
    schema = closed_schema()
    first = await answer(schema, document)
    assert first[1]
    assert await answer(schema, document) == first
    assert schema.documents.known(document) is None


async def test_what_one_schema_allows_is_not_remembered_for_another() -> None:
    asked = "{ __schema { queryType { name } } }"
    assert (await answer(SCHEMA, asked))[1] == []
    assert SCHEMA.documents.known(asked) is not None
    assert (await answer(closed_schema(), asked))[1] != []


def test_those_that_were_sent_last_are_kept() -> None:
    documents, document = Documents(), parse(DOCUMENT)
    for number in range(KEPT):
        documents.remember(str(number), document)
    assert documents.known("0") is document
    documents.remember("one more", document)
    assert documents.known("0") is document
    assert documents.known("1") is None
    assert documents.known("one more") is document


def test_a_long_one_is_not_kept() -> None:
    documents, document = Documents(), parse(DOCUMENT)
    documents.remember("x" * TEXT_LIMIT, document)
    documents.remember("y" * (TEXT_LIMIT + 1), document)
    assert documents.known("x" * TEXT_LIMIT) is document
    assert documents.known("y" * (TEXT_LIMIT + 1)) is None
