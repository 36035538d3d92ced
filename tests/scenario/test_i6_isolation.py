"""I6: whatever a tenant asks, on whichever surface, it sees and changes nothing of another."""

import httpx
from tests.access import ACCESS, api_token, bearer, person
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.api.parts import Scope
from lookout.probe.sides import Side
from lookout.probe.trials import Probe, Report


async def side(lookout: Driver, tenant_id: str, word: str) -> Side:
    """A tenant with a credential of each kind."""
    sender = await api_token(lookout, Scope.INGEST, tenant_id=tenant_id)
    token = await api_token(lookout, Scope.READ, Scope.OPERATE, tenant_id=tenant_id)
    callers = {"a person": bearer(person(lookout, tenant_id)), "a token": bearer(token.text)}
    return Side(tenant_id, callers, bearer(sender.text), word)


async def probed(lookout: Driver) -> Report:
    """What the probe has to say of a running Lookout."""
    owner, intruder = await side(lookout, "owner-side", "amaranth"), await side(lookout, "spying-side", "begonia")
    async with httpx.AsyncClient(base_url=lookout.url, timeout=30) as http:
        probe = Probe(http, lookout.running.routes, owner, intruder)
        return await probe.run(lookout.clock.now())


async def test_i6_nothing_of_a_tenant_is_shown_to_another_or_changed_by_it(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        report = await probed(lookout)
    assert report.findings == [], "\n".join(report.findings)
