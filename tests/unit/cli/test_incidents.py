"""`lookout incidents`: the list, the page of one, what people do, and which incident is meant."""

import io
import json
from datetime import timedelta

import pytest
from tests.unit.cli.lookout_in_memory import Lookout, refused, run
from tests.unit.cli.samples import HOSTILE

from lookout.cli import finding
from lookout.cli.client import Client

TARGET, QUEUE, LAG = "00000001", "00000002", "00000003"


@pytest.fixture
def lookout() -> Lookout:
    """Three incidents: a critical one, a warning that is resolved, an acknowledged error."""
    lookout = Lookout()
    lookout.fires("ingest-1", "ingest-2")
    lookout.fires("transcoder-7", name="QueueFull", severity="warning")
    lookout.fires("c", name="ConsumerLag", severity="error")
    run(lookout, "incidents", "resolve", QUEUE, "--reason", "drained")
    run(lookout, "incidents", "acknowledge", LAG)
    lookout.requests.clear()
    return lookout


@pytest.fixture
def out(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    """What is printed from here on."""
    capsys.readouterr()
    return capsys


def test_the_list_shows_what_is_open_the_worst_first(lookout: Lookout, out: pytest.CaptureFixture[str]) -> None:
    assert run(lookout, "incidents") == 0
    heading, *rows = out.readouterr().out.splitlines()
    assert heading.split() == ["ID", "SEVERITY", "STATUS", "INCIDENT", "FIRING", "SINCE", "WHO"]
    assert [row.split() for row in rows] == [
        [TARGET, "▲", "critical", "firing", "TargetDown", "(job=ingest)", "2", "0s"],
        [LAG, "■", "error", "acknowledged", "ConsumerLag", "(job=ingest)", "1", "0s", "jo"],
    ]


def test_a_list_that_is_cut_has_the_worst_and_of_one_severity_the_newest(
    lookout: Lookout, out: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        lookout.now += timedelta(seconds=1)
        lookout.fires("d", name=f"Disk{number}", severity="warning")
    run(lookout, "incidents", "--limit", "3", "--json")
    titles = [json.loads(line)["title"].split()[0] for line in out.readouterr().out.splitlines()]
    assert titles == ["TargetDown", "ConsumerLag", "Disk2"]


def test_all_shows_the_resolved_ones_last(lookout: Lookout, out: pytest.CaptureFixture[str]) -> None:
    run(lookout, "incidents", "--all")
    assert [line.split()[0] for line in out.readouterr().out.splitlines()[1:]] == [TARGET, LAG, QUEUE]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--status", "resolved"], [QUEUE]),
        (["--severity", "error"], [LAG]),
        (["--status", "firing", "--severity", "critical"], [TARGET]),
    ],
)
def test_options_narrow_the_list(
    lookout: Lookout, out: pytest.CaptureFixture[str], options: list[str], expected: list[str]
) -> None:
    run(lookout, "incidents", *options)
    assert [line.split()[0] for line in out.readouterr().out.splitlines()[1:]] == expected


def test_a_cut_list_says_so(lookout: Lookout, out: pytest.CaptureFixture[str]) -> None:
    run(lookout, "incidents", "--limit", "1")
    assert out.readouterr().out.splitlines()[-1] == "There are more: --limit 4 shows up to 4."


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_list_fits_the_terminal(
    lookout: Lookout, out: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    lookout.fires("x", name="A" * 150)
    monkeypatch.setenv("COLUMNS", str(width))
    run(lookout, "incidents")
    lines = out.readouterr().out.splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) <= width


def test_nothing_wrong_is_said(out: pytest.CaptureFixture[str]) -> None:
    assert run(Lookout(), "incidents") == 0
    assert out.readouterr().out == "No open incidents. Resolved ones: lookout incidents --all\n"


def test_json_is_a_line_for_each(lookout: Lookout, out: pytest.CaptureFixture[str]) -> None:
    run(lookout, "incidents", "--all", "--json")
    assert [json.loads(line)["status"] for line in out.readouterr().out.splitlines()] == [
        "firing",
        "acknowledged",
        "resolved",
    ]


