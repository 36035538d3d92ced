"""`lookout tail` misses nothing: it goes on where it was, tells a lost connection once, and a gap loudly."""

import json
from datetime import timedelta

import httpx
import pytest
from tests.unit.cli.lookout_in_memory import STREAM, Lookout, Stream, broken, busy, frame, refused, run


@pytest.fixture
def lookout() -> Lookout:
    """Three events: two incidents, one of them joined by an alert."""
    lookout = Lookout()
    lookout.fires("a")
    lookout.fires("b")
    lookout.fires("c", name="QueueFull", severity="warning")
    return lookout


def told(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    """The lines on standard output and on standard error."""
    captured = capsys.readouterr()
    return captured.out.splitlines(), captured.err.splitlines()


def resumed_after(lookout: Lookout) -> list[str]:
    return [request.headers["Last-Event-ID"] for request in lookout.requests if request.url.path == "/v1/feed"]


def test_it_shows_the_last_events_and_ends_quietly_on_ctrl_c(
    lookout: Lookout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(lookout, "tail", "--last", "2") == 0
    out, err = told(capsys)
    assert [line.split()[3:6] for line in out] == [
        ["00000001", "changed", "TargetDown"],
        ["00000002", "opened", "QueueFull"],
    ]
    assert err == []
    assert resumed_after(lookout) == ["1"]


def test_by_default_it_begins_ten_events_back(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    run(lookout, "tail")
    assert len(told(capsys)[0]) == 3
    assert resumed_after(lookout) == ["0"]


def test_after_says_where_to_begin(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    run(lookout, "tail", "--after", "2")
    assert len(told(capsys)[0]) == 1


def test_a_pipe_gets_no_colour(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    run(lookout, "tail")
    assert "\x1b" not in capsys.readouterr().out


def test_json_lines_are_the_events(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    run(lookout, "tail", "--json")
    out, _ = told(capsys)
    assert [json.loads(line)["position"] for line in out] == [1, 2, 3]


def test_a_broken_stream_is_told_once_and_resumed(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    lookout.streams = [broken()]
    lookout.answers = [None, None, None, refused, refused]
    assert run(lookout, "tail") == 0
    out, err = told(capsys)
    assert len(out) == 3, "no event twice"
    assert err == ["connection lost, trying again", "resumed after 3, nothing missed"]
    assert resumed_after(lookout) == ["0", "3"]
    assert lookout.waits == [timedelta(seconds=0.5), timedelta(seconds=1), timedelta(seconds=2)]


def test_what_came_in_between_is_shown(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    def fires_meanwhile(request: httpx.Request) -> httpx.Response:
        lookout.fires("d")
        return refused(request)

    lookout.streams = [broken()]
    lookout.answers = [None, None, None, fires_meanwhile]
    run(lookout, "tail")
    out, err = told(capsys)
    assert len(out) == 4
    assert err[1] == "resumed after 3, nothing missed, 1 waiting"


def test_a_server_that_ends_the_stream_politely_is_called_again(
    lookout: Lookout, capsys: pytest.CaptureFixture[str]
) -> None:
    lookout.streams = [None]
    assert run(lookout, "tail") == 0
    assert told(capsys)[1] == []
    assert resumed_after(lookout) == ["0", "3"]


def test_it_waits_longer_and_longer_but_not_for_ever(lookout: Lookout) -> None:
    lookout.streams = [broken()]
    lookout.answers = [None, None, None, *[refused] * 12]
    run(lookout, "tail")
    assert lookout.waits == sorted(lookout.waits)
    assert lookout.waits[-1] == timedelta(seconds=15)


def test_an_overloaded_server_passes(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    lookout.answers = [None, None, None, busy]
    lookout.streams = [broken()]
    assert run(lookout, "tail") == 0
    assert told(capsys)[1][-1] == "resumed after 3, nothing missed"


def test_a_gap_is_told_loudly(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    lookout.fires("d")
    first, _, _, last = lookout.events()
    stream = Stream([frame(first), frame(first), frame(last)], KeyboardInterrupt())
    lookout.answers = [None, None, lambda _: httpx.Response(200, headers=STREAM, stream=stream)]
    run(lookout, "tail")
    out, err = told(capsys)
    assert len(out) == 2, "a repeated event is shown once"
    assert len(err) == 1
    assert err[0].startswith("GAP: events 2 to 3 are missing")


def test_another_log_is_told_and_read_from_its_beginning(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    run(lookout, "tail", "--after", "41")
    out, err = told(capsys)
    assert len(out) == 3
    assert err == ["the log ends at 3, before 41: it is a new log, shown from its beginning"]


def test_what_cannot_be_read_has_its_place(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    stream = Stream(["id: 1\nevent: incident_opened\ndata: {}\n\n"], KeyboardInterrupt())
    lookout.answers = [None, None, lambda _: httpx.Response(200, headers=STREAM, stream=stream)]
    run(lookout, "tail")
    assert told(capsys) == (["event 1 cannot be read by this version of lookout"], [])


def test_a_line_separator_inside_an_event_does_not_end_it(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    lookout.fires("x", name="line\u2028separator\x85here")
    run(lookout, "tail", "--json", "--last", "1")
    (line,) = capsys.readouterr().out.strip("\n").split("\n")
    assert json.loads(line)["incident"]["labels"]["alertname"] == "line separator here"


def test_without_a_server_it_says_what_to_do(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    lookout.answers = [refused]
    assert run(lookout, "tail") == 1
    out, (err,) = told(capsys)
    assert out == []
    assert "lookout serve" in err
    assert "--url" in err


def test_a_refusal_for_good_ends_it(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    lookout.streams = [broken()]
    lookout.answers = [None, None, None, lambda _: httpx.Response(403, json={"error": "the Host is not this machine"})]
    assert run(lookout, "tail") == 1
    assert told(capsys)[1][-1] == "lookout: the Host is not this machine"


def test_a_page_that_is_no_stream_is_not_lookout(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    lookout.answers = [None, None, lambda _: httpx.Response(200, text="<html>")]
    assert run(lookout, "tail") == 1
    assert "does not answer as Lookout does" in told(capsys)[1][0]


def test_a_day_that_is_not_today_is_told(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    lookout.now += timedelta(days=1)
    run(lookout, "tail")
    out, _ = told(capsys)
    assert out[0] == "2026-06-01"
    assert len(out) == 4


def not_kept(request: httpx.Request) -> httpx.Response:
    """The log begins at position 3 by now."""
    return httpx.Response(410, json={"error": "not kept any more", "first_position": 3})


def test_what_the_server_does_not_keep_any_more_is_said_and_it_goes_on_after_it(
    lookout: Lookout, capsys: pytest.CaptureFixture[str]
) -> None:
    lookout.answers = [None, not_kept]
    assert run(lookout, "tail", "--after", "1") == 0
    out, err = told(capsys)
    assert len(out) == 1
    assert err == ["event 2 is not kept any more (LOOKOUT_RETENTION)"]
    assert resumed_after(lookout) == ["1", "2"]
    assert lookout.waits == []


def test_everything_begins_with_the_first_that_is_kept(lookout: Lookout, capsys: pytest.CaptureFixture[str]) -> None:
    kept = lookout.events()[2:]
    stream = Stream([frame(event) for event in kept], KeyboardInterrupt())
    lookout.answers = [None, lambda _: httpx.Response(200, headers=STREAM, stream=stream)]
    run(lookout, "tail", "--after", "0")
    out, err = told(capsys)
    assert len(out) == 1
    assert err == ["events 1 to 2 are not kept any more (LOOKOUT_RETENTION)"]


def test_a_server_that_contradicts_itself_is_not_asked_for_ever(
    lookout: Lookout, capsys: pytest.CaptureFixture[str]
) -> None:
    lookout.answers = [None, not_kept]
    assert run(lookout, "tail", "--after", "2") == 1
    assert told(capsys)[1] == ["lookout: not kept any more"]
