"""I8: every limit that is a setting holds for who asks: so much is taken, and one more is not.

Those that need no server are in tests/unit/test_i8_limits_set.py.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.asked import Prometheus
from tests.driver import Driver
from tests.scenario.conftest import Start
from tests.unit.test_i8_limits_set import PURE

from lookout.alerts.source import Source
from lookout.config import load_settings
from lookout.errors import SettingsError
from lookout.incidents.policy import Policy
from lookout.limits import BOUNDS, Limits

# Each gives the status of the answer, and of GraphQL the words of its error.


async def of_body(lookout: Driver, size: int) -> int:
    body = json.dumps([lookout.alert({})]).encode()
    headers = {"Content-Type": "application/json"}
    answer = await lookout.http.post("/api/v2/alerts", content=body.ljust(size), headers=headers)
    return answer.status_code


async def of_page(lookout: Driver, first: int) -> int:
    rest = (await lookout.http.get("/v1/incidents", params={"first": first})).status_code
    document = f"{{ incidentsConnection(page: {{first: {first}}}) {{ totalCount }} }}"
    assert (await of_document(lookout, document) == 200) is (rest == 200)
    return rest


async def of_document(lookout: Driver, document: str) -> int | str:
    answer = await lookout.http.post("/graphql", json={"query": document})
    errors = answer.json().get("errors")
    return errors[0]["message"] if errors else answer.status_code


async def of_depth(lookout: Driver, depth: int) -> int | str:
    inner = {4: "edges { node { id } }", 5: "edges { node { alerts { totalCount } } }"}[depth]
    return await of_document(lookout, f"{{ incidentsConnection {{ {inner} }} }}")


async def of_complexity(lookout: Driver, count: int) -> int | str:
    return await of_document(lookout, f"{{ incidentsConnection(page: {{first: {count - 2}}}) {{ totalCount }} }}")


async def of_aliases(lookout: Driver, count: int) -> int | str:
    return await of_document(lookout, f"{{ {' '.join(f'a{number}: __typename' for number in range(count))} }}")


async def of_tokens(lookout: Driver, count: int) -> int | str:
    return await of_document(lookout, f"{{ {'__typename ' * (count - 2)} }}")


async def of_batch(lookout: Driver, count: int) -> int:
    return (await lookout.http.post("/graphql", json=[{"query": "{ __typename }"}] * count)).status_code


async def opened_anew(lookout: Driver) -> str:
    """The id of an incident that nothing was done to."""
    job = str(len(await lookout.incidents()))
    await lookout.fires(job=job)
    return next(incident.id for incident in await lookout.incidents() if incident.title == f"Down (job={job})")


async def of_note(lookout: Driver, length: int) -> int:
    path = f"/v1/incidents/{await opened_anew(lookout)}"
    status = (await lookout.http.post(f"{path}/notes", json={"text": "x" * length})).status_code
    assert (await lookout.http.post(f"{path}/resolve", json={"reason": "x" * length})).status_code == status
    return status


async def of_report(lookout: Driver, length: int) -> int:
    answer = await lookout.attach(await opened_anew(lookout), summary="x" * length)
    return answer.status_code


async def of_queue(lookout: Driver, count: int) -> int:
    """Of the last of so many alerts that wait at once."""
    await lookout.fires(job="first")
    async with lookout.feed_is_locked():
        # New ones each time: a repeat only renews its lease, and waits for no feed.
        before = asyncio.create_task(lookout.post_alerts(lookout.alert({"job": f"before-{count}"})))
        await lookout.until_waiting(1)
        more = [lookout.alert({"job": f"{count}-{number}"}) for number in range(count - 1)]
        last = asyncio.create_task(lookout.post_alerts(*more))
        if count <= LIMIT_OF_QUEUE:
            await lookout.until_waiting(count)
        else:
            await last
    assert (await before).status_code == 200
    return (await last).status_code


LIMIT_OF_QUEUE = 4
TOO_DEEP = "the operation is too deep: at most 4 fields within each other are allowed"
TOO_COMPLEX = "the operation is too complex (31, at most 30 is allowed): ask for smaller pages, or for a shorter time"
TOO_MANY_ALIASES = "the operation has too many aliases: at most 3 are allowed"
TOO_MANY_TOKENS = "Syntax Error: Document contains more than 9 tokens. Parsing aborted."
SERVED: dict[str, tuple[int, Callable[[Driver, int], Awaitable[int | str]], int | str]] = {
    "body_bytes": (2_000, of_body, 413),
    "queue": (LIMIT_OF_QUEUE, of_queue, 503),
    "tenant_queue": (LIMIT_OF_QUEUE, of_queue, 503),
    "page": (20, of_page, 400),
    "graphql_depth": (4, of_depth, TOO_DEEP),
    "graphql_complexity": (30, of_complexity, TOO_COMPLEX),
    "graphql_aliases": (3, of_aliases, TOO_MANY_ALIASES),
    "graphql_tokens": (9, of_tokens, TOO_MANY_TOKENS),
    "graphql_batch": (3, of_batch, 400),
    "note_length": (30, of_note, 400),
    "report_length": (30, of_report, 400),
}


@pytest.mark.parametrize("name", SERVED)
async def test_i8_a_limit_that_is_set_holds_for_who_asks(start: Start, name: str) -> None:
    limit, status_of, refused = SERVED[name]
    async with start(limits=Limits(**{name: limit})) as lookout:
        assert await status_of(lookout, limit) == 200
        assert await status_of(lookout, limit + 1) == refused


async def test_i8_an_expression_is_as_long_wherever_it_is_written(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "lookout.yaml"
    async with start(config=config_of(config, "b" * 9), limits=Limits(regex_length=9)) as lookout:
        for length, status in ((9, 200), (10, 400)):
            pattern = "b" * length
            for query in ({"filter": f"job=~{pattern}"}, {"receiver": pattern}, {"receiver_matchers": f"a=~{pattern}"}):
                answer = await lookout.http.get("/api/v2/alerts", params=query)
                assert (answer.status_code, "more than 9 characters" in answer.text) == (status, length > 9)
            page = await lookout.http.get("/", params={"q": f"job=~{pattern}"})
            assert ("more than 9 characters" in page.text) is (length > 9)
        config_of(config, "b" * 10)
        refused = await lookout.reload()
        assert refused.status_code == 500
        assert "more than 9 characters" in refused.text
    with pytest.raises(SettingsError, match="more than 64 characters"):
        load_settings({"LOOKOUT_CONFIG": str(config_of(config, "b" * 65)), "LOOKOUT_MAX_REGEX_LENGTH": "64"})


def config_of(path: Path, pattern: str) -> Path:
    path.write_text(f"policy: {{rules: [{{name: a, matchers: ['job=~{pattern}']}}]}}")
    return path


async def test_i8_a_source_that_is_asked_may_tell_no_more_than_it_may_send(
    start: Start, prometheus: Prometheus
) -> None:
    policy = Policy(sources={"prometheus": Source(prometheus_url=(prometheus.url,))})
    prometheus.fires({"job": "short"}, {"job": "long" * 3})
    async with start(policy, limits=Limits(value_length=10)) as lookout:
        await lookout.reconciles()
        assert [incident.title for incident in await lookout.incidents()] == ["Down (job=short)"]


@pytest.mark.parametrize("nesting", [BOUNDS["nesting"].least, BOUNDS["nesting"].most])
async def test_i8_what_is_nested_as_deep_as_may_ever_be_is_read(start: Start, nesting: int) -> None:
    inner = nesting - 3
    details = b'{"a":' * inner + b"1" + b"}" * inner
    payload = b'{"summary":"s","source":"x","severity":"error","custom_details":{"d":%s}}' % details
    body = b'{"routing_key":"k","event_action":"trigger","payload":%s}' % payload
    async with start(limits=Limits(nesting=nesting)) as lookout:
        headers = {"Content-Type": "application/json"}
        assert (await lookout.http.post("/v1/events", content=body, headers=headers)).status_code == 202


async def test_i8_a_tenant_has_half_of_the_room_for_bodies(start: Start) -> None:
    async with start(limits=Limits(bodies_bytes=2_000)) as lookout:
        assert await of_body(lookout, 1_000) == 200
        assert await of_body(lookout, 1_001) == 503


def test_every_limit_is_tried() -> None:
    elsewhere = {"commit", "tenant_share", "bodies_bytes"}  # each has a test of its own
    assert {*PURE, *SERVED, *elsewhere} == set(BOUNDS)
