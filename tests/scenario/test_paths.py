"""Paths: a slash at the end never redirects, and what is not there is said so in JSON."""

import pytest
from tests.driver import Driver

from lookout.store.reads import Reads


@pytest.mark.parametrize("slashes", ["", "/", "//"])
async def test_ingest_never_redirects(lookout: Driver, slashes: str) -> None:
    """Senders follow a redirect with an empty GET, and count its 200 as delivered."""
    answer = await lookout.http.post(f"/api/v2/alerts{slashes}", json=[lookout.alert({"job": "a"})])
    assert (answer.status_code, answer.text) == (200, "")
    answer = await lookout.http.post(f"/v1/alertmanager{slashes}", json={"version": "4", "alerts": []})
    assert answer.status_code == 200
    assert (await lookout.only_incident()).title == "Down (job=a)"


async def test_reads_and_actions_take_a_slash_too(lookout: Driver) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    assert (await lookout.http.get(f"/v1/incidents/{incident.id}/")).json()["id"] == incident.id
    answer = await lookout.http.post(f"/v1/incidents/{incident.id}/acknowledge/", json={})
    assert answer.json()["status"] == "acknowledged"


async def test_an_unknown_path_is_a_json_404(lookout: Driver) -> None:
    for path in ("/nope", "/v1", "/v1/nope", "/v1/incidents/x/nope", "/v2/incidents", "/%00", "/v1/alertmanager/x"):
        answer = await lookout.http.get(path)
        assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"}), path


async def test_a_wrong_method_is_a_json_405_that_names_the_right_ones(lookout: Driver) -> None:
    answer = await lookout.http.delete("/v1/incidents")
    assert (answer.status_code, answer.json()) == (405, {"error": "Method Not Allowed"})
    assert "GET" in answer.headers["Allow"]
    assert (await lookout.http.get("/v1/alertmanager")).status_code == 405


async def test_an_error_of_the_inside_tells_nothing_of_it(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(Reads, "incidents_before", fail)
    answer = await lookout.http.get("/v1/incidents")
    assert (answer.status_code, answer.json()) == (500, {"error": "internal error"})
    # And it has no effect on the next request.
    assert (await lookout.http.get("/v1/feed")).status_code == 200