def test_show_has_facts_alerts_with_what_differs_and_the_timeline(
    lookout: Lookout, out: pytest.CaptureFixture[str]
) -> None:
    run(lookout, "incidents", "note", TARGET, "rolling back\nboth of them")
    run(lookout, "incidents", "assign", TARGET, "mira")
    out.readouterr()
    assert run(lookout, "incidents", "show", TARGET) == 0
    page = out.readouterr().out
    lines = [" ".join(line.split()) for line in page.splitlines()]
    assert lines[0] == "▲ critical firing TargetDown (job=ingest)"
    assert "assigned to mira" in lines
    assert "labels alertname=TargetDown job=ingest severity=critical" in lines
    assert "▲ critical firing 12:03:44 instance=ingest-1" in lines
    assert "12:03:44 opened 2 firing" in lines
    assert lines[lines.index("12:03:44 noted jo:") + 1 :][:2] == ["rolling back", "both of them"]
    assert "12:03:44 assigned to mira by jo" in lines


def test_show_tells_how_it_ended(lookout: Lookout, out: pytest.CaptureFixture[str]) -> None:
    run(lookout, "incidents", "show", QUEUE)
    page = out.readouterr().out
    assert "resolved  12:03:44 (0s ago) by jo (operator)" in page
    assert "after 0s by jo: drained" in page


def test_show_json_is_everything(lookout: Lookout, out: pytest.CaptureFixture[str]) -> None:
    run(lookout, "incidents", "show", TARGET, "--json")
    shown = json.loads(out.readouterr().out)
    assert (shown["incident"]["title"], len(shown["alerts"]), len(shown["events"])) == ("TargetDown (job=ingest)", 2, 1)


def test_show_has_what_was_found_out_as_it_was_written(lookout: Lookout, out: pytest.CaptureFixture[str]) -> None:
    lookout.investigates(
        lookout.incidents()[-1].id,
        summary="## Disk full\n\nsince **noon**: [logs](https://logs.example)",
        root_cause="Debug logs.",
        recommendations=("Switch them off.", "Rotate\nby size."),
        confidence=0.854,
        link="https://skipper.example/r1",
    )
    run(lookout, "incidents", "show", TARGET)
    lines = [line.strip() for line in out.readouterr().out.splitlines()]
    start = lines.index("Investigations")
    assert lines[start : lines.index("Timeline")] == [
        "Investigations",
        "skipper, 12:03:44, 85% sure",
        "## Disk full",
        "",
        "since **noon**: [logs](https://logs.example)",
        "Root cause",
        "Debug logs.",
        "Recommendations",
        "- Switch them off.",
        "- Rotate",
        "by size.",
        "https://skipper.example/r1",
        "",
    ]
    assert " ".join(lines[-1].split()) == (
        "12:03:44 investigated skipper: ## Disk full since **noon**: [logs](https://logs.example)"
    )


