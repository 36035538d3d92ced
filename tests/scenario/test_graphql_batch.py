"""Batches of GraphQL operations, for whoever lets them be sent: each operation counts, and is measured by itself."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.access import ACCESS, bearer, person
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.limits import Limits

NAME = {"query": "{ __typename }"}


@pytest.fixture
async def lookout(start: Start) -> AsyncIterator[Driver]:
    """A Lookout that takes batches of up to four."""
    async with start(limits=Limits(graphql_batch=4, graphql_depth=2)) as driver:
        yield driver


async def test_the_answers_stand_in_the_order_of_the_operations(lookout: Driver) -> None:
    named = {"query": "query A { a: __typename } query B { b: __typename }", "operationName": "B"}
    with_variable = {"query": "query($id: ID!) { incident(id: $id) { id } }", "variables": {"id": "1"}}
    too_deep = {"query": "{ incidentsConnection { nodes { id } } }"}
    answer = await lookout.http.post("/graphql", json=[NAME, named, too_deep, with_variable])
    assert answer.status_code == 200
    first, second, third, fourth = answer.json()
    assert (first["data"], second["data"]) == ({"__typename": "Query"}, {"b": "Query"})
    assert third["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert fourth["data"] == {"incident": None}


@pytest.mark.parametrize(
    "batch",
    [
        [],
        [1],
        [None],
        [[]],
        [{"query": 1}],
        [{}],
        [NAME, {"query": "{ __typename }", "variables": []}],
        [{"query": "{ __typename }", "operationName": 5}],
    ],
)
async def test_what_is_no_batch_is_refused_and_nothing_of_it_is_done(lookout: Driver, batch: list[Any]) -> None:
    answer = await lookout.http.post("/graphql", json=batch)
    assert answer.status_code == 400
    assert "batch" in answer.text or "array of operations" in answer.text


async def test_one_operation_alone_is_answered_as_ever(lookout: Driver) -> None:
    assert (await lookout.http.post("/graphql", json=NAME)).json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("accepts", ["multipart/mixed;subscriptionSpec=1.0", "text/event-stream"])
async def test_a_batch_is_no_stream(lookout: Driver, accepts: str) -> None:
    answer = await lookout.http.post("/graphql", json=[NAME], headers={"Accept": accepts})
    assert (answer.status_code < 500, "multipart" in answer.headers["content-type"]) == (True, False)


async def test_a_subscription_in_a_batch_is_refused(lookout: Driver) -> None:
    answer = await lookout.http.post("/graphql", json=[{"query": "subscription { liveIncidentUpdates { position } }"}])
    assert (answer.status_code, "errors" in answer.json()[0]) == (200, True)


async def test_each_operation_of_a_batch_counts(start: Start) -> None:
    limits = Limits(graphql_batch=4, read_rate=5, burst_seconds=1, token_percent=100)
    async with start(access=ACCESS, limits=limits) as lookout:
        headers = bearer(person(lookout))
        assert (await lookout.http.post("/graphql", json=[NAME] * 4, headers=headers)).status_code == 200
        refused = await lookout.http.post("/graphql", json=[NAME] * 2, headers=headers)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 0
