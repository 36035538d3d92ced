"""`lookout why`: the rule, the key, what would be today, and the last decision about each alert."""

import json

import msgspec
import pytest
from tests.unit.cli.lookout_in_memory import Lookout, run
from tests.unit.cli.samples import HOSTILE

from lookout.alerts.matcher import parse_matchers
from lookout.incidents.policy import Policy
from lookout.incidents.rules import Rule

TARGET = "00000001"
RULED = Policy(rules=(Rule("ingest", parse_matchers("job=ingest"), ("job",)),))


def page_of(lookout: Lookout, capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    """What it prints, with single blanks."""
    assert run(lookout, "why", TARGET, *options) == 0
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_it_tells_the_rule_the_key_and_each_alert(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout(RULED)
    lookout.fires("ingest-1", "ingest-2")
    lines = page_of(lookout, capsys)
    assert lines[0] == "▲ critical TargetDown (job=ingest)"
    assert "rule ingest" in lines
    assert 'key labels/1:{"job":"ingest"}' in lines
    assert "group labels job=ingest" in lines
    assert f"policy {RULED.version}" in lines
    assert f"today the same group, by policy {RULED.version}" in lines
    assert lines[lines.index("Last decisions") :][1:] in (
        [
            f"12:03:44 opened alertname=TargetDown instance=ingest-{one} severity=critical",
            f"12:03:44 opened alertname=TargetDown instance=ingest-{other} severity=critical",
        ]
        for one, other in ((1, 2), (2, 1))
    )


def test_without_a_rule_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    lookout.fires("ingest-1")
    assert "rule none matched: policy.group_by holds" in page_of(lookout, capsys)


def test_it_says_what_the_present_policy_would_do_instead(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    lookout.fires("ingest-1")
    lookout.today = RULED
    lines = page_of(lookout, capsys)
    assert f"today another group, by policy {RULED.version}" in lines
    assert lines[lines.index(f"today another group, by policy {RULED.version}") + 1 :][:2] == [
        "rule ingest",
        'key labels/1:{"job":"ingest"}',
    ]
    assert lines[-1] == "12:03:44 opened instance=ingest-1 severity=critical today in another group"


def test_an_incident_of_before_rules_were_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    lookout.fires("ingest-1")
    (incident,) = lookout.incidents()
    lookout.ledger.know(msgspec.structs.replace(incident, policy_version=""))
    lookout.ledger.alerts.clear()
    lines = page_of(lookout, capsys)
    assert "rule not recorded then" in lines
    assert "today the alerts that opened it are no longer kept" in lines


def test_many_alerts_are_cut_and_json_has_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    lookout.fires(*(f"edge-{number}" for number in range(100)))
    lines = page_of(lookout, capsys)
    assert "Last decisions, of the first 40 alerts" in lines
    assert sum("instance=edge-" in line for line in lines) == 40
    lookout.page_of_alerts = 30
    (line,) = page_of(lookout, capsys, "--json")
    told = json.loads(line)
    assert len({alert["fingerprint"] for alert in told["alerts"]}) == len(told["alerts"]) == 100
    assert told["next"] is None
    assert (told["rule"], told["present"]["same_group"]) == ("", True)


def test_an_alert_that_is_its_own_group_is_named_by_its_fingerprint(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout(Policy(group_by=("alertname", "job", "instance", "severity")))
    lookout.fires("ingest-1")
    (state,) = lookout.ledger.alerts.values()
    assert page_of(lookout, capsys)[-1] == f"12:03:44 opened {state.fingerprint}"


def test_hostile_text_is_shown_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout(Policy(group_by=("evil",)))
    lookout.fires(HOSTILE, name=HOSTILE, evil=HOSTILE)
    assert run(lookout, "why", TARGET) == 0
    printed = capsys.readouterr().out
    assert not set("\x1b\x9b\u202e\u200b\r") & set(printed)
    assert "[bold]x[/bold] :skull:" in printed
