"""What the OpenAPI document allows, and what it does not, never makes Lookout fail: no answer is a 5xx.

And each answer is one that the document knows: its status, its content type, its JSON.
"""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks
from structlog.testing import capture_logs
from tests.driver import Driver
from tests.fuzzing import Round, rounds

from lookout.api.openapi import document

EXAMPLES = 5
OPERATIONS = [
    (method, path) for path, methods in document()["paths"].items() for method in methods if path != "/metrics"
]
CONFORMANCE: Any = [
    getattr(checks, f"{what}_conformance") for what in ("content_type", "response_schema", "status_code")
]
SECONDS_OF_AN_ANSWER = 20
"""More than this, and Lookout hangs. A stream gives a sign of life before."""


def _ask(lookout: Driver, operation: Any, incident_id: str, mode: GenerationMode, these: Round) -> int:
    """Ask one operation, once for each example. Returns how often that was."""
    asked = 0

    @these.made
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
    def ask(case: Any, is_known: bool) -> None:
        nonlocal asked
        if is_known and "id" in case.path_parameters:
            case.path_parameters["id"] = incident_id
        answer = case.call(base_url=lookout.url, timeout=SECONDS_OF_AN_ANSWER)
        asked += 1
        assert answer.status_code < 500, f"{case.as_curl_command()}\n{answer.text}"
        try:
            case.validate_response(answer, checks=CONFORMANCE)
        except FailureGroup as failures:
            raise AssertionError(f"{case.as_curl_command()}\n{answer.text}\n{failures}") from None

    try:
        ask()
    except Unsatisfiable:  # nothing about this operation can be wrong
        assert asked == 0
    return asked


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_no_request_makes_lookout_fail(lookout: Driver, mode: GenerationMode) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    schema: Any = schemathesis.openapi.from_dict(document())
    asked = 0
    with capture_logs() as logs:
        for these in rounds(EXAMPLES):
            for method, path in OPERATIONS:
                asked += await asyncio.to_thread(_ask, lookout, schema[path][method], incident.id, mode, these)
    assert asked > 100
    assert [line for line in logs if line["log_level"] == "error"] == []
    assert (await lookout.rebuild()).equal
