"""GraphQL pages: forward and backward through all incidents, forward through an incident's alerts."""

from typing import Any

import asyncpg
import pytest
from tests.driver import Driver
from tests.unit.graphql.client import ask, refusal

from lookout.store.isolation import OfTenant

LIST = """query($page: ConnectionInput) { incidentsConnection(page: $page) {
  totalCount nodes { openedPosition } edges { cursor }
  pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }"""


NO_PAGES: list[tuple[dict[str, Any], str]] = [
    ({"first": 501}, "first"),
    ({"first": -1}, "first"),
    ({"last": 501}, "last"),
    ({"after": "x", "before": "y"}, "page"),
    ({"after": "x", "last": 2}, "page"),
    ({"after": "nonsense"}, "after"),
    ({"after": "YWxlcnQ6MQ=="}, "after"),  # alert:1
    ({"last": 1, "before": "aW5jaWRlbnQ6MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NQ=="}, "before"),  # beyond 64 bits
    ({"last": 1, "before": "aW5jaWRlbnQ64pGg"}, "before"),  # a digit that is none
]


async def page(lookout: Driver, **asked: Any) -> tuple[list[int], dict[str, Any]]:
    found = (await ask(lookout, LIST, page=asked))["incidentsConnection"]
    cursors = [edge["cursor"] for edge in found["edges"]]
    info = found["pageInfo"]
    assert found["totalCount"] == 5
    assert [info["startCursor"], info["endCursor"]] == ([cursors[0], cursors[-1]] if cursors else [None, None])
    return [node["openedPosition"] for node in found["nodes"]], info


@pytest.fixture(name="five")
async def have_five(lookout: Driver) -> Driver:
    for job in "abcde":
        await lookout.fires(job=job)
    return lookout


async def test_forward_to_the_end(five: Driver) -> None:
    first, info = await page(five, first=2)
    assert (first, info["hasNextPage"], info["hasPreviousPage"]) == ([5, 4], True, False)
    second, info = await page(five, first=2, after=info["endCursor"])
    assert (second, info["hasNextPage"], info["hasPreviousPage"]) == ([3, 2], True, True)
    last, info = await page(five, first=2, after=info["endCursor"])
    assert (last, info["hasNextPage"], info["hasPreviousPage"]) == ([1], False, True)


async def test_backward_to_the_beginning(five: Driver) -> None:
    last, info = await page(five, last=2)
    assert (last, info["hasNextPage"], info["hasPreviousPage"]) == ([2, 1], False, True)
    second, info = await page(five, last=2, before=info["startCursor"])
    assert (second, info["hasNextPage"], info["hasPreviousPage"]) == ([4, 3], True, True)
    first, info = await page(five, last=2, before=info["startCursor"])
    assert (first, info["hasNextPage"], info["hasPreviousPage"]) == ([5], True, False)


async def test_a_page_of_none_still_counts(five: Driver) -> None:
    none, info = await page(five, first=0)
    assert (none, info["hasNextPage"]) == ([], True)


async def test_a_page_of_exactly_all_has_no_next(five: Driver) -> None:
    everything, info = await page(five, first=5)
    assert (everything, info["hasNextPage"]) == ([5, 4, 3, 2, 1], False)


async def test_what_is_no_page_is_refused(lookout: Driver) -> None:
    for asked, field in NO_PAGES:
        error = await refusal(lookout, LIST, page=asked)
        assert error["extensions"]["code"] == "VALIDATION_ERROR"
        assert error["extensions"]["field"] == field


async def test_the_alerts_of_all_incidents_of_a_page_are_read_at_once(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job in "abc":
        await lookout.post_alerts(*(lookout.alert({"job": job, "instance": str(number)}) for number in range(4)))
    asked: list[str] = []
    really = OfTenant.fetch

    async def fetch(self: OfTenant, statement: str, tenant_id: str, *arguments: Any) -> list[asyncpg.Record]:
        asked.append(statement)
        return await really(self, statement, tenant_id, *arguments)

    monkeypatch.setattr(OfTenant, "fetch", fetch)
    document = """{ incidentsConnection { nodes { labels stale
      few: alerts(page: {first: 1}) { totalCount nodes { labels } pageInfo { hasNextPage } }
      all: alerts(page: {first: 9}) { totalCount nodes { labels stale } pageInfo { hasNextPage } } } } }"""
    nodes = (await ask(lookout, document))["incidentsConnection"]["nodes"]
    assert [node["labels"]["job"] for node in nodes] == ["c", "b", "a"]
    for node in nodes:
        alerts = node["all"]["nodes"]
        assert {(alert["labels"]["job"], alert["stale"]) for alert in alerts} == {(node["labels"]["job"], False)}
        assert {alert["labels"]["instance"] for alert in alerts} == {"0", "1", "2", "3"}
        assert node["few"]["nodes"] == [{"labels": alerts[0]["labels"]}]
        assert (node["few"]["pageInfo"]["hasNextPage"], node["all"]["pageInfo"]["hasNextPage"]) == (True, False)
        assert node["few"]["totalCount"] == node["all"]["totalCount"] == 4
    assert sorted(asked) == sorted(
        ["incidents_before", "stale_incidents", "incidents_of_ids", *["alerts_of_incidents", "stale_alerts"] * 2]
    )


async def test_an_incidents_alerts_page_by_fingerprint(lookout: Driver) -> None:
    await lookout.post_alerts(*(lookout.alert({"job": "a", "instance": str(number)}) for number in range(5)))
    document = """query($page: ConnectionInput) { incidentsConnection { nodes { alerts(page: $page) {
      totalCount nodes { fingerprint } pageInfo { endCursor hasNextPage } } } } }"""
    seen: list[str] = []
    asked: dict[str, Any] = {"first": 2}
    for size in (2, 2, 1):
        (incident,) = (await ask(lookout, document, page=asked))["incidentsConnection"]["nodes"]
        alerts = incident["alerts"]
        assert (len(alerts["nodes"]), alerts["totalCount"]) == (size, 5)
        assert alerts["pageInfo"]["hasNextPage"] is (size == 2)
        seen += [alert["fingerprint"] for alert in alerts["nodes"]]
        asked = {"first": 2, "after": alerts["pageInfo"]["endCursor"]}
    assert seen == sorted(seen)
    assert len(set(seen)) == 5
    error = await refusal(lookout, document, page={"last": 2})
    assert "forward only" in error["message"]