def test_show_has_the_last_investigations_and_says_how_many_there_are(
    lookout: Lookout, out: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        lookout.investigates(lookout.incidents()[-1].id, f"r{number}", summary=f"found {number}")
    run(lookout, "incidents", "show", TARGET)
    page = out.readouterr().out.partition("Timeline")[0]
    assert "Investigations: the last 3 of 5" in page
    assert [word in page for word in ("found 1", "found 2", "found 3", "found 4")] == [False, True, True, True]
    run(lookout, "incidents", "show", TARGET, "--json")
    assert len(json.loads(out.readouterr().out)["investigations"]) == 5


def test_an_incident_without_investigations_asks_for_none(lookout: Lookout, out: pytest.CaptureFixture[str]) -> None:
    run(lookout, "incidents", "show", TARGET)
    assert "Investigations" not in out.readouterr().out
    assert not any(request.url.path.endswith("/investigations") for request in lookout.requests)


def test_a_hostile_report_is_shown_harmless(lookout: Lookout, out: pytest.CaptureFixture[str]) -> None:
    """Even if the server let it through: what is shown was cleaned here."""
    lookout.investigates(
        lookout.incidents()[-1].id,
        HOSTILE,
        investigator=HOSTILE,
        summary=HOSTILE,
        root_cause=HOSTILE,
        recommendations=(HOSTILE,),
        link=HOSTILE,
    )
    run(lookout, "incidents", "show", TARGET)
    shown = out.readouterr().out
    assert not set("\x1b\x07\x9b\u202e\u200b\r") & set(shown)
    assert shown.count("[bold]x[/bold] :skull:") >= 5
    run(lookout, "incidents", "show", TARGET, "--json")
    assert not set("\x1b\x07\x9b\u202e\u200b\r") & set(out.readouterr().out)


def test_a_big_incident_shows_what_fires_and_says_that_there_is_more(out: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    lookout.fires(*(f"edge-{number}" for number in range(300)))
    run(lookout, "incidents", "show", TARGET)
    page = out.readouterr().out
    assert "Alerts: 300 firing, 40 of them here" in page
    assert page.count("instance=edge-") == 40


def test_hostile_labels_and_notes_are_shown_harmless(out: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    lookout.fires("a", "b", HOSTILE, name=HOSTILE, evil=HOSTILE)
    run(lookout, "incidents", "note", TARGET, HOSTILE)
    run(lookout, "incidents")
    run(lookout, "incidents", "show", TARGET)
    shown = out.readouterr().out
    assert not set("\x1b\x07\x9b\u202e\u200b\r") & set(shown)
    assert "[bold]x[/bold] :skull:" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["acknowledge", TARGET], "acknowledged by jo: ▲ critical TargetDown (job=ingest)  00000001\n"),
        (["resolve", TARGET, "--reason", "fixed"], "resolved by jo: ▲ critical TargetDown (job=ingest)  00000001\n"),
        (["note", TARGET, "hm"], "noted: ▲ critical TargetDown (job=ingest)  00000001\n"),
        (["assign", TARGET, "mira"], "assigned to mira: ▲ critical TargetDown (job=ingest)  00000001\n"),
        (["assign", TARGET], "assigned to jo: ▲ critical TargetDown (job=ingest)  00000001\n"),
        (["assign", TARGET, "--nobody"], "assigned to nobody: ▲ critical TargetDown (job=ingest)  00000001\n"),
    ],
)
def test_an_action_says_what_is_so_now(
    lookout: Lookout, out: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(lookout, "incidents", *arguments) == 0
    assert out.readouterr().out == said


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        (["note", TARGET, "caf\udce9"], {"text": "caf\ufffd"}),
        (["note", TARGET, "-"], {"text": "caf\ufffd au lait"}),
        (["assign", TARGET, "Andr\udce9"], {"assignee": "Andr\ufffd"}),
        (["resolve", TARGET, "--reason", "\udcff\ud800"], {"reason": "\ufffd\ufffd"}),
    ],
)
@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_bytes_that_are_no_text_are_sent_as_replacement_characters(
    lookout: Lookout, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sent: dict[str, str], errors: str
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"caf\xe9 au lait"), encoding="utf-8", errors=errors)
    monkeypatch.setattr("sys.stdin", stdin)
    assert run(lookout, "incidents", *arguments) == 0
    assert json.loads(lookout.requests[-1].content) == sent


