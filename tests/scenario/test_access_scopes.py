"""A credential is for what it is for: nobody is let in without one, and none opens more than it says."""

import base64
from pathlib import Path
from typing import Any

import pytest
from tests.access import ACCESS, SERVICE, api_token, bearer, make_tenants, person
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.api.auth.edge import PUBLIC
from lookout.api.parts import Scope

ROOT = Path(__file__).parents[2]
UNKNOWN = "019ac000-0000-7000-8000-000000000000"
INGEST = {"/api/v2/alerts", "/v1/alertmanager", "/v1/grafana", "/v1/events", "/v2/enqueue"}
UNLISTED = {("get", "/api/v2/status"), ("get", "/api/v2/receivers"), ("get", "/api/v2/alerts"), ("get", "/metrics")}
"""Paths that the OpenAPI document may not have."""


async def every_operation(lookout: Driver) -> list[tuple[str, str]]:
    """Method and path of all that there is."""
    document: dict[str, Any] = (await lookout.http.get("/openapi.json")).raise_for_status().json()
    listed = {
        (method, path.replace("{id}", UNKNOWN))
        for path, methods in document["paths"].items()
        for method in methods
        if method in ("get", "post", "put", "patch", "delete")
    }
    return sorted(listed | UNLISTED)


async def status_of(lookout: Driver, method: str, path: str, headers: dict[str, str]) -> int:
    content = b"{}" if method == "post" else None
    given = {**headers, "Content-Type": "application/json"} if content is not None else headers
    return (await lookout.http.request(method, path, content=content, headers=given)).status_code


