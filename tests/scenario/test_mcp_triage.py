"""An agent triages the demo: finds the worst incident, says why it was grouped, hands back a report, acknowledges."""

from typing import Any

import pytest
from tests.agent import MODES, agent
from tests.demo import WORST, play
from tests.driver import Driver

AS_SKIPPER = {"X-User-ID": "skipper"}


@pytest.mark.parametrize("mode", MODES)
async def test_the_worst_incident_is_found_explained_reported_and_acknowledged(lookout: Driver, mode: str) -> None:
    await play(lookout, WORST)
    async with agent(lookout, AS_SKIPPER, mode) as skipper:
        listed = await skipper.calls("list_incidents")
        assert [incident["severity"] for incident in listed["incidents"]] == ["critical", "critical"]
        worst: dict[str, Any] = max(listed["incidents"], key=lambda incident: incident["firing_alerts"])
        assert worst["untrusted"]["title"].startswith("StreamLatencyHigh")
        assert worst["firing_alerts"] == 300
        incident_id = worst["id"]

        whole = await skipper.calls("get_incident", incident_id=incident_id)
        assert {alert["severity"] for alert in whole["alerts"][:10]} == {"critical"}
        assert len(whole["alerts"]) + whole["more_alerts"] == 300

        why = await skipper.calls("why_grouped", incident_id=incident_id, limit=2)
        assert why["untrusted"]["labels"] == whole["incident"]["untrusted"]["labels"]
        assert why["present"]["same_group"]
        assert why["next"] == why["alerts"][1]["fingerprint"]

        [cause] = (await skipper.calls("related_incidents", incident_id=incident_id))["related"]
        assert cause["untrusted"]["shared"]["cluster"] == "demo-eu"
        assert cause["incident"]["untrusted"]["title"].startswith("TargetDown")

        report = {"report_id": "r-1", "summary": "ingest is down, so viewers lag", "confidence": 0.8}
        attached = await skipper.calls("attach_investigation", incident_id=incident_id, **report)
        again = await skipper.calls("attach_investigation", incident_id=incident_id, **report)
        assert again == attached
        done = await skipper.calls("acknowledge_incident", incident_id=incident_id)
        assert done["incident"]["status"] == "acknowledged"
        assert done["incident"]["investigation_count"] == 1
        assert done["incident"]["untrusted"]["acknowledged_by"] == "skipper"

    events = await lookout.feed(listed["position"])
    assert [event.event_type for event in events] == ["incident_investigation_attached", "incident_acknowledged"]
    assert done["position"] == events[-1].position
    [found] = await lookout.investigations_of(incident_id)
    assert (found.investigator, found.attached_by, found.confidence) == ("skipper", "skipper", 0.8)


async def test_what_came_after_an_answer_is_in_the_feed_after_its_position(lookout: Driver) -> None:
    await lookout.fires(job="a")
    async with agent(lookout) as skipper:
        before = await skipper.calls("list_incidents")
        await lookout.fires(job="b")
        now = await skipper.calls("list_incidents")
    [opened] = await lookout.feed(before["position"])
    assert opened.position == now["position"] == before["position"] + 1
    assert [len(answer["incidents"]) for answer in (before, now)] == [1, 2]


async def test_people_act_through_an_agent_as_over_rest(lookout: Driver) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    async with agent(lookout, AS_SKIPPER) as skipper:
        await skipper.calls("assign_incident", incident_id=incident.id, assignee="mira")
        await skipper.calls("add_incident_note", incident_id=incident.id, text="rolling back")
        await skipper.calls("assign_incident", incident_id=incident.id, assignee=None)
        done = await skipper.calls("resolve_incident", incident_id=incident.id, reason="rolled back")
        told = await skipper.calls("incident_timeline", incident_id=incident.id)
    assert (done["incident"]["status"], done["incident"]["resolution"]) == ("resolved", "operator")
    words = [{**event["untrusted"]} for event in told["events"][1:]]
    assert words[-1].pop("alerts"), "which alerts ended with it"
    assert words == [
        {"by": "skipper", "assignee": "mira"},
        {"by": "skipper", "text": "rolling back"},
        {"by": "skipper"},
        {"by": "skipper", "text": "rolled back"},
    ]
    assert (await lookout.rebuild()).equal


async def test_the_prompt_leads_through_one_incident(lookout: Driver) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    async with agent(lookout) as skipper:
        [prompt] = (await skipper.client.list_prompts()).prompts
        [message] = (await skipper.client.get_prompt(prompt.name, {"incident_id": incident.id})).messages
        whole = await skipper.reads(f"incident://{incident.id}")
        assert whole == await skipper.calls("get_incident", incident_id=incident.id)
        schema = await skipper.reads("lookout://event.schema.json")
    assert incident.id in message.model_dump_json()
    assert schema["title"] == "An event of Lookout's feed"
