"""The checked-in documents are what the code says, and are valid themselves. `make documents` writes them anew."""

import json
from pathlib import Path

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from lookout.api.openapi import OPERATIONS, document, event_schema, text_of

ROOT = Path(__file__).parents[2]
ANEW = "is not what the code says: run `make documents`, look at the difference, and commit it"


@pytest.mark.parametrize(("name", "text"), [
    ("openapi.json", text_of(document())),
    ("event.schema.json", text_of(event_schema())),
])  # fmt: skip
def test_a_checked_in_document_is_what_the_code_says(name: str, text: str) -> None:
    assert (ROOT / name).read_text() == text, f"{name} {ANEW}"


def test_the_openapi_document_is_valid() -> None:
    OpenAPIV31SpecValidator(document()).validate()


def test_the_schema_of_an_event_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(event_schema())


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation.name for operation in OPERATIONS]
    assert len(names) == len(set(names))


def test_a_document_ends_in_a_line_break_and_reads_back() -> None:
    text = text_of(document())
    assert text.endswith("}\n")
    assert json.loads(text) == document()
