"""Lists show only what was asked for, and page within that."""

import pytest
from tests.driver import Driver


@pytest.fixture
async def four(lookout: Driver) -> None:
    """A firing, an acknowledged and a resolved one, and a critical one that fires."""
    for job, severity in (("f", "warning"), ("a", "error"), ("r", "info"), ("c", "critical")):
        await lookout.fires(job=job, severity=severity)
    incidents = {incident.labels["job"]: incident.id for incident in await lookout.incidents()}
    await lookout.act(incidents["a"], "acknowledge")
    await lookout.act(incidents["r"], "resolve")


FILTERS = [
    ("status=firing", "cf"),
    ("status=acknowledged", "a"),
    ("status=resolved", "r"),
    ("status=open", "caf"),
    ("status=open&status=resolved", "craf"),
    ("severity=critical&severity=error", "ca"),
    ("status=firing&severity=critical", "c"),
    ("severity=info&status=open", ""),
    ("", "craf"),
]


@pytest.mark.usefixtures("four")
async def test_filters_by_status_and_severity(lookout: Driver) -> None:
    found = {query: (await lookout.http.get(f"/v1/incidents?{query}")).json()["incidents"] for query, _ in FILTERS}
    jobs = {query: "".join(incident["labels"]["job"] for incident in page) for query, page in found.items()}
    assert jobs == dict(FILTERS)


@pytest.mark.usefixtures("four")
async def test_a_filtered_list_pages_through_what_fits_only(lookout: Driver) -> None:
    first = (await lookout.http.get("/v1/incidents?status=open&first=2")).json()
    second = (await lookout.http.get("/v1/incidents", params={"status": "open", "after": first["next"]})).json()
    assert [incident["labels"]["job"] for incident in first["incidents"] + second["incidents"]] == ["c", "a", "f"]
    assert second["next"] is None
