"""An incident names others that may have to do with it, and says what they share; nothing is merged."""

from typing import Any

from tests.clock import NOON
from tests.driver import Driver
from tests.plans import grow, plan_of
from tests.unit.graphql.client import ask, refusal

from lookout.incidents.incident import Incident


async def _related(lookout: Driver, incident: Incident, **query: str) -> list[dict[str, Any]]:
    answer = await lookout.http.get(f"/v1/incidents/{incident.id}/related", params=query)
    return answer.raise_for_status().json()["related"]


async def _trouble(lookout: Driver) -> dict[str, Incident]:
    """A node dies, and with it a service; the same cluster has other troubles; a day before it was the same node."""
    lookout.clock.move(days=-1)
    await lookout.fires(alertname="OldDown", cluster="eu", instance="n7")
    lookout.clock.move(days=1)
    for number in range(6):
        await lookout.fires(alertname=f"Noise{number}", cluster="eu", instance=f"m{number}")
    lookout.clock.move(minutes=1)
    await lookout.fires(alertname="NodeDown", cluster="eu", instance="n7", severity="critical")
    lookout.clock.move(minutes=9)
    await lookout.fires(alertname="PayErrors", cluster="eu", instance="n7")
    lookout.clock.move(minutes=2)
    await lookout.fires(alertname="LateDown", cluster="eu", instance="n7")
    return {incident.title.split()[0]: incident for incident in await lookout.incidents()}


async def test_what_shares_a_rare_value_comes_first_and_the_shared_labels_are_named(lookout: Driver) -> None:
    known = await _trouble(lookout)
    best, *others = await _related(lookout, known["NodeDown"])
    assert best["incident"]["id"] == known["PayErrors"].id
    assert list(best["shared"].items()) == [("instance", "n7"), ("cluster", "eu")]
    assert {other["incident"]["title"].split()[0] for other in others} == {f"Noise{number}" for number in range(6)}
    assert all(other["shared"] == {"cluster": "eu"} and other["score"] < best["score"] / 4 for other in others)


async def test_only_what_started_within_ten_minutes_either_way(lookout: Driver) -> None:
    known = await _trouble(lookout)
    found = {it["incident"]["title"].split()[0] for it in await _related(lookout, known["PayErrors"])}
    assert found == {"NodeDown", "LateDown", *(f"Noise{number}" for number in range(6))}
    found = {it["incident"]["title"].split()[0] for it in await _related(lookout, known["LateDown"])}
    assert found == {"PayErrors"}


async def test_incidents_of_many_alerts_are_compared_by_what_their_alerts_have_alike(lookout: Driver) -> None:
    await lookout.post_alerts(*(lookout.alert({"job": "a", "node": "n7", "pod": str(pod)}) for pod in range(30)))
    await lookout.post_alerts(*(lookout.alert({"job": "b", "node": "n7", "pod": str(pod)}) for pod in range(30)))
    [other] = await _related(lookout, (await lookout.incidents())[0])
    assert set(other["shared"].items()) == {("node", "n7"), ("alertname", "Down")}


async def test_a_resolved_one_counts_too_and_first_bounds_the_list(lookout: Driver) -> None:
    for job in "abc":
        await lookout.fires(job=job)
    c, b, _ = await lookout.incidents()
    await lookout.act(b.id, "resolve")
    assert [it["incident"]["status"] for it in await _related(lookout, c)] == ["resolved", "firing"]
    assert len(await _related(lookout, c, first="1")) == 1
    assert (await lookout.http.get(f"/v1/incidents/{c.id}/related?first=51")).status_code == 400
    assert (await lookout.http.get(f"/v1/incidents/{NOON.year}/related")).status_code == 404


async def test_graphql_shows_the_same(lookout: Driver) -> None:
    known = await _trouble(lookout)
    query = "query($id: ID!) { incident(id: $id) { related(first: 1) { score shared incident { incidentId } } } }"
    [told] = (await ask(lookout, query, id=known["NodeDown"].id))["incident"]["related"]
    [best] = await _related(lookout, known["NodeDown"], first="1")
    assert told["incident"] == {"incidentId": best["incident"]["id"]}
    assert (told["score"], told["shared"]) == (best["score"], best["shared"])
    many = "{ incidentsConnection { nodes { related { score } } } }"
    assert (await refusal(lookout, many))["extensions"]["code"] == "LIMIT_EXCEEDED"


async def test_another_tenants_incident_is_neither_related_nor_found(lookout: Driver) -> None:
    await lookout.fires(job="a")
    await lookout.fires(job="b")
    mine, other = await lookout.incidents()
    await lookout.sql("UPDATE incidents SET tenant_id = 'other' WHERE id = $1", other.id)
    assert await _related(lookout, mine) == []
    assert (await lookout.http.get(f"/v1/incidents/{other.id}/related")).status_code == 404


async def test_those_that_are_compared_are_found_by_index(lookout: Driver) -> None:
    await grow(lookout)
    arguments = "'default'", "'2026-01-01 12:16Z'", "'10 min'", "gen_random_uuid()", "100"
    plan = await plan_of(lookout, "incidents_near", *arguments)
    assert plan.count("incidents_in_time") == 2
    assert "Seq Scan" not in plan
    plan = await plan_of(lookout, "opening_labels", "'default'", "'{1,2,3}'", "10")
    assert "event_alerts_pkey" in plan