async def test_nothing_but_health_is_answered_without_a_credential(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        for method, path in await every_operation(lookout):
            if path not in PUBLIC:
                for headers in ({}, bearer("wrong"), bearer("a.b.c"), bearer(f"lkt_{'a' * 16}_{'b' * 43}")):
                    assert await status_of(lookout, method, path, headers) == 401, (method, path, headers)


async def test_an_ingest_token_reads_nothing_and_acts_on_nothing(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        sender = bearer((await api_token(lookout, Scope.INGEST)).text)
        for method, path in await every_operation(lookout):
            if path not in PUBLIC and (method == "get" or path not in INGEST):
                assert await status_of(lookout, method, path, sender) == 403, (method, path)


async def test_a_read_token_sends_nothing_and_acts_on_nothing(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        reader = bearer((await api_token(lookout, Scope.READ)).text)
        for method, path in await every_operation(lookout):
            if method == "post" and path != "/graphql":
                assert await status_of(lookout, method, path, reader) == 403, (method, path)
        mutation = {"query": f'mutation {{ acknowledgeIncident(id: "{UNKNOWN}") {{ ... on AuthError {{ code }} }} }}'}
        answer = await lookout.http.post("/graphql", json=mutation, headers=reader)
        assert answer.json() == {"data": {"acknowledgeIncident": {"code": "FORBIDDEN"}}}


async def test_a_tokens_source_is_a_fact(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        grafana = bearer((await api_token(lookout, Scope.INGEST, source="grafana")).text)
        answer = await lookout.http.post("/api/v2/alerts", json=[lookout.alert({})], headers=grafana)
        assert answer.status_code == 403
        assert answer.json()["message"].startswith("this credential is for the source grafana")
        prometheus = await api_token(lookout, Scope.INGEST, source="prometheus")
        as_password = base64.b64encode(f"anybody:{prometheus.text}".encode()).decode()
        for headers in (bearer(prometheus.text), {"Authorization": f"Basic {as_password}"}):
            answer = await lookout.http.post("/api/v2/alerts", json=[lookout.alert({})], headers=headers)
            assert answer.status_code == 200


async def test_alerts_are_the_tokens_tenants_whatever_a_header_says(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        sender = bearer((await api_token(lookout, Scope.INGEST, tenant_id="acme")).text, **{"X-Tenant-ID": "globex"})
        await lookout.http.post("/api/v2/alerts", json=[lookout.alert({})], headers=sender)
        for tenant_id, count in (("acme", 1), ("globex", 0)):
            answer = await lookout.http.get("/v1/incidents", headers=bearer(person(lookout, tenant_id)))
            assert len(answer.json()["incidents"]) == count, tenant_id


async def test_the_service_token_names_its_tenant_in_each_request(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        answer = await lookout.http.get("/v1/incidents", headers=bearer(SERVICE))
        assert (answer.status_code, answer.json()) == (400, {"error": "name the tenant with X-Tenant-ID"})
        answer = await lookout.http.get("/v1/incidents", headers=bearer(SERVICE, **{"X-Tenant-ID": "acme"}))
        assert answer.status_code == 200
        assert (await lookout.http.get("/metrics", headers=bearer(SERVICE))).status_code == 200


@pytest.mark.parametrize("name", ["a cme", "no such tenant! {a,b}", "\N{KATAKANA LETTER A}", "x" * 101, "acme\u200b"])
async def test_what_is_no_tenants_name_is_refused_and_never_made_one(start: Start, name: str) -> None:
    async with start(access=ACCESS) as lookout:
        for method, path in (("GET", "/v1/incidents"), ("POST", "/api/v2/alerts"), ("POST", "/graphql")):
            headers = [(b"Authorization", f"Bearer {SERVICE}".encode()), (b"X-Tenant-ID", name.encode())]
            answer = await lookout.http.request(method, path, headers=headers, json=[])
            assert answer.status_code == 400
            assert "X-Tenant-ID is not the name of a tenant" in answer.text
        assert not await lookout.sql("SELECT FROM feeds")


async def test_a_platform_operator_names_the_tenant_and_is_seen_to_have_acted(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        service = bearer(SERVICE, **{"X-Tenant-ID": "acme"})
        await make_tenants(lookout, "acme")
        await lookout.http.post("/api/v2/alerts", json=[lookout.alert({})], headers=service)
        (incident,) = (await lookout.http.get("/v1/incidents", headers=service)).json()["incidents"]
        path = f"/v1/incidents/{incident['id']}/notes"
        operator = person(lookout, "platform", "platform_operator")
        assert (await lookout.http.post(path, json={"text": "hm"}, headers=bearer(operator))).status_code == 404
        named = bearer(operator, **{"X-Tenant-ID": "acme"})
        assert (await lookout.http.post(path, json={"text": "hm"}, headers=named)).status_code == 200
        events = (await lookout.http.get("/v1/feed", headers=service)).json()["events"]
        assert events[-1]["change"]["by"] == "mira (platform_operator)"


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_other_people_stay_in_their_tenant_whatever_a_header_says(start: Start, role: str) -> None:
    async with start(access=ACCESS) as lookout:
        service = bearer(SERVICE, **{"X-Tenant-ID": "acme"})
        await make_tenants(lookout, "acme")
        await lookout.http.post("/api/v2/alerts", json=[lookout.alert({})], headers=service)
        stranger = bearer(person(lookout, "globex", role), **{"X-Tenant-ID": "acme"})
        assert (await lookout.http.get("/v1/incidents", headers=stranger)).json()["incidents"] == []


async def test_a_credential_in_a_url_is_refused(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        token = await api_token(lookout, Scope.READ)
        answer = await lookout.http.get("/v1/incidents", params={"access_token": token.text})
        assert answer.status_code == 400
        assert "Authorization header" in answer.json()["error"]


async def test_strangers_learn_only_whether_it_is_well(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        assert (await lookout.http.get("/health")).json()["checks"] == {}
        known = await lookout.http.get("/health", headers=bearer(person(lookout)))
        assert known.json()["checks"] == {}  # how much waits is of all tenants together
        operator = await lookout.http.get("/health", headers=bearer(person(lookout, role="platform_operator")))
        assert operator.json()["checks"]["database"]["status"] == "healthy"
        assert (await lookout.http.get("/ready")).status_code == 200


async def test_the_schema_tells_about_itself_to_whoever_may_read_if_that_is_set(start: Start) -> None:
    async with start(access=ACCESS, introspection=True) as lookout:
        ask = {"query": "{ __schema { queryType { name } } }"}
        answer = await lookout.http.post("/graphql", json=ask, headers=bearer(person(lookout)))
        assert answer.json()["data"]["__schema"]["queryType"]["name"] == "Query"
        page = await lookout.http.get("/graphql", headers=bearer(person(lookout), Accept="text/html"))
        assert "graphiql" in page.text
        for headers, status in (({}, 401), (bearer((await api_token(lookout, Scope.INGEST)).text), 403)):
            assert (await lookout.http.post("/graphql", json=ask, headers=headers)).status_code == status


async def test_the_schema_does_not_tell_about_itself_but_to_a_gateway(start: Start) -> None:
    """Which asks for it as federation has it, with a credential that may read. It is the one that is checked in."""
    async with start(access=ACCESS) as lookout:
        ask = {"query": "{ __schema { types { name } } }"}
        answer = await lookout.http.post("/graphql", json=ask, headers=bearer(person(lookout)))
        assert "introspection" in answer.json()["errors"][0]["message"].lower()
        page = await lookout.http.get("/graphql", headers=bearer(person(lookout), Accept="text/html"))
        assert page.status_code != 200
        ask = {"query": "{ _service { sdl } }"}
        for headers, status in (({}, 401), (bearer((await api_token(lookout, Scope.INGEST)).text), 403)):
            assert (await lookout.http.post("/graphql", json=ask, headers=headers)).status_code == status
        answer = await lookout.http.post("/graphql", json=ask, headers=bearer(person(lookout)))
        told = set(answer.json()["data"]["_service"]["sdl"].split())
        assert {"type", "IncidentStats"} < told <= set((ROOT / "schema.graphql").read_text().split())
