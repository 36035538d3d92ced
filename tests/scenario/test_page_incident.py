"""The page of one incident: its story, its alerts, why they are together, and what people do about it."""

import re
from typing import Any

import pytest
from tests.driver import Driver
from tests.pages import ours, submits, words_of

from lookout.web import detail

UNKNOWN = "019ac000-0000-7000-8000-000000000000"


async def page_of(lookout: Driver, incident_id: str, **query: str) -> str:
    return (await lookout.http.get(f"/incidents/{incident_id}", params=query)).raise_for_status().text


def part(page: str, title: str) -> str:
    """The words of the panel with this heading."""
    (found,) = re.findall(rf'<section class="panel[^"]*" aria-labelledby="{title}">(.*?)</section>', page, re.DOTALL)
    return words_of(found)


async def test_an_incident_that_is_not_there_is_not_found(lookout: Driver) -> None:
    for unknown in (UNKNOWN, "x", "%00"):
        page = await lookout.http.get(f"/incidents/{unknown}")
        assert (page.status_code, "Not found" in page.text) == (404, True)


async def test_alerts_are_a_table_of_what_differs(lookout: Driver) -> None:
    shared = {"alertname": "Down", "severity": "critical", "team": "video"}
    await lookout.webhook(
        {
            "labels": {**shared, "instance": "a", "zone": "1"},
            "annotations": {"runbook_url": "https://runbooks.example/down", "description": "it is gone", "owner": "x"},
            "generatorURL": "https://prometheus.example/graph",
        },
        {"labels": {**shared, "instance": "b"}, "generatorURL": "javascript:alert(1)"},
    )
    text = await page_of(lookout, (await lookout.only_incident()).id)
    alerts = part(text, "alerts-title")
    assert "State instance zone Since Look" in alerts
    assert "team video" in alerts
    assert "a 1" in alerts
    assert 'href="https://runbooks.example/down"' in text
    assert 'href="https://prometheus.example/graph"' in text
    assert 'href="javascript' not in text
    assert "it is gone" in alerts


async def test_a_timeline_tells_every_event_with_who_and_why(lookout: Driver) -> None:
    start = lookout.clock.now()
    await lookout.fires(instance="a")
    incident = await lookout.only_incident()
    await lookout.act(incident.id, "acknowledge")
    await lookout.act(incident.id, "assign", assignee="mira")
    await lookout.act(incident.id, "notes", text="line 1\nline 2")
    await lookout.attach(incident.id)
    lookout.clock.move(minutes=1)
    await lookout.fires(instance="b", severity="critical")
    await lookout.resolves(start, instance="a")
    await lookout.act(incident.id, "resolve", reason="enough")
    await lookout.act(incident.id, "assign", assignee=None)
    lookout.clock.move(minutes=1)
    await lookout.fires(instance="c")
    story = part(await page_of(lookout, incident.id), "timeline-title")
    told = [
        "fires again: reopened",
        "jo assigned to nobody",
        "jo resolved by hand: enough",
        "1 alert ended",
        "escalated from warning to critical",
        "jo attached an investigation of skipper",
        "jo noted line 1 line 2",
        "jo assigned to mira",
        "jo acknowledged",
        "opened as warning",
    ]
    places = [story.index(words) for words in told]
    assert places == sorted(places)
    assert "#1" in story


async def test_a_long_timeline_goes_on(lookout: Driver) -> None:
    await lookout.fires()
    incident = await lookout.only_incident()
    for number in range(40):
        await lookout.act(incident.id, "notes", text=f"note {number}.")
    page = await page_of(lookout, incident.id)
    (link,) = re.findall(rf'<a href="(/incidents/{incident.id}/timeline\?before=\d+)"', page)
    rest = await lookout.http.get(link)
    notes = [int(number) for number in re.findall(r"note (\d+)\.", page) + re.findall(r"note (\d+)\.", rest.text)]
    assert notes == list(reversed(range(40)))
    alone = await lookout.http.get(link, headers={"HX-Request": "true"})
    assert "<html" not in alone.text
    assert "opened as warning" in words_of(alone.text)


