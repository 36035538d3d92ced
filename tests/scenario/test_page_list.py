"""The page's list: the worst and newest on top, found by what is searched for, by pages, and as it was."""

import asyncio
import html
import re
from datetime import timedelta

import pytest
from tests.driver import Driver
from tests.pages import facets_of, row_of, rows_of, words_of
from tests.plans import grow, plan_of
from tests.scenario.conftest import Start

from lookout.web import board
from lookout.web.board import PAGE

MINUTE = timedelta(minutes=1)


async def storm(lookout: Driver, count: int) -> None:
    """`count` warnings, a minute apart, each an incident."""
    now = lookout.clock.now()
    alerts = [
        lookout.alert({"alertname": f"W{n:04}", "severity": "warning"}, starts_at=now - n * MINUTE)
        for n in range(count)
    ]
    for first in range(0, count, 256):
        (await lookout.post_alerts(*alerts[first : first + 256])).raise_for_status()


async def test_nothing_has_come_yet_and_what_to_paste(lookout: Driver) -> None:
    page = await lookout.http.get("/")
    text = words_of(page.text)
    assert "Nothing is open" in text
    assert f'targets: ["{lookout.url.removeprefix("http://")}"]' in text
    assert f"{lookout.url}/v1/alertmanager" in text
    assert "made-up trouble" in text
    behind = await lookout.http.get("/", headers={"X-Forwarded-Proto": "https"})
    assert f"{lookout.url.replace('http:', 'https:')}/v1/alertmanager" in words_of(behind.text)


async def test_addresses_to_paste_are_those_under_which_readers_find_it(start: Start) -> None:
    async with start(external_url="https://lookout.example/x") as lookout:
        assert "https://lookout.example/x/v1/alertmanager" in words_of((await lookout.http.get("/")).text)


async def test_the_worst_comes_first_and_then_the_newest(lookout: Driver) -> None:
    for name, severity in (("A", "warning"), ("B", "critical"), ("C", "info"), ("D", "warning"), ("E", "error")):
        await lookout.fires(alertname=name, severity=severity)
        lookout.clock.move(seconds=10)
    page = await lookout.http.get("/")
    assert rows_of(page) == ["B", "E", "D", "A", "C"]
    assert "5 open incidents" in page.text
    assert "<title>(5) Lookout</title>" in page.text
    assert "/icon.svg?worst=critical&amp;count=5" in page.text


async def test_a_row_says_what_it_is_about(lookout: Driver) -> None:
    labels = {"alertname": "Down", "cluster": "eu-1", "severity": "critical"}
    await lookout.post_alerts(
        lookout.alert({**labels, "instance": "a"}, annotations={"summary": "it does not answer"}),
        lookout.alert({**labels, "instance": "b"}),
    )
    await lookout.webhook({"labels": {**labels, "instance": "a"}})
    incident = await lookout.only_incident()
    await lookout.act(incident.id, "acknowledge")
    await lookout.act(incident.id, "assign", assignee="mira")
    await lookout.attach(incident.id)
    lookout.clock.move(minutes=12)
    row = row_of(await lookout.http.get("/"), "Down")
    for part in (
        *(
            "critical",
            "Down",
            "it does not answer",
            "cluster eu-1",
            "acknowledged by jo",
            "mira has it",
            "investigated",
        ),
        *("2 alerts", "alertmanager, prometheus", "12 min"),
    ):
        assert part in row


async def test_resolved_incidents_are_folded_below_and_found_by_their_status(lookout: Driver) -> None:
    start = lookout.clock.now()
    for name in ("A", "B"):
        await lookout.fires(alertname=name)
    lookout.clock.move(minutes=1)
    await lookout.resolves(start, alertname="A")
    page = await lookout.http.get("/")
    assert rows_of(page) == ["B"]
    assert "Resolved in the last 24 hours 1" in words_of(page.text)
    assert rows_of(await lookout.http.get("/", params={"q": "status=resolved"})) == ["A"]
    part = await lookout.http.get("/", params={"q": "status=resolved", "kind": "resolved", "part": "rows"})
    assert rows_of(part) == ["A"]
    assert rows_of(await lookout.http.get("/", params={"q": 'status=~".*"'})) == ["B", "A"]
    # What is found of them is counted, and what the section unfolds is what it counts.
    search = await lookout.http.get("/", params={"q": "alertname=A severity=warning"})
    assert "Resolved in the last 24 hours, found 1" in words_of(search.text)
    (link,) = re.findall(r'id="lately" data-rows="([^"]+)"', search.text)
    link = html.unescape(link)
    assert rows_of(await lookout.http.get(link)) == ["A"]
    other = await lookout.http.get("/", params={"q": "alertname=B"})
    assert "Resolved in" not in words_of(other.text)
    lookout.clock.move(hours=24)
    assert rows_of(await lookout.http.get(link)) == []
    late = await lookout.http.get("/", params={"q": "alertname=A"})
    assert "Resolved in the last" not in words_of(late.text)
    assert rows_of(await lookout.http.get("/", params={"q": "status=resolved alertname=A"})) == ["A"]


