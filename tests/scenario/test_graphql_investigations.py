"""GraphQL: a report is attached by a mutation, and read on its incident."""

from typing import Any

import pytest
from tests.driver import Driver
from tests.unit.graphql.client import ask, refusal

RESULT = """{ __typename ... on Incident { incidentId investigationCount position }
  ... on Error { message code } ... on ValidationError { field constraint }
  ... on NotFoundError { resourceType resourceId } }"""
ATTACH = (
    "mutation($id: ID!, $input: AttachInvestigationInput!) { result: attachInvestigation(id: $id, input: $input) %s }"  # noqa: UP031
    % RESULT
)
READ = """query($id: ID!, $page: ConnectionInput) { incident(id: $id) { investigationCount
  investigations(page: $page) {
    totalCount edges { cursor } pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
    nodes { reportId investigator summary rootCause recommendations confidence link attachedAt attachedBy position }
  } } }"""
INPUT: dict[str, Any] = {
    "reportId": "9f2c",
    "investigator": "skipper",
    "summary": "## Disk full",
    "rootCause": "logs",
    "recommendations": ["rotate"],
    "confidence": 0.85,
    "link": "https://skipper.example/9f2c",
}


async def attach(lookout: Driver, incident_id: str, **different: Any) -> dict[str, Any]:
    return (await ask(lookout, ATTACH, id=incident_id, input={**INPUT, **different}))["result"]


@pytest.fixture(name="known")
async def have_one(lookout: Driver) -> str:
    await lookout.fires(job="a")
    return (await lookout.only_incident()).id


async def test_what_was_attached_is_read_whole(lookout: Driver, known: str) -> None:
    lookout.clock.move(minutes=1)
    result = await attach(lookout, known)
    assert result == {"__typename": "Incident", "incidentId": known, "investigationCount": 1, "position": 2}
    incident = (await ask(lookout, READ, id=known))["incident"]
    assert incident["investigationCount"] == incident["investigations"]["totalCount"] == 1
    assert incident["investigations"]["nodes"] == [
        {**INPUT, "attachedAt": "2026-01-01T12:01:00Z", "attachedBy": "jo", "position": 2}
    ]


async def test_i7_again_is_the_same_over_rest_too(lookout: Driver, known: str) -> None:
    first = await attach(lookout, known)
    assert await attach(lookout, known, summary="another text") == first
    assert (await lookout.attach(known, "9f2c")).json()["position"] == 2
    assert len(await lookout.feed()) == 2


async def test_the_least_and_nulls(lookout: Driver, known: str) -> None:
    least = {"reportId": "r", "summary": "nothing found"}
    nulls = dict.fromkeys(("investigator", "rootCause", "recommendations", "confidence", "link"))
    for different in (least, {**least, "reportId": "s", **nulls}):
        assert (await ask(lookout, ATTACH, id=known, input=different))["result"]["__typename"] == "Incident"
    for node in (await ask(lookout, READ, id=known))["incident"]["investigations"]["nodes"]:
        assert (node["investigator"], node["rootCause"], node["recommendations"]) == ("jo", "", [])
        assert (node["confidence"], node["link"]) == (None, "")


async def test_pages_go_forward(lookout: Driver, known: str) -> None:
    for number in range(3):
        await attach(lookout, known, reportId=f"r{number}")
    page = (await ask(lookout, READ, id=known, page={"first": 2}))["incident"]["investigations"]
    assert [node["reportId"] for node in page["nodes"]] == ["r0", "r1"]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)
    assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
    after = {"first": 2, "after": page["pageInfo"]["endCursor"]}
    page = (await ask(lookout, READ, id=known, page=after))["incident"]["investigations"]
    assert [node["reportId"] for node in page["nodes"]] == ["r2"]
    assert (page["pageInfo"]["hasNextPage"], page["pageInfo"]["hasPreviousPage"]) == (False, True)


@pytest.mark.parametrize("page", [{"last": 1}, {"after": "x"}, {"first": 501}])
async def test_a_page_that_cannot_be_is_refused(lookout: Driver, known: str, page: dict[str, Any]) -> None:
    assert (await refusal(lookout, READ, id=known, page=page))["extensions"]["code"] == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reportId", "a\u0000b"),
        ("summary", ""),
        ("investigator", "x" * 201),
        ("rootCause", "x" * 5_001),
        ("recommendations", ["x"] * 21),
        ("confidence", 1.5),
        ("link", "javascript:alert(1)"),
    ],
)
async def test_what_cannot_be_used_is_a_validation_error_that_names_the_field(
    lookout: Driver, known: str, field: str, value: Any
) -> None:
    result = await attach(lookout, known, **{field: value})
    assert (result["__typename"], result["code"], result["field"]) == ("ValidationError", "VALIDATION_ERROR", field)
    assert result["constraint"]
    assert len(await lookout.feed()) == 1


async def test_an_incident_that_is_not_there_is_a_not_found_error(lookout: Driver) -> None:
    result = await attach(lookout, "nonsense")
    assert (result["__typename"], result["resourceType"], result["resourceId"]) == (
        "NotFoundError", "Incident", "nonsense",
    )  # fmt: skip
