"""An incident keeps its history: what it was about stays readable when its alerts have moved on."""

import asyncio

from tests.driver import Driver

from lookout.alerts.alert import AlertStatus
from lookout.incidents.incident import Incident


async def _two_incidents(lookout: Driver) -> tuple[Incident, Incident]:
    """The same alert, an hour apart; the older incident comes first."""
    started = lookout.clock.now()
    await lookout.post_alerts(lookout.alert({"job": "a"}, annotations={"summary": "the first time"}))
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, job="a")
    lookout.clock.move(hours=1)
    await lookout.post_alerts(lookout.alert({"job": "a"}, annotations={"summary": "the second time"}))
    new, old = await lookout.incidents()
    return old, new


async def test_the_alerts_of_an_old_incident_are_as_they_ended_in_it(lookout: Driver) -> None:
    old, new = await _two_incidents(lookout)
    [then] = await lookout.alerts_of(old.id)
    [now] = await lookout.alerts_of(new.id)
    assert then.fingerprint == now.fingerprint
    assert (then.status, then.ends_at) == (AlertStatus.RESOLVED, old.resolved_at)
    assert then.starts_at == old.started_at
    assert (now.status, now.ends_at, now.starts_at) == (AlertStatus.FIRING, None, new.started_at)


async def test_what_is_heard_of_the_alert_later_does_not_change_the_old_incident(lookout: Driver) -> None:
    old, new = await _two_incidents(lookout)
    before = await lookout.alerts_of(old.id)
    assert [alert.annotations["summary"] for alert in before] == ["the first time"]
    lookout.clock.move(minutes=1)
    changed = {"summary": "the second time, and worse"}
    await lookout.post_alerts(lookout.alert({"job": "a"}, starts_at=new.started_at, annotations=changed))
    await lookout.webhook({"labels": {"alertname": "Down", "job": "a"}, "startsAt": new.started_at.isoformat()})
    [then] = await lookout.alerts_of(old.id)
    [now] = await lookout.alerts_of(new.id)
    assert then.annotations["summary"] == "the first time"
    assert then.sources == ("prometheus",)
    assert now.sources == ("alertmanager", "prometheus")


async def test_the_events_of_one_incident_are_its_own_in_order_and_in_pages(lookout: Driver) -> None:
    old, new = await _two_incidents(lookout)
    await lookout.act(old.id, "notes", text="afterwards")
    events = (await lookout.http.get(f"/v1/incidents/{old.id}/events")).json()
    assert [event["position"] for event in events["events"]] == [1, 2, 4]
    assert events["next"] is None
    first = (await lookout.http.get(f"/v1/incidents/{old.id}/events?first=2")).json()
    assert first["next"] == 2
    rest = (await lookout.http.get(f"/v1/incidents/{old.id}/events", params={"after": first["next"]})).json()
    assert [event["position"] for event in rest["events"]] == [4]
    own = (await lookout.http.get(f"/v1/incidents/{new.id}/events")).json()
    assert [event["position"] for event in own["events"]] == [3]


async def test_the_alerts_of_a_large_incident_come_in_pages_by_fingerprint(lookout: Driver) -> None:
    await lookout.post_alerts(*(lookout.alert({"job": "a", "instance": str(number)}) for number in range(23)))
    path = f"/v1/incidents/{(await lookout.only_incident()).id}/alerts"
    fingerprints: list[str] = []
    query: dict[str, str] = {"first": "10"}
    async with asyncio.timeout(10):
        while True:
            page = (await lookout.http.get(path, params=query)).json()
            fingerprints += [alert["fingerprint"] for alert in page["alerts"]]
            if page["next"] is None:
                break
            query["after"] = page["next"]
    assert len(fingerprints) == 23
    assert fingerprints == sorted(set(fingerprints))