async def test_a_search_that_finds_nothing_is_no_quiet(lookout: Driver) -> None:
    for name in ("A", "B", "C"):
        await lookout.fires(alertname=name, severity="critical")
    for view in ("", "wall"):
        for query in ("zzz", "status=resolved", "severity=info"):
            page = await lookout.http.get("/", params={"view": view, "q": query})
            assert "<title>(3) Lookout</title>" in page.text
            assert "/icon.svg?worst=critical&amp;count=3" in page.text
            assert "ll quiet" not in page.text
            assert "Nothing is open" not in page.text
    one = await lookout.http.get("/", params={"q": "alertname=A"})
    assert "<title>(3) Lookout</title>" in one.text
    assert "1 open incident found 1 critical" in words_of(one.text)


async def test_the_wall_says_what_it_shows(lookout: Driver) -> None:
    await storm(lookout, 3)
    page = words_of((await lookout.http.get("/", params={"view": "wall", "q": "W0001"})).text)
    assert "Only W0001 of 3 open incidents" in page
    assert "1 open incident found:" in page
    wrong = words_of((await lookout.http.get("/", params={"view": "wall", "q": 'cluster=~"("'})).text)
    assert "missing closing )" in wrong
    assert "3 open incidents:" in wrong
    assert "Only" not in words_of((await lookout.http.get("/", params={"view": "wall"})).text)


async def test_a_search_finds_incidents_by_matchers_and_words_and_by_labels_of_their_alerts(lookout: Driver) -> None:
    await lookout.fires(alertname="Disk", cluster="eu-1", instance="db-1", severity="critical")
    await lookout.fires(alertname="Disk", cluster="us-1", instance="db-2")
    await lookout.fires(alertname="Net", cluster="eu-2", instance="web-1")
    for query, found in (
        ("severity=critical", ["Disk"]),
        ('cluster=~"eu-.*"', ["Disk", "Net"]),
        ("disk us-1", ["Disk"]),
        ('instance=~"db-.*"', ["Disk", "Disk"]),
        ("instance!=db-1", ["Disk", "Net"]),
        ("source=prometheus cluster!=eu-1", ["Disk", "Net"]),
        ("nothing-such", []),
    ):
        assert sorted(rows_of(await lookout.http.get("/", params={"q": query}))) == found, query
    empty = await lookout.http.get("/", params={"q": "nothing-such"})
    assert "Nothing found" in empty.text


async def test_a_search_that_cannot_be_read_says_why_and_the_rest_of_it_holds(lookout: Driver) -> None:
    await lookout.fires(alertname="Disk")
    await lookout.fires(alertname="Net")
    page = await lookout.http.get("/", params={"q": 'cluster=~"(" disk'})
    assert rows_of(page) == ["Disk"]
    assert "missing closing )" in words_of(page.text)


async def test_facets_count_what_is_found(lookout: Driver) -> None:
    for cluster in ("eu", "eu", "us", "us"):
        await lookout.fires(alertname=f"A{lookout.clock.now().timestamp():.0f}", cluster=cluster)
        lookout.clock.move(seconds=1)
    facets = facets_of(await lookout.http.get("/"))
    assert facets["cluster"] == "eu 2 us 2"
    assert facets["source"] == "prometheus 4"
    page = await lookout.http.get("/", params={"q": "cluster=us"})
    assert facets_of(page)["severity"] == "warning 2"


async def test_pages_go_on_by_key_and_what_comes_in_moves_nothing(lookout: Driver) -> None:
    await storm(lookout, 2 * PAGE + 5)
    first = await lookout.http.get("/")
    assert rows_of(first) == [f"W{n:04}" for n in range(PAGE)]
    lookout.clock.move(minutes=1)
    await lookout.fires(alertname="New", severity="critical")
    names: list[str] = []
    following = first
    while link := re.search(r'hx-get="([^"]+)"[^>]*hx-target="#more-open"', following.text):
        following = await lookout.http.get(link[1].replace("&amp;", "&"))
        names += rows_of(following)
    assert names == [f"W{n:04}" for n in range(PAGE, 2 * PAGE + 5)]


