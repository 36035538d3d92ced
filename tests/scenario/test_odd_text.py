"""Text is data: what a sender wrote comes back as it was, NUL and emoji included, and is clean where people see it."""

import json

from tests.driver import Driver

ODD = {
    "nul": "x\0y",
    "emoji": "\U0001f525 \U0001f469\u200d\U0001f692",
    "escape": "\ue000 \ue0000 \ue0001",
    "nul after escape": "\ue000\0",
    "quotes": "\"'\\%s{0}{{x}}${y}",
    "lines": "a\r\nb\tc",
    "decomposed": "e\u0301",
    "composed": "\u00e9",
    "direction": "\u202egnp.exe",
    "markup": "<script>alert(1)</script>",
    "": "",
}


async def test_labels_annotations_and_url_survive_the_round_trip(lookout: Driver) -> None:
    values = {name or "empty": value for name, value in ODD.items()}
    url = "http://x/" + ODD["nul"] + ODD["escape"] + ODD["emoji"]
    posted = {"labels": {"alertname": "Odd", **values}, "annotations": values, "generatorURL": url}
    for again in range(2):
        assert (await lookout.post_alerts(posted)).status_code == 200, again
    [alert] = await lookout.alerts_of((await lookout.only_incident()).id)
    assert alert.labels == {"alertname": "Odd", **{name: value for name, value in values.items() if value}}
    assert alert.annotations == values
    assert alert.generator_url == url
    assert (await lookout.rebuild()).equal


async def test_names_of_labels_survive_too(lookout: Driver) -> None:
    names = {value: "x" for value in ODD.values() if value}
    await lookout.post_alerts({"labels": {"alertname": "Odd", **names}})
    [alert] = await lookout.alerts_of((await lookout.only_incident()).id)
    assert alert.labels == {"alertname": "Odd", **names}


async def test_a_lone_surrogate_becomes_a_replacement_character(lookout: Driver) -> None:
    body = json.dumps([{"labels": {"alertname": "Odd", "a": "x\ud800y"}, "annotations": {"b": "\udfff"}}]).encode()
    assert (await lookout.repeats_captured("/api/v2/alerts", body)).status_code == 200
    [alert] = await lookout.alerts_of((await lookout.only_incident()).id)
    assert alert.labels["a"] == "x\ufffdy"
    assert alert.annotations["b"] == "\ufffd"


async def test_a_title_and_a_summary_are_one_clean_line(lookout: Driver) -> None:
    text = "".join(ODD.values()) + "x" * 1000
    await lookout.post_alerts({"labels": {"alertname": text, "job": text}, "annotations": {"summary": text}})
    incident = await lookout.only_incident()
    for shown, limit in ((incident.title, 200), (incident.summary, 500)):
        assert len(shown) <= limit
        assert not set(shown) & set("\0\r\n\t\u202e")
    assert {event.incident.title for event in await lookout.feed()} == {incident.title}
    assert (await lookout.rebuild()).equal


async def test_group_labels_with_odd_values_are_incidents_of_their_own(lookout: Driver) -> None:
    """Cleaned for people they may look alike; the key is of what was sent."""
    for value in ("x", "x\0", "x\u202e", "e\u0301", "\u00e9"):
        await lookout.post_alerts(lookout.alert({"job": value}))
    assert len(await lookout.incidents()) == 5
    assert (await lookout.rebuild()).equal


async def test_an_operators_words_are_kept_without_what_cannot_be_shown(lookout: Driver) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    await lookout.act(incident.id, "notes", text="# Found\r\n\tthe \0\u202edisk \ue000 \U0001f525")
    note = (await lookout.feed())[-1].change
    assert getattr(note, "text", None) == "# Found\n\tthe disk \ue000 \U0001f525"
    await lookout.act(incident.id, "assign", assignee="k\0i\nm \ue000")
    assert (await lookout.only_incident()).assignee == "k i m \ue000"
    assert (await lookout.rebuild()).equal
