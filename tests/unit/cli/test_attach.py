"""`lookout incidents attach`, and how the list shows that somebody has looked into an incident."""

import io
from pathlib import Path

import pytest
from tests.unit.cli.lookout_in_memory import Lookout, run

from lookout.incidents.investigation import Investigation
from lookout.limits import LONGEST_REPORT

ONE = "00000001"


@pytest.fixture
def lookout() -> Lookout:
    lookout = Lookout()
    lookout.fires("ingest-1")
    return lookout


def attached(lookout: Lookout) -> list[Investigation]:
    return [record.investigation for record in lookout.ledger.records if record.investigation is not None]


def test_a_file_is_attached_once(lookout: Lookout, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.md"
    report.write_text("## The disk is full\nsince noon")
    for _ in range(2):
        assert run(lookout, "incidents", "attach", ONE, str(report)) == 0
    assert capsys.readouterr().out.splitlines() == 2 * [
        f"attached, 1 report: ▲ critical TargetDown (job=ingest)  {ONE}"
    ]
    [found] = attached(lookout)
    assert (found.summary, found.investigator, found.confidence) == ("## The disk is full\nsince noon", "jo", None)
    assert found.report_id.startswith("sha256-")


def test_standard_input_and_what_is_said_besides(lookout: Lookout, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"half \xff text")))
        options = ["--report-id", f"r-{number}", "--confidence", "0.8", "--link", "https://r.example/1"]
        assert run(lookout, "incidents", "attach", ONE, "-", *options) == 0
    first, second = attached(lookout)
    assert (first.report_id, second.report_id) == ("r-0", "r-1")
    assert (first.summary, first.confidence, first.link) == ("half \ufffd text", 0.8, "https://r.example/1")


def test_a_file_that_cannot_be_read_is_named(
    lookout: Lookout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(lookout, "incidents", "attach", ONE, str(tmp_path / "none.md")) == 1
    assert "none.md cannot be read: No such file or directory" in capsys.readouterr().err
    assert attached(lookout) == []


def test_of_a_huge_file_no_more_is_read_than_is_refused(lookout: Lookout, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    report.write_text("x" * 10 * LONGEST_REPORT)
    run(lookout, "incidents", "attach", ONE, str(report))
    assert len(lookout.requests[-1].content) < LONGEST_REPORT + 1000


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_the_list_says_how_many_reports_there_are(
    lookout: Lookout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    lookout.fires("x", name="A" * 150, severity="warning")
    for incident in lookout.incidents():
        lookout.investigates(incident.id)
    lookout.investigates(lookout.incidents()[-1].id, "r2")
    run(lookout, "incidents", "acknowledge", ONE)
    capsys.readouterr()
    monkeypatch.setenv("COLUMNS", str(width))
    run(lookout, "incidents")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= max(width, 75)
    assert len(lines) == (3 if width > 80 else 5)
    told = [line for line in lines if line.rstrip().endswith(("report", "reports"))] if width <= 80 else lines
    assert [word for line in told for word in ("2 reports", "1 report") if word in line] == ["2 reports", "1 report"]
