"""What the OpenAPI document allows, and what it does not, never makes Lookout fail: no answer is a 5xx."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from tests.driver import Driver

from lookout.api.openapi import document

EXAMPLES = 40
OPERATIONS = [
    (method, path) for path, methods in document()["paths"].items() for method in methods if path != "/metrics"
]


def _ask(lookout: Driver, method: str, path: str, incident_id: str, mode: GenerationMode) -> list[int]:
    schema: Any = schemathesis.openapi.from_dict(document())
    operation = schema[path][method]
    statuses: list[int] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
    def ask(case: Any, is_known: bool) -> None:
        if is_known and "id" in case.path_parameters:
            case.path_parameters["id"] = incident_id
        answer = case.call(base_url=lookout.url)
        statuses.append(answer.status_code)
        assert answer.status_code < 500, f"{case.as_curl_command()}\n{answer.text}"

    ask()
    return statuses


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_no_request_makes_lookout_fail(lookout: Driver, mode: GenerationMode) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    asked = 0
    for method, path in OPERATIONS:
        try:
            asked += len(await asyncio.to_thread(_ask, lookout, method, path, incident.id, mode))
        except Unsatisfiable:  # nothing about this operation can be wrong
            continue
    assert asked > 100
    assert (await lookout.rebuild()).equal
