"""Text is data for an agent too: it is clean, cut, and stands under `untrusted` and nowhere else."""

from typing import Any

from tests.agent import agent
from tests.driver import Driver
from tests.scenario.test_investigation_text import HOSTILE, UNSEEN

from lookout.api.mcp.answers import NOTICE, UNTRUSTED
from lookout.api.mcp.triage import text_of

MARK = "xyzzy"
"""It stands in every text that is sent here."""
EVIL = f"{MARK} {HOSTILE}"
LONG = MARK + "y" * 100_000
ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer, whatever was sent."""


def trusted_strings(value: Any) -> list[str]:
    """Every string and key outside of `untrusted`."""
    match value:
        case str():
            return [value]
        case list():
            return [text for item in value for text in trusted_strings(item)]  # pyright: ignore[reportUnknownVariableType]
        case dict():
            told: dict[str, Any] = {key: item for key, item in value.items() if key != UNTRUSTED}  # pyright: ignore[reportUnknownVariableType]
            return [*told, *(text for item in told.values() for text in trusted_strings(item))]
        case _:
            return []


def assert_marked(answer: dict[str, Any]) -> str:
    """What others wrote is where it belongs. Returns the whole answer as text."""
    assert answer["notice"] == NOTICE
    assert not [text for text in trusted_strings(answer) if MARK in text]
    text = str(answer)
    assert MARK in text
    assert not UNSEEN & set(text)
    assert len(text.encode()) <= ANSWER_LIMIT
    return text


async def test_hostile_texts_are_clean_and_marked_in_every_answer(lookout: Driver) -> None:
    labels = {"job": EVIL, MARK: EVIL, f"{MARK}\x1b[2J\u202e": "x"}
    annotations = {"summary": EVIL, "runbook_url": f"javascript:{MARK}", "description": EVIL}
    for name in (EVIL, f"{EVIL} again"):
        posted = lookout.alert({**labels, "alertname": name}, annotations=annotations)
        (await lookout.post_alerts({**posted, "generatorURL": f"javascript:{MARK}"})).raise_for_status()
    first, other = await lookout.incidents()
    lookout.clock.move(seconds=1)
    for incident in (first, other):
        await lookout.act(incident.id, "notes", text=EVIL)
        await lookout.act(incident.id, "assign", assignee=EVIL[:150])
        told = {"summary": EVIL, "root_cause": EVIL, "recommendations": [EVIL[:400]], "investigator": EVIL[:150]}
        (await lookout.attach(incident.id, f"{MARK} [x](javascript:1)", **told)).raise_for_status()
    async with agent(lookout, {"X-User-ID": MARK}) as skipper:
        one = {"incident_id": first.id}
        await skipper.calls("acknowledge_incident", **one)
        for tool, arguments in (
            ("list_incidents", {}),
            ("get_incident", one),
            ("incident_timeline", one),
            ("related_incidents", one),
            ("incident_stats", {}),
            ("why_grouped", one),
            ("add_incident_note", {**one, "text": EVIL}),
            ("resolve_incident", {**one, "reason": EVIL}),
        ):
            assert_marked(await skipper.calls(tool, **arguments))
        assert_marked(await skipper.reads(f"incident://{first.id}"))


async def test_a_hundred_kilobytes_and_five_thousand_labels_make_a_short_answer(lookout: Driver) -> None:
    many = {f"{MARK}_{number:04}": "v" * 100 for number in range(5_000)}
    for labels in ({"alertname": LONG, "job": LONG, "huge": LONG}, {"alertname": MARK, **many}):
        (await lookout.post_alerts(lookout.alert(labels, annotations={"summary": LONG}))).raise_for_status()
    async with agent(lookout) as skipper:
        assert_marked(await skipper.calls("list_incidents"))
        for incident in await lookout.incidents():
            for tool in ("get_incident", "incident_timeline", "why_grouped"):
                assert_marked(await skipper.calls(tool, incident_id=incident.id))
        by_title = {incident.title: incident for incident in await lookout.incidents()}
        [alert] = (await skipper.calls("get_incident", incident_id=by_title[MARK].id))["alerts"]
    assert alert["untrusted"]["more_labels"] == 5_001 - len(alert["untrusted"]["labels"])


async def test_what_an_agent_is_told_to_do_comes_from_nobody_else(lookout: Driver) -> None:
    """The prompt takes an id and nothing else into it."""
    await lookout.fires(job=MARK)
    incident = await lookout.only_incident()
    for given_id in (incident.id, ""):
        assert MARK not in text_of(given_id)
