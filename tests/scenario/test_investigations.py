"""The way back: what an investigator found out stands on the incident, once, and on the feed (REST)."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.clock import FakeClock
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.incidents.events import EventType, InvestigationAttached
from lookout.incidents.incident import Incident, Status
from lookout.incidents.investigation import INVESTIGATIONS_LIMIT
from lookout.store.reads import InvestigationView

WHOLE: dict[str, Any] = {
    "report_id": "9f2c",
    "investigator": "skipper 2.1",
    "summary": "## The disk of ingest-1 is full\n\nIt grew by 2 GB an hour since 14:00.",
    "root_cause": "Debug logs were switched on.",
    "recommendations": ["Switch them off.", "Rotate by size."],
    "confidence": 0.85,
    "link": "https://skipper.example/reports/9f2c",
}


@pytest.fixture
async def incident(lookout: Driver) -> Incident:
    await lookout.fires(job="a")
    return await lookout.only_incident()


async def test_it_is_answered_with_the_incident_and_read_whole(lookout: Driver, incident: Incident) -> None:
    lookout.clock.move(seconds=40)
    answer = await lookout.act(incident.id, "investigations", **WHOLE)
    assert answer.status_code == 200
    assert (answer.json()["investigation_count"], answer.json()["position"]) == (1, 2)
    assert await lookout.only_incident() == await lookout.incident(incident.id)
    [found] = await lookout.investigations_of(incident.id)
    told = {"attached_at": lookout.clock.now(), "attached_by": "jo", "position": 2}
    assert found == msgspec.convert({**WHOLE, **told}, InvestigationView)


async def test_the_feed_tells_of_it_in_short(lookout: Driver, incident: Incident) -> None:
    await lookout.act(incident.id, "investigations", **WHOLE)
    event = (await lookout.feed())[-1]
    assert (event.event_type, event.incident.investigation_count) == (EventType.INVESTIGATION_ATTACHED, 1)
    assert event.change == InvestigationAttached(
        report_id="9f2c",
        investigator="skipper 2.1",
        summary="## The disk of ingest-1 is full It grew by 2 GB an hour since 14:00.",
        confidence=0.85,
        link="https://skipper.example/reports/9f2c",
        by="jo",
    )
    timeline = (await lookout.http.get(f"/v1/incidents/{incident.id}/events")).json()["events"]
    assert timeline[-1]["event_id"] == event.event_id


async def test_the_least_that_a_report_needs(lookout: Driver, incident: Incident) -> None:
    answer = await lookout.act(incident.id, "investigations", report_id="r", summary="nothing found")
    assert answer.status_code == 200
    [found] = await lookout.investigations_of(incident.id)
    assert (found.investigator, found.root_cause, found.recommendations, found.confidence, found.link) == (
        "jo", "", (), None, "",
    )  # fmt: skip


async def test_i7_the_same_report_again_is_answered_the_same_and_adds_nothing(
    lookout: Driver, incident: Incident
) -> None:
    first = await lookout.attach(incident.id, "r1")
    lookout.clock.move(minutes=1)
    again = await lookout.attach(incident.id, "r1")
    assert (again.status_code, again.json()) == (200, first.json())
    assert await lookout.types() == ["opened", "investigation_attached"]


async def test_of_two_contents_under_one_id_the_first_stands(lookout: Driver, incident: Incident) -> None:
    await lookout.attach(incident.id, "r1", summary="the disk")
    assert (await lookout.attach(incident.id, "r1", summary="no, the network")).status_code == 200
    assert [found.summary for found in await lookout.investigations_of(incident.id)] == ["the disk"]


async def test_a_report_belongs_to_its_incident_alone(lookout: Driver, incident: Incident) -> None:
    await lookout.fires(job="b")
    other = (await lookout.incidents())[0]
    await lookout.attach(incident.id, "r1", summary="of a")
    await lookout.attach(other.id, "r1", summary="of b")
    assert [found.summary for found in await lookout.investigations_of(incident.id)] == ["of a"]
    assert [found.summary for found in await lookout.investigations_of(other.id)] == ["of b"]


async def test_it_comes_back_after_the_end_too(lookout: Driver, incident: Incident) -> None:
    await lookout.resolves(lookout.clock.now(), job="a")
    assert (await lookout.attach(incident.id)).json()["status"] == Status.RESOLVED
    assert await lookout.types() == ["opened", "resolved", "investigation_attached"]
    assert (await lookout.rebuild()).equal


async def test_pages_go_on_after_a_position(lookout: Driver, incident: Incident) -> None:
    for number in range(5):
        await lookout.attach(incident.id, f"r{number}")
    path = f"/v1/incidents/{incident.id}/investigations"
    page = (await lookout.http.get(path, params={"first": 2})).json()
    assert [found["report_id"] for found in page["investigations"]] == ["r0", "r1"]
    page = (await lookout.http.get(path, params={"first": 3, "after": page["next"]})).json()
    assert [found["report_id"] for found in page["investigations"]] == ["r2", "r3", "r4"]
    assert page["next"] is None
    assert (await lookout.http.get(path, params={"first": 501})).status_code == 400


async def test_i2_two_replicas_that_get_it_at_once_attach_it_once(start: Start, clock: FakeClock) -> None:
    async with start() as one, start() as two:
        await one.fires(job="a")
        incident = await one.only_incident()
        answers = await asyncio.gather(*(side.attach(incident.id, "r1") for side in (one, two) * 5))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert await one.types() == ["opened", "investigation_attached"]
        clock.move(minutes=1)
        assert (await two.attach(incident.id, "r1")).content == answers[0].content


async def test_i8_an_incident_takes_no_more_than_its_bound(lookout: Driver, incident: Incident) -> None:
    answers = [await lookout.attach(incident.id, f"r{number}") for number in range(INVESTIGATIONS_LIMIT + 1)]
    assert [answer.status_code for answer in answers] == [200] * INVESTIGATIONS_LIMIT + [409]
    assert answers[-1].json() == {"error": "the incident has 100 investigations and takes no more: add a note instead"}
    assert (await lookout.attach(incident.id, "r0")).status_code == 200


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no report id": ({"report_id": ""}, "the report id is no line of 1 to 200 characters"),
    "a long report id": ({"report_id": "x" * 201}, "the report id is no line of 1 to 200 characters"),
    "a report id of two lines": ({"report_id": "a\nb"}, "the report id is no line of 1 to 200 characters"),
    "a report id with a direction": ({"report_id": "a\u202eb"}, "the report id is no line of 1 to 200 characters"),
    "a report id that begins blank": ({"report_id": " a"}, "the report id is no line of 1 to 200 characters"),
    "no summary": ({"summary": " \n\u200b"}, "an investigation needs a summary"),
    "a long summary": ({"summary": "x" * 20_001}, "summary is longer than 20000 characters"),
    "a long root cause": ({"root_cause": "x" * 5_001}, "the root cause is longer than 5000 characters"),
    "many recommendations": ({"recommendations": ["x"] * 21}, "there are more than 20 recommendations"),
    "a long recommendation": ({"recommendations": ["x" * 501]}, "a recommendation is longer than 500 characters"),
    "a long name": ({"investigator": "x" * 201}, "investigator is longer than 200 characters"),
    "more than sure": ({"confidence": 1.01}, "the confidence is a number from 0 to 1"),
    "less than unsure": ({"confidence": -0.01}, "the confidence is a number from 0 to 1"),
    "confidence in words": ({"confidence": "high"}, "the body cannot be read"),
    "a link of another kind": ({"link": "javascript:alert(1)"}, "the link is no http or https URL"),
    "a link that is none": ({"link": "reports/1"}, "the link is no http or https URL"),
    "a link that hides": ({"link": "https://a.example/\u202egnp"}, "the link is no http or https URL"),
    "one text for a list": ({"recommendations": "reboot"}, "the body cannot be read"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_used_is_refused_and_changes_nothing(
    lookout: Driver, incident: Incident, name: str
) -> None:
    different, message = REFUSED[name]
    answer = await lookout.act(incident.id, "investigations", **{**WHOLE, **different})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(message)
    assert await lookout.only_incident() == incident


async def test_i8_the_largest_report_fits(lookout: Driver, incident: Incident) -> None:
    """Also as JSON that escapes all that is not ASCII, six bytes a character."""
    largest = {
        "report_id": "я" * 200,
        "investigator": "я" * 200,
        "summary": "я" * 20_000,
        "root_cause": "я" * 5_000,
        "recommendations": ["я" * 500] * 20,
        "link": "https://x.example/" + "x" * 4_000,
    }
    answer = await lookout.act(incident.id, "investigations", **largest)
    assert answer.status_code == 200
    [found] = await lookout.investigations_of(incident.id)
    assert (found.summary, found.recommendations) == (largest["summary"], tuple(largest["recommendations"]))
    event = (await lookout.http.get("/v1/feed", params={"after": 1})).content
    assert len(event) < 16 * 1024, "the event stays small, whatever the report is"


async def test_how_long_it_took_is_in_the_log(lookout: Driver, incident: Incident) -> None:
    lookout.clock.move(seconds=40)
    await lookout.attach(incident.id)
    opened, attached = await lookout.feed()
    assert attached.recorded_at - opened.recorded_at == timedelta(seconds=40)
