"""I6: two tenants whose alerts have the same labels, and so the same fingerprint and key, share nothing.

Local mode has one tenant at HTTP, so the deliveries go to the intake, as a request of each would.
"""

from datetime import datetime, timedelta

import msgspec
import pytest
from tests.driver import Driver

from lookout.alerts.alert import Alert, AlertStatus, label_set
from lookout.errors import NotFound
from lookout.incidents.actions import Acknowledge, Resolve
from lookout.incidents.incident import Incident, Status
from lookout.incidents.ledger import Receipt
from lookout.intake.work import Delivery, Order
from lookout.store.reads import IncidentFilter

LABELS = label_set({"alertname": "Down", "job": "a"})
TENANTS = ("acme", "globex")
NEWEST = 2**62


async def _tells(
    lookout: Driver, tenant_id: str, starts_at: datetime, ends_at: datetime | None = None, summary: str = ""
) -> Receipt:
    status = AlertStatus.FIRING if ends_at is None else AlertStatus.RESOLVED
    promised = ends_at or lookout.clock.now() + timedelta(minutes=4)
    alert = Alert("prometheus", LABELS, {"summary": summary or tenant_id}, status, starts_at, promised, True)
    [receipt] = await lookout.running.parts.intake.deliver(
        Delivery(tenant_id, "prometheus", lookout.clock.now(), [alert])
    )
    return receipt


async def _incidents(lookout: Driver, tenant_id: str) -> list[Incident]:
    return await lookout.running.parts.reads.incidents_before(tenant_id, NEWEST, 50, IncidentFilter())


async def test_i6_each_tenant_has_an_incident_of_its_own_at_position_one(lookout: Driver) -> None:
    reads = lookout.running.parts.reads
    for tenant_id in TENANTS:
        receipt = await _tells(lookout, tenant_id, lookout.clock.now())
        assert receipt.reason == "opened"
    for tenant_id, other in (TENANTS, TENANTS[::-1]):
        [incident] = await _incidents(lookout, tenant_id)
        assert incident.summary == tenant_id
        [event] = await reads.events_after(tenant_id, 0, 10)
        assert (event.tenant_id, event.position, event.incident.id) == (tenant_id, 1, incident.id)
        [alert] = await reads.alerts_of(tenant_id, incident.id, "", 10)
        assert alert.annotations == {"summary": tenant_id}
        [firing] = await reads.firing_alerts(tenant_id)
        assert msgspec.json.decode(firing.annotations) == {"summary": tenant_id}
        assert await reads.open_incident_of(tenant_id, LABELS.fingerprint) == incident.id
        # What the other knows by its id is not there.
        with pytest.raises(NotFound):
            await reads.incident(other, incident.id)
        assert await reads.alerts_of(other, incident.id, "", 10) == []
        assert await reads.events_of(other, incident.id, 0, 10) == []
        assert await reads.count_events_of(other, incident.id) == 0


async def test_i6_the_ends_of_one_tenant_leave_the_other_as_it_was(lookout: Driver) -> None:
    started = lookout.clock.now()
    for tenant_id in TENANTS:
        await _tells(lookout, tenant_id, started)
    before = await _incidents(lookout, "globex")
    lookout.clock.move(minutes=1)
    assert (await _tells(lookout, "acme", started, lookout.clock.now())).reason == "resolved"
    assert (await _tells(lookout, "acme", lookout.clock.now())).reason == "reopened"
    assert await _incidents(lookout, "globex") == before
    assert await lookout.running.parts.reads.last_position("globex") == 1


async def test_i6_a_repeat_renews_the_lease_of_its_own_tenant_alone(lookout: Driver) -> None:
    started = lookout.clock.now()
    for tenant_id in TENANTS:
        await _tells(lookout, tenant_id, started)
    for _ in range(3):
        lookout.clock.move(minutes=2)
        assert (await _tells(lookout, "acme", started)).reason == "duplicate"
        await lookout.ticks()
    [acme], [globex] = [await _incidents(lookout, tenant_id) for tenant_id in TENANTS]
    assert (acme.status, globex.status) == (Status.FIRING, Status.RESOLVED)


async def test_i6_an_operator_acts_on_nothing_of_another_tenant(lookout: Driver) -> None:
    intake = lookout.running.parts.intake
    for tenant_id in TENANTS:
        await _tells(lookout, tenant_id, lookout.clock.now())
    [theirs] = await _incidents(lookout, "globex")
    for action in (Acknowledge("jo"), Resolve("jo")):
        with pytest.raises(NotFound):
            await intake.order(Order("acme", theirs.id, action, lookout.clock.now()))
    assert await _incidents(lookout, "globex") == [theirs]


async def test_i6_a_follower_of_one_tenant_is_told_nothing_of_the_other(lookout: Driver) -> None:
    followers = lookout.running.parts.followers
    for tenant_id in TENANTS:
        await _tells(lookout, tenant_id, lookout.clock.now())
    for tenant_id in TENANTS:
        [told] = await followers.page(tenant_id, 0, 10)
        assert (told.event.tenant_id, told.event.incident.summary) == (tenant_id, tenant_id)
    [event] = await lookout.running.parts.reads.events_after("acme", 0, 10)
    [other] = await lookout.running.parts.reads.events_after("globex", 0, 10)
    assert event.event_id != other.event_id


async def test_i6_at_http_the_local_tenant_sees_neither(lookout: Driver) -> None:
    for tenant_id in TENANTS:
        await _tells(lookout, tenant_id, lookout.clock.now())
    assert await lookout.incidents() == []
    assert await lookout.feed() == []
    assert (await lookout.http.get("/api/v2/alerts")).json() == []
    assert (await lookout.rebuild()).equal
