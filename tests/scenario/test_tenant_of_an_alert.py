"""A sender for many tenants: an alert is whose the header, its label or a rule says, and nobody else's."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.access import ACCESS, SERVICE, api_token, bearer, make_tenants, many_token
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.alerts.matcher import parse_matchers
from lookout.api.parts import LOCAL_TENANT, Scope
from lookout.incidents.policy import Policy
from lookout.incidents.tenants import Tenancy, TenantRule
from lookout.intake import placing
from lookout.limits import Limits

EVENT = {
    "routing_key": "k",
    "event_action": "trigger",
    "dedup_key": "d",
    "payload": {"summary": "s", "source": "h", "severity": "error"},
}
POLICY = Policy(tenants=Tenancy(rules=(TenantRule(parse_matchers('namespace=~"web-.*"'), "globex"),)))


@pytest.fixture
async def lookout(start: Start) -> AsyncIterator[Driver]:
    """A Lookout that knows the tenants acme, globex and the platform's own."""
    async with start(POLICY, access=ACCESS) as driver:
        await make_tenants(driver, "acme", "globex")
        yield driver


async def sender(lookout: Driver, **headers: str) -> dict[str, str]:
    return bearer((await many_token(lookout)).text, **headers)


async def seen(lookout: Driver, tenant_id: str) -> list[str]:
    """The titles that a tenant sees, the oldest first."""
    headers = bearer(SERVICE, **{"X-Tenant-ID": tenant_id})
    answer = (await lookout.http.get("/v1/incidents", headers=headers)).raise_for_status()
    return [incident["title"] for incident in reversed(answer.json()["incidents"])]


async def rejected(lookout: Driver, tenant_id: str) -> list[tuple[int | None, str]]:
    """Place and reason of what a tenant sees as refused, in the order of the request."""
    headers = bearer(SERVICE, **{"X-Tenant-ID": tenant_id})
    answer = (await lookout.http.get("/v1/rejected-alerts", headers=headers)).raise_for_status()
    return sorted((each["index"], each["reason"]) for each in answer.json()["rejected_alerts"])


async def post(lookout: Driver, headers: dict[str, str], *labels: dict[str, str]) -> Any:
    alerts = [lookout.alert(each) for each in labels]
    return await lookout.http.post("/api/v2/alerts", json=alerts, headers=headers)


async def webhook(lookout: Driver, headers: dict[str, str], *labels: dict[str, str]) -> Any:
    alerts = [{"status": "firing", **lookout.alert(each)} for each in labels]
    return await lookout.http.post("/v1/alertmanager", json={"version": "4", "alerts": alerts}, headers=headers)


async def test_a_label_names_the_tenant_and_else_a_rule_and_else_it_is_the_platforms(lookout: Driver) -> None:
    answer = await post(
        lookout,
        await sender(lookout),
        {"job": "a", "tenant_id": "acme"},
        {"job": "b", "namespace": "web-1"},
        {"job": "c"},
        {"job": "d", "tenant_id": "acme", "namespace": "web-1"},
    )
    assert answer.status_code == 200
    assert await seen(lookout, "acme") == ["Down (job=a)", "Down (namespace=web-1, job=d)"]
    assert await seen(lookout, "globex") == ["Down (namespace=web-1, job=b)"]
    assert await seen(lookout, "platform") == ["Down (job=c)"]


async def test_the_header_names_the_tenant_of_all(lookout: Driver) -> None:
    headers = await sender(lookout, **{"X-Scope-OrgID": "acme"})
    assert (await post(lookout, headers, {"job": "a", "tenant_id": "globex"}, {"job": "b"})).status_code == 200
    assert len(await seen(lookout, "acme")) == 2
    assert await seen(lookout, "globex") == await seen(lookout, "platform") == []


