"""`lookout demo` tells the truth: each step does to the real core what its line says."""

import pytest
from tests.unit.cli.lookout_in_memory import Lookout, refused, run

from lookout.cli.story import CLUSTERS, STORY
from lookout.incidents.events import EventType
from lookout.incidents.incident import Status

SILENT = ("nothing new", "nothing, the other does not")


def steps(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The story's lines as printed."""
    return [line for line in capsys.readouterr().out.splitlines() if line[:2].isdigit() and line[2] == ":"]


def test_each_silent_step_and_no_other_leaves_the_log_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Lookout(), "demo") == 0
    lines = steps(capsys)
    assert len(lines) == len(STORY)
    assert [line for line in lines if "stays" in line] == [line for line in lines if line.endswith(SILENT)]


def test_a_line_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    run(Lookout(), "demo")
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_it_ends_calm_with_one_acknowledged_incident_left() -> None:
    lookout = Lookout()
    run(lookout, "demo")
    assert [incident.status for incident in lookout.incidents()].count(Status.RESOLVED) == 3
    (left,) = (incident for incident in lookout.incidents() if incident.is_open)
    assert (left.status, left.acknowledged_by, left.firing_alerts) == (Status.ACKNOWLEDGED, "mira", 1)


def test_the_storm_is_a_few_events() -> None:
    lookout = Lookout()
    run(lookout, "demo")
    storm = [event for event in lookout.events() if event.incident.title.startswith("StreamLatencyHigh")]
    assert storm[-1].incident.total_alerts == 300
    assert len(storm) <= 12
    assert sum(event.event_type is EventType.ESCALATED for event in storm) == 1


def test_the_consumers_incident_flaps_at_its_last_change_and_the_feed_shows_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lookout = Lookout()
    run(lookout, "demo")
    lag = [event for event in lookout.events() if event.incident.title.startswith("ConsumerLagHigh")]
    assert [event.incident.flapping for event in lag] == [False] * 5 + [True]
    capsys.readouterr()
    lookout.streams = [None]
    assert run(lookout, "tail", "--last", "100") == 0
    assert "flapping" in capsys.readouterr().out


def test_it_lasts_about_a_minute_and_can_be_played_faster() -> None:
    slow, fast = Lookout(), Lookout()
    run(slow, "demo")
    run(fast, "demo", "--speed", "10")
    lasts = sum(wait.total_seconds() for wait in slow.waits)
    assert 45 <= lasts <= 75
    assert sum(wait.total_seconds() for wait in fast.waits) == pytest.approx(lasts / 10)


def test_a_second_run_ends_what_the_first_left_and_reopens(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    run(lookout, "demo")
    first = steps(capsys)
    run(lookout, "demo")
    second = capsys.readouterr().out
    assert "ended what an earlier demo left open: 1 of its incidents" in second
    assert "incidents reopen where they would open" in second
    silent = [line for line in second.splitlines() if " stays " in line]
    flaps = [line for line in silent if not line.endswith(SILENT)]
    assert len(silent) - len(flaps) == len([line for line in first if " stays " in line])
    assert all("consumer" in line or "it lags" in line for line in flaps), "only what flaps waits"
    assert len(lookout.incidents()) == 4


def test_a_run_after_one_that_was_stopped_ends_all_of_its_alerts(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    lookout.answers = [None] * 40

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    lookout.answers[24] = stop  # type: ignore[call-overload]
    assert run(lookout, "demo") == 0
    assert "Stopped." in capsys.readouterr().out
    assert sum(incident.firing_alerts for incident in lookout.incidents()) > 300
    lookout.answers.clear()
    run(lookout, "demo")
    assert [incident.firing_alerts for incident in lookout.incidents() if incident.is_open] == [1]


def test_it_touches_no_other_clusters() -> None:
    lookout = Lookout()
    lookout.fires("a", cluster="eu-1")
    run(lookout, "demo")
    theirs = [event for event in lookout.events() if event.incident.labels.get("cluster") not in CLUSTERS]
    assert len(theirs) == 1


def test_without_a_server_it_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    lookout.answers = [refused]
    assert run(lookout, "demo") == 1
    assert "lookout serve" in capsys.readouterr().err