async def test_a_report_is_shown_as_it_means_and_does_nothing(lookout: Driver) -> None:
    await lookout.fires()
    incident = await lookout.only_incident()
    await lookout.attach(
        incident.id,
        summary="**full** [x](javascript:alert(1)) <script>alert(1)</script>",
        root_cause="a `leak`",
        recommendations=["roll *back*"],
        confidence=0.75,
        link="https://reports.example/1",
    )
    text = await page_of(lookout, incident.id)
    for piece in ("<strong>full</strong>", "<code>leak</code>", "<em>back</em>", "confidence 75%", "reports.example/1"):
        assert piece in text
    assert "<script>alert" not in text
    assert 'href="javascript' not in text


async def test_why_they_are_together_what_is_related_and_what_was_before(lookout: Driver) -> None:
    start = lookout.clock.now()
    await lookout.fires(cluster="eu")
    first = await lookout.only_incident()
    await lookout.resolves(start, cluster="eu")
    lookout.clock.move(minutes=30)
    await lookout.fires(cluster="eu")
    await lookout.fires(alertname="Other", cluster="eu")
    (second,) = [one for one in await lookout.incidents(status="open") if one.title.startswith("Down")]
    text = await page_of(lookout, second.id)
    assert "the default grouped them" in part(text, "why-title")
    assert "The present policy would do the same" in part(text, "why-title")
    assert "the same group, before" in part(text, "related-title")
    assert "Other" in part(text, "related-title")
    assert f'href="/incidents/{first.id}"' in text


async def test_people_act_by_forms_and_each_is_told_on_the_timeline(lookout: Driver) -> None:
    await lookout.fires()
    incident_id = (await lookout.only_incident()).id
    path = f"/incidents/{incident_id}"
    answer = await submits(lookout, "/name", name="mira Ärger")
    named = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
    for action, fields, did in (
        ("acknowledge", {}, "did=acknowledged"),
        ("assign", {"assignee": "jo"}, "did=assigned"),
        ("notes", {"text": "hm\r\nso"}, "did=noted"),
        ("resolve", {"reason": "enough"}, "did=resolved"),
    ):
        answer = await submits(lookout, f"{path}/{action}", headers=named, **fields)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}?{did}")
    story = [(event.event_type, getattr(event.change, "by", None)) for event in await lookout.feed()]
    assert [by for _, by in story] == [None, *["mira Ärger"] * 4]
    incident = await lookout.incident(incident_id)
    assert (incident.acknowledged_by, incident.assignee, incident.resolved_by) == ("mira Ärger", "jo", "mira Ärger")


async def test_an_assignment_can_be_undone(lookout: Driver) -> None:
    await lookout.fires()
    incident_id = (await lookout.only_incident()).id
    await submits(lookout, f"/incidents/{incident_id}/assign", assignee="jo")
    answer = await submits(lookout, f"/incidents/{incident_id}/assign", assignee="mira")
    page = (await lookout.http.get(answer.headers["Location"])).text
    assert 'name="assignee" value="jo"><button class="link">Undo' in page
    await submits(lookout, f"/incidents/{incident_id}/assign", assignee="jo")
    assert "Assigned to jo. Undo" in words_of(await page_of(lookout, incident_id, did="assigned"))