async def test_a_token_of_one_tenant_is_widened_by_nothing(lookout: Driver) -> None:
    token = await api_token(lookout, Scope.INGEST, tenant_id="acme")
    headers = bearer(token.text, **{"X-Scope-OrgID": "globex"})
    await post(lookout, headers, {"job": "a", "tenant_id": "globex"}, {"job": "b", "namespace": "web-1"})
    assert len(await seen(lookout, "acme")) == 2
    assert await seen(lookout, "globex") == []


async def test_the_same_labels_in_two_tenants_are_two_alerts(lookout: Driver) -> None:
    for tenant_id in ("acme", "globex"):
        headers = await sender(lookout, **{"X-Scope-OrgID": tenant_id})
        assert (await post(lookout, headers, {"job": "a"})).status_code == 200
    ended = lookout.alert({"job": "a"}, ends_at=lookout.clock.now())
    headers = await sender(lookout, **{"X-Scope-OrgID": "acme"})
    await lookout.http.post("/api/v2/alerts", json=[ended], headers=headers)
    for tenant_id, status in (("acme", "resolved"), ("globex", "firing")):
        reader = bearer(SERVICE, **{"X-Tenant-ID": tenant_id})
        (incident,) = (await lookout.http.get("/v1/incidents", headers=reader)).json()["incidents"]
        assert incident["status"] == status


async def test_an_unknown_or_malformed_tenant_costs_its_own_alerts_alone(lookout: Driver) -> None:
    told = {"alertname": "x"}
    answer = await lookout.http.post(
        "/api/v2/alerts",
        json=[
            {"labels": {}},
            {"labels": {**told, "tenant_id": "acme"}},
            {"labels": {**told, "tenant_id": "nobody"}},
            {"labels": {**told, "tenant_id": "a|b"}},
            {"labels": {**told, "tenant_id": "globex"}},
        ],
        headers=await sender(lookout),
    )
    assert answer.status_code == 400
    assert "there is no tenant 'nobody' (the label tenant_id or a rule" in answer.json()
    assert "'a|b' is no tenant id" in answer.json()
    assert await seen(lookout, "acme") == await seen(lookout, "globex") == ["x"]
    # An operator of the platform finds them, with the places that they had in the request; no tenant does.
    found = await rejected(lookout, "platform")
    assert [place for place, _ in found] == [0, 2, 3]
    assert "lookout tenant create" in found[1][1]
    assert await rejected(lookout, "acme") == await rejected(lookout, "nobody") == []
    # Nothing has made a tenant of it.
    assert [row["tenant_id"] for row in await lookout.sql("SELECT tenant_id FROM tenants ORDER BY 1")] == [
        "acme",
        "globex",
        "platform",
    ]


@pytest.mark.parametrize("org_id", ["nobody", "acme|globex", "../acme", "a" * 101, "caf\xc3\xa9"])
async def test_a_header_that_names_no_tenant_refuses_all(lookout: Driver, org_id: str) -> None:
    headers = await sender(lookout)
    headers_with = {**headers, "X-Scope-OrgID": org_id.encode("latin-1")}
    answer = await lookout.http.post(
        "/v1/alertmanager",
        json={"version": "4", "alerts": [{"status": "firing", **lookout.alert({"tenant_id": "acme"})}]},
        headers=headers_with,  # pyright: ignore[reportArgumentType]
    )
    assert answer.json()["receipts"] == []
    (refusal,) = answer.json()["rejected"]
    assert refusal["index"] == 0
    assert "(X-Scope-OrgID)" in refusal["reason"]
    assert len(await rejected(lookout, "platform")) == 1
    assert await seen(lookout, "acme") == []


async def test_receipts_are_in_the_order_of_the_request(lookout: Driver) -> None:
    owners = ["acme", "globex", "acme", "platform", "globex"]
    labels = [{"job": str(place), "tenant_id": owner} for place, owner in enumerate(owners)]
    receipts = (await webhook(lookout, await sender(lookout), *labels)).json()["receipts"]
    assert [receipt["outcome"] for receipt in receipts] == ["recorded"] * 5
    for owner, receipt, each in zip(owners, receipts, labels, strict=True):
        reader = bearer(SERVICE, **{"X-Tenant-ID": owner})
        incident = (await lookout.http.get(f"/v1/incidents/{receipt['incident_id']}", headers=reader)).json()
        assert incident["title"] == f"Down (job={each['job']})"