async def test_a_page_is_small_and_a_live_list_as_long_as_it_was(lookout: Driver) -> None:
    await storm(lookout, 2 * PAGE + 5)
    whole = await lookout.http.get("/")
    files = [await lookout.http.get(file) for file in re.findall(r'(?:src|href)="(/static/[^"]+)"', whole.text)]
    assert len(whole.content) + sum(len(file.content) for file in files) < 150_000
    assert len(rows_of(await lookout.http.get("/", params={"rows": str(PAGE + 1)}))) == 2 * PAGE
    for odd in ("0", "-1", "x", "99999999"):
        assert len(rows_of(await lookout.http.get("/", params={"rows": odd}))) >= PAGE


async def test_what_is_kept_of_the_list_follows_the_log(lookout: Driver) -> None:
    """The list in memory is the list in the database, after each change."""
    start = lookout.clock.now()
    await storm(lookout, 30)
    await lookout.http.get("/")
    lookout.clock.move(minutes=1)
    await lookout.fires(alertname="Late", severity="error")
    await lookout.resolves(start - 3 * MINUTE, alertname="W0003", severity="warning")
    escalated = lookout.alert({"alertname": "W0005", "severity": "critical"}, starts_at=start)
    await lookout.post_alerts(escalated)
    names = rows_of(await lookout.http.get("/"))
    assert names[:2] == ["W0005", "Late"]
    assert "W0003" not in names
    lookout.clock.move(minutes=1)
    await lookout.fires(alertname="W0003", severity="warning")
    assert "W0003" in rows_of(await lookout.http.get("/"))


async def test_another_time_is_as_it_was_and_says_that_it_is_not_live(lookout: Driver) -> None:
    start = lookout.clock.now()
    await lookout.fires(alertname="A")
    lookout.clock.move(minutes=10)
    await lookout.resolves(start, alertname="A")
    await lookout.fires(alertname="B", severity="critical")
    lookout.clock.move(minutes=10)
    then = (start + 5 * MINUTE).isoformat()
    page = await lookout.http.get("/", params={"as_of": then})
    assert rows_of(page) == ["A"]
    assert "Not live." in words_of(page.text)
    assert "data-live" not in page.text
    assert "hx-sse:connect" not in page.text
    assert rows_of(await lookout.http.get("/", params={"as_of": then, "q": "severity=critical"})) == []
    to_come = await lookout.http.get("/", params={"as_of": (start + 99 * MINUTE).isoformat()})
    assert "lies in the future" in words_of(to_come.text)
    for text in ("yesterday", "2026-13-01", "9999-12-31T23:59-14:00"):
        unreadable = await lookout.http.get("/", params={"as_of": text})
        assert (unreadable.status_code, "as_of is no time" in unreadable.text) == (400, True)