@pytest.mark.parametrize("arguments", [["show", "caf\udce9"], ["--url", "http://caf\udce9:1"]])
def test_an_id_and_a_url_that_are_no_text_are_refused(
    lookout: Lookout, out: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(lookout, "incidents", *arguments) == 1
    assert "is not a" in out.readouterr().err


def test_a_name_is_sent_as_utf8_on_one_line(lookout: Lookout) -> None:
    Client("http://a:1", "Žofie\r\nX: y", lookout).acknowledge(lookout.incidents()[-1].id)
    (header,) = [value for name, value in lookout.requests[-1].headers.raw if name.lower() == b"x-user-id"]
    assert header == "Žofie X: y".encode()


WHOLE = "01977E4E-0000-7000-8000-000000000001"


@pytest.mark.parametrize("part", [WHOLE, WHOLE.replace("-", ""), "0001", "00-000000000001"])
def test_an_incident_is_named_by_its_id_or_the_end_of_it(lookout: Lookout, part: str) -> None:
    assert run(lookout, "incidents", "show", part) == 0


def test_an_incident_is_named_by_the_beginning_of_its_id(out: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    lookout.fires("a")
    assert run(lookout, "incidents", "show", "0197-7") == 0


def test_a_part_of_several_ids_is_refused_with_their_names(lookout: Lookout, out: pytest.CaptureFixture[str]) -> None:
    assert run(lookout, "incidents", "acknowledge", "0197") == 1
    assert out.readouterr().err == (
        "lookout: 3 incidents have 0197 in their ID: 00000001, 00000003, 00000002. Give more digits\n"
    )


def test_an_open_incident_is_found_behind_however_many_that_are_over(
    lookout: Lookout, out: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "SEARCHED", 1)
    assert run(lookout, "incidents", "acknowledge", TARGET) == 0
    assert run(lookout, "incidents", "show", QUEUE) == 1
    assert out.readouterr().err.startswith(f"lookout: no incident's ID begins or ends with {QUEUE}")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("197", "'197' is not an incident's ID: give at least 4 of its hex digits"),
        ("../x", "'../x' is not an incident's ID: give at least 4 of its hex digits"),
        ("ffff", "no incident's ID begins or ends with ffff: `lookout incidents --all` lists them"),
        ("f" * 32, "there is no incident 'ffffffff-ffff-ffff-ffff-ffffffffffff'"),
    ],
)
def test_an_id_that_is_none_is_told_in_one_sentence(
    lookout: Lookout, out: pytest.CaptureFixture[str], part: str, said: str
) -> None:
    assert run(lookout, "incidents", "show", part) == 1
    captured = out.readouterr()
    assert captured.out == ""
    assert captured.err == f"lookout: {said}\n"


def test_without_a_server_it_says_what_to_do(lookout: Lookout, out: pytest.CaptureFixture[str]) -> None:
    lookout.answers = [refused]
    assert run(lookout, "incidents", "--url", "here:1") == 1
    assert out.readouterr().err == (
        "lookout: no Lookout answers at http://here:1: start one with `lookout serve`, or say where it is with --url\n"
    )


@pytest.mark.parametrize(
    "arguments", [["--url", "http://a:1", "show", TARGET], ["show", TARGET, "--url", "http://a:1"]]
)
def test_the_url_may_stand_before_or_after_the_command(
    lookout: Lookout, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("LOOKOUT_URL", "http://b:2")
    assert run(lookout, "incidents", *arguments) == 0
    assert {request.url.host for request in lookout.requests} == {"a"}


def test_as_of_asks_for_the_list_as_it_was_and_counts_from_then(
    lookout: Lookout, out: pytest.CaptureFixture[str]
) -> None:
    lookout.now += timedelta(hours=2)
    assert run(lookout, "incidents", "--as-of", "90m") == 0
    assert {request.url.params["as_of"] for request in lookout.requests} == {
        (lookout.now - timedelta(minutes=90)).isoformat()
    }
    assert "30m" in out.readouterr().out


def test_nothing_at_a_time_says_which(lookout: Lookout, out: pytest.CaptureFixture[str]) -> None:
    run(lookout, "incidents", "--severity", "info", "--as-of", "2026-01-31T12:15")
    assert "No such info incidents at 2026-01-31 12:15:00." in out.readouterr().out


def test_show_names_what_may_have_to_do_with_it_and_why(lookout: Lookout, out: pytest.CaptureFixture[str]) -> None:
    run(lookout, "incidents", "show", TARGET)
    told = out.readouterr().out.partition("Related")[2].splitlines()
    assert [line.split()[0] for line in told[1:] if line.split()[1:2] in (["■"], ["●"])] == [LAG, QUEUE]
    assert "job=ingest" in told[2]


def test_show_says_nothing_of_relations_where_there_are_none(out: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    lookout.fires("ingest-1")
    run(lookout, "incidents", "show", TARGET)
    assert "Related" not in out.readouterr().out
