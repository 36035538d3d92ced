"""What is asked for wrongly is answered 400, with what was expected."""

import base64

import pytest
from tests.driver import Driver

CURSOR = "after is not a cursor of this list"
PAGE = "a page has 1 to 500"
NUMBER = "a whole number from 0 on is expected"
REFUSED = [
    ("/v1/incidents?first=0", PAGE),
    ("/v1/incidents?first=501", PAGE),
    ("/v1/incidents?first=", NUMBER),
    ("/v1/incidents?first=-1", NUMBER),
    ("/v1/incidents?first=ten", NUMBER),
    ("/v1/incidents?first=1e2", NUMBER),
    ("/v1/incidents?first=" + "9" * 5000, NUMBER),
    ("/v1/incidents?first=%00", NUMBER),
    ("/v1/incidents?after=", CURSOR),
    ("/v1/incidents?after=garbage", CURSOR),
    ("/v1/incidents?after=%FF%FE", CURSOR),
    ("/v1/incidents?after=" + base64.urlsafe_b64encode(b"event:5").decode(), CURSOR),
    ("/v1/incidents?after=" + base64.urlsafe_b64encode(b"incident:x").decode(), NUMBER),
    ("/v1/incidents?after=" + base64.urlsafe_b64encode(b"incident:%d" % 10**30).decode(), NUMBER),
    ("/v1/incidents?after=" + base64.urlsafe_b64encode(b"\xff\xfe").decode(), CURSOR),
    ("/v1/incidents?status=closed", "one of open, firing, acknowledged, resolved is expected"),
    ("/v1/incidents?severity=page", "one of critical, error, warning, info is expected"),
    ("/v1/feed?first=0", PAGE),
    ("/v1/rejected-alerts?first=501", PAGE),
    ("/v1/rejected-alerts?after=x", NUMBER),
]


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
async def test_every_bad_number_cursor_and_word_is_named(lookout: Driver, accept: str) -> None:
    for path, message in REFUSED:
        answer = await lookout.http.get(path, headers={"Accept": accept})
        assert answer.status_code == 400, path[:80]
        assert answer.json().keys() == {"error"}
        assert message in answer.json()["error"], path[:80]
        assert len(answer.text) < 300


async def test_the_pages_of_one_incident_are_checked_too(lookout: Driver) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    for query in ("alerts?first=0", "events?first=501", "events?after=x"):
        assert (await lookout.http.get(f"/v1/incidents/{incident.id}/{query}")).status_code == 400
    for after in ("zzzz", "%00", "\U0001f525", "%FF"):
        answer = await lookout.http.get(f"/v1/incidents/{incident.id}/alerts?after={after}")
        assert answer.status_code == 200