async def test_what_another_time_cannot_answer_is_named(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    start = lookout.clock.now()
    await lookout.fires(alertname="A", instance="w1")
    await lookout.fires(alertname="B", instance="w1")
    lookout.clock.move(minutes=1)
    then = (start + MINUTE / 2).isoformat()
    for query in ("source=prometheus", "instance=w1"):
        page = await lookout.http.get("/", params={"as_of": then, "q": query})
        assert rows_of(page) == []
        assert f"{query} cannot be answered here" in words_of(page.text)
    await lookout.resolves(start, alertname="B", instance="w1")
    page = await lookout.http.get("/", params={"q": "status=resolved source=prometheus"})
    assert "source=prometheus cannot be answered here" in words_of(page.text)
    for query in ("", "alertname=A", "severity=warning"):
        page = await lookout.http.get("/", params={"as_of": then, "q": query})
        assert "A" in rows_of(page)
        assert "cannot be answered" not in page.text
    monkeypatch.setattr(board, "PAST_LIMIT", 1)
    assert "the newest 1 are here" in words_of((await lookout.http.get("/", params={"as_of": then})).text)


async def test_what_was_resolved_lately_is_counted_and_shown_as_it_is_searched_for(lookout: Driver) -> None:
    for name in ("Old", "A", "B"):
        start = lookout.clock.now()
        await lookout.fires(alertname=name)
        lookout.clock.move(minutes=1)
        await lookout.resolves(start, alertname=name)
        lookout.clock.move(hours=10)
    lookout.clock.move(hours=3)
    for query, found in (("", ["B", "A"]), ("alertname=A", ["A"]), ("old", [])):
        page = await lookout.http.get("/", params={"q": query})
        told = re.search(r"Resolved in the last 24 hours(?:, found)? (\d+)", words_of(page.text))
        assert (int(told[1]) if told else 0) == len(found)
        part = {"q": f"{query} status=resolved", "kind": "lately", "part": "rows"}
        assert rows_of(await lookout.http.get("/", params=part)) == found
    every = await lookout.http.get("/", params={"q": "status=resolved"})
    assert rows_of(every) == ["B", "A", "Old"]


async def test_a_cursor_that_is_none_is_refused_in_words(lookout: Driver) -> None:
    await lookout.fires()
    for cursor in ("x", "MTox", "MTox" * 1000, "MTo6Og==", "OTk6OTk6OTk=" + "A" * 40):
        for kind in ("open", "resolved"):
            page = await lookout.http.get("/", params={"after": cursor, "kind": kind, "part": "rows"})
            assert page.status_code in (200, 400)
    page = await lookout.http.get("/", params={"after": "x"})
    assert (page.status_code, "not a cursor of this list" in page.text) == (400, True)


async def test_the_wall_is_the_list_in_short(lookout: Driver) -> None:
    await storm(lookout, 20)
    page = await lookout.http.get("/", params={"view": "wall"})
    assert page.text.count('<li class="warning') == 13  # twelve rows, and the number of all
    assert "and 8 more" in page.text


async def test_the_icon_counts(lookout: Driver) -> None:
    icon = await lookout.http.get("/icon.svg", params={"worst": "critical", "count": "7"})
    assert icon.headers["Content-Type"] == "image/svg+xml"
    assert ">7</text>" in icon.text
    hostile = await lookout.http.get("/icon.svg", params={"worst": "<script>", "count": "<script>"})
    assert "script" not in hostile.text


async def test_the_page_reads_by_its_indexes_and_looks_at_nothing_that_is_over(lookout: Driver) -> None:
    await grow(lookout, 5000)
    await lookout.sql(
        "INSERT INTO alerts SELECT tenant_id, 'f' || n, status, gen_random_uuid(), starts_at, ends_at, position, "
        "source, labels, annotations, generator_url FROM alerts CROSS JOIN generate_series(1, 2000) AS n"
    )
    await lookout.sql(
        "INSERT INTO leases SELECT tenant_id, 'f' || n, source, replica, starts_at, ends_at, last_received_at, "
        "promised, expired FROM leases CROSS JOIN generate_series(1, 2000) AS n"
    )
    await lookout.sql("ANALYZE alerts, leases")
    ids, one = "ARRAY[gen_random_uuid(), gen_random_uuid()]", "gen_random_uuid()"
    for name, index, *arguments in (
        ("open_incidents_in_short", "open_incidents_in_order", "'default'", "50"),
        ("open_incidents_changed", "open_incidents_in_order", "'default'", "9990", "50"),
        ("resolved_incidents_since", "resolved_incidents_in_order", "'default'", "9990"),
        ("resolved_incidents_in_short", "resolved_incidents_in_time", "'default'", "'2030-01-01Z'", "99999", "50"),
        ("count_resolved_since", "resolved_incidents_in_time", "'default'", "'2030-01-01Z'", "50"),
        ("incidents_of_ids", "incidents_pkey", "'default'", ids),
        ("turns_of_incidents", "turns_of_incident", "'default'", ids, "60", "12"),
        ("turns_of_incidents", "incidents_of_key", "'default'", ids, "60", "12"),
        ("firing_alerts_of_incident", "firing_alerts_of_incident", "'default'", one, "'{}'", "4", "''", "41"),
        ("events_of_incident_before", "events_of_incident", "'default'", one, "99999", "30"),
        ("assignments_of_incident", "events_of_incident", "'default'", one, "500"),
    ):
        plan = await plan_of(lookout, name, *arguments)
        assert index in plan, (name, plan)
        assert "Seq Scan" not in plan, (name, plan)


async def test_what_many_look_at_is_read_once(lookout: Driver) -> None:
    await lookout.fires(alertname="A", cluster="eu")
    pages = await asyncio.gather(*(lookout.http.get("/", params={"q": "cluster=eu"}) for _ in range(20)))
    assert {tuple(rows_of(page)) for page in pages} == {("A",)}
    lookout.clock.move(seconds=1)
    await lookout.webhook({"labels": {"alertname": "A", "cluster": "eu"}})
    # Who tells of it is in no log: for a while the old word holds.
    lookout.clock.move(seconds=10)
    assert rows_of(await lookout.http.get("/", params={"q": "source=alertmanager"})) == ["A"]
    for number in range(20):
        assert rows_of(await lookout.http.get("/", params={"q": f"zz{number}"})) == []