async def test_what_a_link_says_was_done_is_shown_only_if_it_was(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lookout.fires()
    incident_id = (await lookout.only_incident()).id
    for did in ("assigned", "acknowledged", "resolved", "elsewhere"):
        assert 'class="did"' not in await page_of(lookout, incident_id, did=did, was="mallory")
    await lookout.act(incident_id, "assign", assignee="mira")
    # By somebody else: it is not for who looks to take it back.
    assert 'class="did"' not in await page_of(lookout, incident_id, did="assigned", was="mallory")
    answer = await submits(lookout, f"/incidents/{incident_id}/assign", assignee="jo")
    page = await page_of(lookout, incident_id, did="assigned", was="mallory")
    assert 'name="assignee" value="mira"><button class="link">Undo' in page
    assert "mallory" not in page
    assert answer.headers["Location"] == f"/incidents/{incident_id}?did=assigned"
    # Where the assignment before is too far back nothing is offered.
    monkeypatch.setattr(detail, "UNDO_EVENTS", 1)
    assert 'class="did"' not in await page_of(lookout, incident_id, did="assigned")


async def test_the_first_assignment_is_undone_to_nobody(lookout: Driver) -> None:
    await lookout.fires()
    incident_id = (await lookout.only_incident()).id
    await submits(lookout, f"/incidents/{incident_id}/assign", assignee="jo")
    page = await page_of(lookout, incident_id, did="assigned")
    assert 'name="assignee" value=""><button class="link">Undo' in page


async def test_what_is_refused_is_said_on_a_page(lookout: Driver) -> None:
    await lookout.fires()
    incident_id = (await lookout.only_incident()).id
    empty = await submits(lookout, f"/incidents/{incident_id}/notes", text=" ")
    assert (empty.status_code, "a note needs a text" in empty.text) == (400, True)
    await submits(lookout, f"/incidents/{incident_id}/resolve")
    late = await submits(lookout, f"/incidents/{incident_id}/acknowledge")
    assert (late.status_code, "only an open one can be acknowledged" in late.text) == (409, True)
    gone = await submits(lookout, f"/incidents/{UNKNOWN}/acknowledge")
    assert gone.status_code == 404


FOREIGN: list[dict[str, str]] = [
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
]


async def test_a_form_of_another_page_does_nothing(lookout: Driver) -> None:
    await lookout.fires()
    incident_id = (await lookout.only_incident()).id
    for headers in FOREIGN:
        answer = await submits(lookout, f"/incidents/{incident_id}/acknowledge", headers=headers)
        assert answer.status_code == 403, headers
    assert (await lookout.incident(incident_id)).acknowledged_by is None


async def test_a_form_without_an_origin_does_nothing(lookout: Driver) -> None:
    await lookout.fires()
    incident_id = (await lookout.only_incident()).id
    answer = await lookout.http.post(f"/incidents/{incident_id}/acknowledge", data={"back": "list"})
    assert answer.status_code == 403
    assert (await lookout.incident(incident_id)).acknowledged_by is None


async def test_a_form_has_bounds(lookout: Driver) -> None:
    await lookout.fires()
    path = f"/incidents/{(await lookout.only_incident()).id}/notes"
    for content, headers in (
        (b"text=" + b"x" * 300_000, ours(lookout)),
        (b"a=1&" * 50, ours(lookout)),
        (b"text=\xff", ours(lookout)),
        (b"{}", ours(lookout, **{"Content-Type": "application/json"})),
    ):
        assert (await lookout.http.post(path, content=content, headers=headers)).status_code == 400


async def test_it_can_be_handed_on_and_nothing_in_it_is_a_command(lookout: Driver) -> None:
    title: dict[str, Any] = {"alertname": "`rm` *x* [a](b)", "cluster": "eu"}
    await lookout.fires(**title)
    incident = await lookout.only_incident()
    text = await page_of(lookout, incident.id)
    copies = dict(re.findall(r'<pre id="copy-(\d)" tabindex="0">(.*?)</pre>', text, re.DOTALL))
    assert len(copies) == 5
    assert "`` `rm` *x* [a](b)" in copies["2"]
    assert f"/v1/incidents/{incident.id}" in copies["4"]
    query = copies["5"].replace("&#34;", '"')
    answer = await lookout.http.post("/graphql", json={"query": query})
    assert answer.json()["data"]["incident"]["title"] == incident.title