async def test_a_part_that_is_not_taken_is_told_and_costs_the_others_nothing(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout.running.parts.intake, "_limits", Limits(tenant_queue=1))
    headers = await sender(lookout)
    await post(lookout, headers, {"job": "first", "tenant_id": "acme"}, {"job": "first", "tenant_id": "globex"})
    async with lookout.feed_is_locked():
        storm = asyncio.create_task(post(lookout, headers, {"job": "storm", "tenant_id": "acme"}))
        await lookout.until_waiting(1)
        both = asyncio.create_task(
            webhook(lookout, headers, {"job": "a", "tenant_id": "acme"}, {"job": "a", "tenant_id": "globex"})
        )
        await lookout.until_waiting(2)
    assert (await storm).status_code == 200
    refused = await both
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "1"
    assert refused.json()["error"].startswith("1 of 2 tenants' parts were not taken (acme), the others are: ")
    assert await seen(lookout, "globex") == ["Down (job=first)", "Down (job=a)"]
    assert await seen(lookout, "acme") == ["Down (job=first)", "Down (job=storm)"]
    # Sent again, as Alertmanager does, it is whole.
    again = await webhook(lookout, headers, {"job": "a", "tenant_id": "acme"}, {"job": "a", "tenant_id": "globex"})
    assert [receipt["outcome"] for receipt in again.json()["receipts"]] == ["recorded", "silent"]


async def test_with_auto_create_a_new_name_is_a_new_tenant_and_a_malformed_one_is_not(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "CREATED_LIMIT", 2)
    async with start(Policy(tenants=Tenancy(auto_create_tenants=True)), access=ACCESS) as lookout:
        headers = await sender(lookout)
        answer = await webhook(lookout, headers, {"tenant_id": "new"}, {"tenant_id": "a b"})
        assert (len(answer.json()["receipts"]), len(answer.json()["rejected"])) == (1, 1)
        assert await seen(lookout, "new") == ["Down"]
        # There may be so many in all; the platform's own is one.
        answer = await webhook(lookout, headers, {"tenant_id": "more"})
        assert "there is no tenant 'more'" in answer.json()["rejected"][0]["reason"]


async def test_a_tenant_that_is_made_is_known_at_once_on_every_replica(start: Start) -> None:
    async with start(access=ACCESS) as one, start(access=ACCESS) as other:
        headers = await sender(one)
        for lookout in (one, other):
            assert (await post(lookout, headers, {"tenant_id": "late"})).status_code == 400
        await make_tenants(one, "late")
        for lookout in (one, other):
            assert (await post(lookout, headers, {"tenant_id": "late"})).status_code == 200


async def test_whoever_has_a_token_or_a_log_is_known(start: Start) -> None:
    async with start() as local:
        await local.fires(job="a")
    async with start(access=ACCESS) as lookout:
        await api_token(lookout, Scope.READ, tenant_id="reader")
        for tenant_id in ("reader", LOCAL_TENANT):
            assert (await post(lookout, await sender(lookout), {"tenant_id": tenant_id})).status_code == 200


def service(tenant_id: str) -> dict[str, str]:
    return bearer(SERVICE, **{"X-Tenant-ID": tenant_id})


@pytest.mark.parametrize("strange", ["nobody", "no such tenant! {a,b}", "x" * 101])
async def test_the_service_token_makes_no_tenant(lookout: Driver, strange: str) -> None:
    answer = await post(lookout, service(strange), {"job": "a"})
    assert answer.status_code == 400
    act = f"/v1/incidents/{uuid.uuid4()}/notes"
    answer = await lookout.http.post(act, json={"text": "hm"}, headers=service(strange))
    assert answer.status_code in (400, 404)
    assert (await post(lookout, service("acme"), {"job": "a"})).status_code == 200
    rows = await lookout.sql("SELECT tenant_id FROM tenants")
    # The platform's own is told what was refused, and is made by that.
    assert {row["tenant_id"] for row in rows} - {"platform"} == {"acme", "globex"}


