"""Every event of a story, and every answer to a read, is what the published schemas say."""

from typing import Any

import jsonschema
from jsonschema.validators import Draft202012Validator
from tests.driver import Driver

from lookout.api.openapi import OPERATIONS, document, event_schema
from lookout.incidents.events import EventType


async def _everything_happens(lookout: Driver) -> str:
    """Each type of event, once at least. Gives the incident."""
    started = lookout.clock.now()
    await lookout.fires(job="a", severity="info")
    incident = await lookout.only_incident()
    await lookout.fires(job="a", severity="info", instance="2")
    await lookout.fires(job="a", severity="critical")
    await lookout.act(incident.id, "acknowledge")
    await lookout.act(incident.id, "assign", assignee="kim")
    await lookout.act(incident.id, "notes", text="hm")
    await lookout.attach(incident.id, confidence=0.5, link="https://skipper.example/1", recommendations=["reboot"])
    await lookout.act(incident.id, "resolve", reason="done")
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, job="a", severity="info")
    lookout.clock.move(minutes=1)
    await lookout.fires(job="a", severity="info")
    for _ in range(3):
        began = lookout.clock.now()
        await lookout.fires(starts_at=began, job="b")
        lookout.clock.move(minutes=1)
        await lookout.resolves(began, job="b")
    lookout.clock.move(hours=1)
    await lookout.ticks()
    await lookout.post_alerts({"labels": {}})
    return incident.id


async def test_every_event_of_a_story_is_what_the_schema_says(lookout: Driver) -> None:
    await _everything_happens(lookout)
    validator: Any = Draft202012Validator(event_schema(), format_checker=jsonschema.FormatChecker())
    events: list[Any] = (await lookout.http.get("/v1/feed")).json()["events"]
    for event in events:
        validator.validate(event)
    assert {event["event_type"] for event in events} == set(EventType)


async def test_every_answer_to_a_read_is_what_the_openapi_document_says(lookout: Driver) -> None:
    incident_id = await _everything_happens(lookout)
    described = document()
    read = 0
    for operation in OPERATIONS:
        if operation.method != "get":
            continue
        answer = await lookout.http.get(operation.path.replace("{id}", incident_id))
        responses = described["paths"][operation.path]["get"]["responses"]
        schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
        validator: Any = Draft202012Validator({**schema, "components": described["components"]})
        validator.validate(answer.json())
        read += 1
    assert read >= 8


async def test_what_is_served_is_the_document(lookout: Driver) -> None:
    assert (await lookout.http.get("/openapi.json")).json() == document()


async def test_every_path_of_the_document_is_served(lookout: Driver) -> None:
    for path, methods in document()["paths"].items():
        for method in methods:
            answer = await lookout.http.request(method, path.replace("{id}", "x"))
            assert answer.status_code != 405, (method, path)
            assert answer.json() != {"error": "Not Found"} if answer.content else True, (method, path)
