"""With tenants, an address is asked for those who run the whole: what is another tenant's is left alone (I6)."""

from datetime import timedelta

from tests.access import ACCESS, SERVICE, api_token, bearer, make_tenants, many_token
from tests.asked import Prometheus
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.alerts.matcher import parse_matchers
from lookout.alerts.source import Source
from lookout.api.parts import LOCAL_TENANT, Scope
from lookout.incidents.policy import Policy
from lookout.incidents.tenants import PLATFORM_TENANT, Tenancy, TenantRule

RULES = Tenancy(rules=(TenantRule(parse_matchers("namespace=web"), "globex"),))


async def _firing(lookout: Driver, tenant_id: str) -> list[str]:
    headers = bearer(SERVICE, **{"X-Tenant-ID": tenant_id})
    answer = (await lookout.http.get("/v1/incidents", params={"status": "open"}, headers=headers)).raise_for_status()
    return sorted(incident["title"] for incident in answer.json()["incidents"])


async def test_i6_what_begins_is_the_platforms_unless_a_label_or_a_rule_gives_it_another_tenant(
    start: Start, prometheus: Prometheus
) -> None:
    prometheus.fires({"job": "ours"}, {"job": "acmes", "tenant_id": "acme"}, {"job": "globexs", "namespace": "web"})
    policy = Policy(tenants=RULES, sources={"prometheus": Source(prometheus_url=(prometheus.url,))})
    async with start(policy, access=ACCESS) as lookout:
        await make_tenants(lookout, "acme", "globex")
        await lookout.until_asked()
        assert await _firing(lookout, PLATFORM_TENANT) == ["Down (job=ours)"]
        for tenant_id in ("acme", "globex", LOCAL_TENANT):
            assert await _firing(lookout, tenant_id) == []


async def test_i6_what_ended_there_ends_for_the_platform_and_for_nobody_else(
    start: Start, prometheus: Prometheus
) -> None:
    async with start(access=ACCESS) as lookout:
        await make_tenants(lookout, "acme")
        lasts = lookout.clock.now() + timedelta(days=1)
        for token in (await many_token(lookout), await api_token(lookout, Scope.INGEST, source="prometheus")):
            alert = lookout.alert({"job": "a"}, ends_at=lasts)
            (await lookout.http.post("/api/v2/alerts", json=[alert], headers=bearer(token.text))).raise_for_status()
        assert await _firing(lookout, PLATFORM_TENANT) == await _firing(lookout, "acme") == ["Down (job=a)"]
    lookout.clock.move(minutes=30)
    policy = Policy(sources={"prometheus": Source(prometheus_url=(prometheus.url,))})
    async with start(policy, access=ACCESS) as lookout:
        await lookout.until_asked()
        assert await _firing(lookout, PLATFORM_TENANT) == []
        assert await _firing(lookout, "acme") == ["Down (job=a)"]
