"""Actions that cannot be done say why, and do nothing."""

import uuid

import pytest
from tests.driver import Driver

ACTIONS = {
    "acknowledge": {},
    "assign": {"assignee": "kim"},
    "resolve": {"reason": ""},
    "notes": {"text": "hello"},
    "investigations": {"report_id": "r1", "summary": "the disk"},
}


@pytest.mark.parametrize("action", ACTIONS)
async def test_an_unknown_id_and_a_malformed_one_are_told_the_same(lookout: Driver, action: str) -> None:
    for incident_id in (str(uuid.uuid4()), "nope", "0", "%00"):
        answer = await lookout.act(incident_id, action, **ACTIONS[action])
        assert answer.status_code == 404
        shown = incident_id.replace("%00", "\\x00")
        assert answer.json() == {"error": f"there is no incident '{shown}'"}


@pytest.mark.parametrize("path", ["", "/alerts", "/events", "/investigations"])
async def test_reading_an_unknown_id_and_a_malformed_one_is_the_same(lookout: Driver, path: str) -> None:
    for incident_id in (str(uuid.uuid4()), "nope"):
        answer = await lookout.http.get(f"/v1/incidents/{incident_id}{path}")
        assert answer.status_code == 404
        assert answer.json() == {"error": f"there is no incident '{incident_id}'"}


BODIES = {
    "not json": ("notes", b"{", "the body cannot be read"),
    "no text": ("notes", b"{}", "the body cannot be read"),
    "text is a number": ("notes", b'{"text": 1}', "the body cannot be read"),
    "text is a lone surrogate": ("notes", b'{"text": "\\ud800"}', "the body cannot be read"),
    "text is nothing": ("notes", b'{"text": " \\n "}', "a note needs a text"),
    "text is long": ("notes", b'{"text": "%s"}' % (b"x" * 10_001), "text is longer than 10000 characters"),
    "the body is long": ("notes", b'{"text": "%s"}' % (b"x" * 300_000), "the body is larger than 256 KiB"),
    "an array": ("acknowledge", b"[]", "the body cannot be read"),
    "no assignee": ("assign", b"{}", "the body cannot be read"),
    "assignee is long": ("assign", b'{"assignee": "%s"}' % (b"x" * 201), "assignee is longer than 200 characters"),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_cannot_be_used_is_refused_and_changes_nothing(lookout: Driver, name: str) -> None:
    action, body, message = BODIES[name]
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    answer = await lookout.repeats_captured(f"/v1/incidents/{incident.id}/{action}", body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(message)
    assert await lookout.only_incident() == incident


async def test_a_form_of_a_foreign_page_is_not_read(lookout: Driver) -> None:
    await lookout.fires(job="a")
    path = f"/v1/incidents/{(await lookout.only_incident()).id}/acknowledge"
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await lookout.http.post(path, content=b"{}", headers={"Content-Type": content_type})
        assert (answer.status_code, answer.json()) == (400, {"error": "send application/json"})


async def test_a_name_that_is_too_long_is_refused(lookout: Driver) -> None:
    await lookout.fires(job="a")
    path = f"/v1/incidents/{(await lookout.only_incident()).id}/acknowledge"
    answer = await lookout.http.post(path, json={}, headers={"X-User-ID": "x" * 201})
    assert (answer.status_code, answer.json()) == (400, {"error": "X-User-ID is longer than 200 characters"})