async def test_what_is_refused_of_the_service_token_is_told_to_the_tenant_that_there_is(lookout: Driver) -> None:
    headers = {**service("acme"), "Content-Type": "application/json"}
    # Nothing was sent for it before.
    await lookout.http.post("/api/v2/alerts", content=b"{", headers=headers)
    await lookout.http.post("/api/v2/alerts", json=[{"labels": {"": "no name"}}], headers=headers)
    await post(lookout, service("nobody"), {"job": "a"})
    answer = (await lookout.http.get("/v1/rejected-alerts", headers=headers)).raise_for_status()
    assert len(answer.json()["rejected_alerts"]) == 2
    [(place, reason)] = await rejected(lookout, "platform")
    assert (place, "there is no tenant 'nobody' (X-Tenant-ID)" in reason) == (0, True)


async def test_the_service_token_makes_tenants_where_alerts_do(start: Start) -> None:
    async with start(Policy(tenants=Tenancy(auto_create_tenants=True)), access=ACCESS) as lookout:
        assert (await post(lookout, service("fresh"), {"job": "a"})).status_code == 200
        assert await seen(lookout, "fresh") == ["Down (job=a)"]


async def test_a_body_that_cannot_be_read_is_told_to_the_header_tenant_or_the_platform(lookout: Driver) -> None:
    headers = await sender(lookout, **{"Content-Type": "application/json"})
    await lookout.http.post("/api/v2/alerts", content=b"{", headers=headers)
    assert len(await rejected(lookout, "platform")) == 1
    named = {**headers, "X-Scope-OrgID": "acme"}
    await post(lookout, named, {"job": "a"})
    await lookout.http.post("/api/v2/alerts", content=b"{", headers=named)
    assert len(await rejected(lookout, "acme")) == 1
    assert len(await rejected(lookout, "platform")) == 1


async def test_an_event_is_its_header_tenants_with_all_that_follows_it(lookout: Driver) -> None:
    headers = await sender(lookout, **{"X-Scope-OrgID": "acme"})
    for action, status in (("trigger", "firing"), ("acknowledge", "acknowledged"), ("resolve", "resolved")):
        answer = await lookout.http.post("/v1/events", json={**EVENT, "event_action": action}, headers=headers)
        assert answer.status_code == 202
        reader = bearer(SERVICE, **{"X-Tenant-ID": "acme"})
        (incident,) = (await lookout.http.get("/v1/incidents", headers=reader)).json()["incidents"]
        assert incident["status"] == status
    strange = {**headers, "X-Scope-OrgID": "nobody"}
    for action in ("trigger", "acknowledge", "resolve"):
        answer = await lookout.http.post("/v1/events", json={**EVENT, "event_action": action}, headers=strange)
        assert answer.status_code == 400
        assert "there is no tenant 'nobody'" in answer.json()["errors"][0]


async def test_what_senders_sent_is_counted_for_each_tenant(lookout: Driver) -> None:
    headers = await sender(lookout)
    await webhook(lookout, headers, {"tenant_id": "acme"}, {"tenant_id": "globex"}, {"tenant_id": "nobody"})
    await lookout.running.parts.intake.tally.flush()
    rows = await lookout.sql("SELECT tenant_id, alerts, rejected FROM received ORDER BY 1")
    assert [tuple(row) for row in rows] == [("acme", 1, 0), ("globex", 1, 0), ("platform", 1, 1)]


async def test_a_token_for_many_reads_nothing(lookout: Driver) -> None:
    for headers in (await sender(lookout), await sender(lookout, **{"X-Tenant-ID": "acme", "X-Scope-OrgID": "acme"})):
        for path in ("/v1/incidents", "/v1/feed", "/v1/rejected-alerts", "/api/v2/alerts"):
            assert (await lookout.http.get(path, headers=headers)).status_code == 403
