"""An agent sees and does what its credential is for, and nothing of another tenant (I6)."""

from contextlib import AsyncExitStack
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from tests.access import ACCESS, SERVICE, api_token, bearer, person, revoke
from tests.agent import Agent, agent
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.api.mcp.tools import TOOLS
from lookout.api.parts import Scope

UNKNOWN = "019ac000-0000-7000-8000-000000000000"
READS = [name for name, tool in TOOLS.items() if tool.only_reads]
ACTS = [name for name in TOOLS if name not in READS]
HELLO: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
ACCEPT = {"Accept": "application/json, text/event-stream"}
NEEDS: dict[str, dict[str, Any]] = {
    "assign_incident": {"assignee": "mira"},
    "add_incident_note": {"text": "seen"},
    "attach_investigation": {"report_id": "r-1", "summary": "the disk is full"},
}
"""What a tool takes besides an incident's id."""
OF_ALL = ("list_incidents", "incident_stats")
OF_ONE = [name for name in TOOLS if name not in OF_ALL]


async def tenant_with_an_incident(lookout: Driver, tenant_id: str) -> str:
    """A tenant in which one thing fires. Returns the incident's id."""
    sender = await api_token(lookout, Scope.INGEST, tenant_id=tenant_id)
    alert = lookout.alert({"job": "shared"}, annotations={"summary": f"of {tenant_id}"})
    (await lookout.http.post("/api/v2/alerts", json=[alert], headers=bearer(sender.text))).raise_for_status()
    reader = bearer(person(lookout, tenant_id))
    answer = (await lookout.http.get("/v1/incidents", headers=reader)).raise_for_status()
    [incident] = answer.json()["incidents"]
    return incident["id"]


async def test_another_tenants_incident_is_as_one_that_does_not_exist(start: Start) -> None:
    async with start(access=ACCESS) as lookout, AsyncExitStack() as stack:
        acme, other = await tenant_with_an_incident(lookout, "acme"), await tenant_with_an_incident(lookout, "other")
        lookout.clock.move(seconds=1)
        stranger = await stack.enter_async_context(agent(lookout, bearer(person(lookout, "other"))))
        for tool in OF_ONE:
            answers = [
                await stranger.refused(tool, incident_id=incident_id, **NEEDS.get(tool, {}))
                for incident_id in (acme, UNKNOWN)
            ]
            assert answers == [f"there is no incident {acme!r}", f"there is no incident {UNKNOWN!r}"], tool
        for incident_id in (acme, UNKNOWN):
            with pytest.raises(MCPError, match=f"there is no incident '{incident_id}'"):
                await stranger.reads(f"incident://{incident_id}")
        [seen] = (await stranger.calls("list_incidents", status="all"))["incidents"]
        assert (seen["id"], seen["untrusted"]["summary"]) == (other, "of other")
        assert (await stranger.calls("incident_stats"))["figures"]["opened"] == 1
        owner = await stack.enter_async_context(agent(lookout, bearer(person(lookout, "acme"))))
        told = await owner.calls("incident_timeline", incident_id=acme)
        assert [event["event_type"] for event in told["events"]] == ["incident_opened"]


async def offered_to(lookout: Driver, *scopes: Scope) -> list[str]:
    async with agent(lookout, bearer((await api_token(lookout, *scopes)).text)) as one:
        return await one.tools()


async def test_each_scope_is_offered_its_own_tools(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        assert await offered_to(lookout, Scope.READ) == READS
        assert await offered_to(lookout, Scope.OPERATE) == ACTS
        assert await offered_to(lookout, Scope.READ, Scope.OPERATE) == list(TOOLS)


async def test_a_tool_that_is_not_offered_is_refused_all_the_same(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        incident_id = await tenant_with_an_incident(lookout, "acme")

        async def refuses_all(one: Agent, tools: list[str], scope: Scope) -> None:
            for tool in tools:
                arguments = NEEDS.get(tool, {}) | ({} if tool in OF_ALL else {"incident_id": incident_id})
                assert f"not for {scope}" in await one.refused(tool, **arguments), tool

        async with agent(lookout, bearer((await api_token(lookout, Scope.READ)).text)) as reader:
            await refuses_all(reader, ACTS, Scope.OPERATE)
        async with agent(lookout, bearer((await api_token(lookout, Scope.OPERATE)).text)) as actor:
            await refuses_all(actor, READS, Scope.READ)
            with pytest.raises(MCPError, match="not for read"):
                await actor.reads(f"incident://{incident_id}")
        answer = await lookout.http.get(f"/v1/incidents/{incident_id}", headers=bearer(person(lookout)))
        assert answer.json()["status"] == "firing"


async def test_nobody_is_let_in_without_a_credential_or_to_send(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        sender, gone = await api_token(lookout, Scope.INGEST), await api_token(lookout, Scope.READ)
        await revoke(lookout, gone)
        for headers, status in (
            ({}, 401),
            (bearer("wrong"), 401),
            (bearer(gone.text), 401),
            (bearer(person(lookout, minutes=-1)), 401),
            (bearer(sender.text), 403),
        ):
            for method in ("POST", "GET", "DELETE"):
                answer = await lookout.http.request(method, "/mcp", json=HELLO, headers={**ACCEPT, **headers})
                assert answer.status_code == status, (headers, method)
        assert answer.json()["error"] == "this credential is not for agents: it is for ingest"


async def test_the_service_token_names_its_tenant_and_its_user(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        incident_id = await tenant_with_an_incident(lookout, "acme")
        named = bearer(SERVICE, **{"X-Tenant-ID": "acme", "X-User-ID": "skipper"})
        async with agent(lookout, named) as skipper:
            done = await skipper.calls("acknowledge_incident", incident_id=incident_id)
        assert done["incident"]["untrusted"]["acknowledged_by"] == "skipper"
        async with agent(lookout, bearer(SERVICE)) as nobody:
            assert await nobody.refused("list_incidents") == "name the tenant with X-Tenant-ID"


async def test_in_local_mode_a_foreign_page_and_name_are_refused(lookout: Driver) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        answer = await lookout.http.post("/mcp", json=HELLO, headers={**ACCEPT, **headers})
        assert answer.status_code == 403, headers
