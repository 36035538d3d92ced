"""Each event has its line: 80 columns at most, and harmless whatever senders write."""

import unicodedata
from datetime import UTC, timedelta, timezone

import pytest
from rich.cells import cell_len
from tests.unit.cli.samples import HOSTILE, ID, NOW, STARTED, TITLE, delta, event, incident

from lookout.alerts.severity import Severity
from lookout.cli.lines import line_of
from lookout.cli.reading import UnknownEvent
from lookout.incidents.events import (
    Acknowledged,
    AlertsChanged,
    AlertsDelta,
    Assigned,
    Change,
    Escalated,
    FlappingEnded,
    InvestigationAttached,
    NoteAdded,
    Opened,
    Reopened,
    Resolved,
)
from lookout.incidents.incident import Incident, Resolution, Status

OPENED = Opened("labels/1:{}", Severity.CRITICAL, TITLE, "", {}, STARTED, delta(2))
RESOLVED = incident(status=Status.RESOLVED, resolved_at=NOW, firing_alerts=0)

LINES: list[tuple[Change, Incident, str]] = [
    (OPENED, incident(), f"12:03:44 ▲ critical opened       {TITLE}  2 firing"),
    (
        Opened("k", Severity.INFO, TITLE, "", {}, STARTED, delta(1), previous_incident_id=ID),
        incident(severity=Severity.INFO, firing_alerts=1, total_alerts=1),
        f"12:03:44 ○ info     opened       {TITLE}  1 firing, as it has before",
    ),
    (
        Escalated(Severity.WARNING, Severity.ERROR, STARTED, delta(3)),
        incident(severity=Severity.ERROR, firing_alerts=5, total_alerts=5),
        f"12:03:44 ■ error    escalated    {TITLE}  from warning, 5 firing",
    ),
    (
        AlertsChanged(STARTED, delta(3, 1)),
        incident(severity=Severity.WARNING, firing_alerts=4, total_alerts=5),
        f"12:03:44 ● warning  changed      {TITLE}  +3 -1, 4 of 5 firing",
    ),
    (
        Reopened(Severity.CRITICAL, "", delta(1)),
        incident(reopen_count=1, firing_alerts=1, total_alerts=1),
        f"12:03:44 ▲ critical reopened     {TITLE}  1 firing",
    ),
    (
        Reopened(Severity.CRITICAL, "", delta(1)),
        incident(reopen_count=3, firing_alerts=1),
        f"12:03:44 ▲ critical reopened     {TITLE}  3 times, 1 of 2 firing",
    ),
    (Resolved(Resolution.SOURCE, delta(0, 2)), RESOLVED, f"12:03:44 ▲ critical resolved     {TITLE}  after 12m"),
    (
        Resolved(Resolution.EXPIRED, delta(0, 2)),
        RESOLVED,
        f"12:03:44 ▲ critical resolved     {TITLE}  after 12m, by silence",
    ),
    (
        Resolved(Resolution.RECONCILED, delta(0, 2)),
        RESOLVED,
        f"12:03:44 ▲ critical resolved     {TITLE}  after 12m, by asking the source",
    ),
    (
        Resolved(Resolution.OPERATOR, delta(0, 2), "mira", "rolled back"),
        RESOLVED,
        f"12:03:44 ▲ critical resolved     {TITLE}  after 12m by mira: rolled back",
    ),
    (
        Reopened(Severity.CRITICAL, "", delta(1)),
        incident(reopen_count=3, firing_alerts=1, flapping=True),
        f"12:03:44 ▲ critical reopened     {TITLE}  flapping, 3 times, 1 of 2 firing",
    ),
    (
        Resolved(Resolution.SOURCE, delta(0, 2)),
        incident(status=Status.RESOLVED, resolved_at=NOW, firing_alerts=0, flapping=True),
        f"12:03:44 ▲ critical resolved     {TITLE}  flapping, after 12m",
    ),
    (
        AlertsChanged(STARTED, AlertsDelta(new=3)),
        incident(),
        f"12:03:44 ▲ critical changed      {TITLE}  3 came and went, 2 firing",
    ),
    (FlappingEnded(), incident(), f"12:03:44 ▲ critical calmed       {TITLE}  flaps no more"),
    (Acknowledged("mira"), incident(), f"12:03:44 ▲ critical acknowledged {TITLE}  by mira"),
    (Assigned("mira", "olga"), incident(), f"12:03:44 ▲ critical assigned     {TITLE}  to mira by olga"),
    (Assigned("mira", "mira"), incident(), f"12:03:44 ▲ critical assigned     {TITLE}  to mira"),
    (Assigned(None, "olga"), incident(), f"12:03:44 ▲ critical unassigned   {TITLE}  by olga"),
    (NoteAdded("it is\nDNS", "olga"), incident(), f"12:03:44 ▲ critical noted        {TITLE}  olga: it is DNS"),
    (
        InvestigationAttached("r1", "skipper", "the disk is full", 0.9, "", "bot"),
        incident(),
        f"12:03:44 ▲ critical investigated {TITLE}  skipper: the disk is full",
    ),
]


@pytest.mark.parametrize(("change", "about", "expected"), LINES)
def test_each_event_has_its_line(change: Change, about: Incident, expected: str) -> None:
    assert line_of(event(change, about=about), 109, UTC).plain == expected


@pytest.mark.parametrize(("change", "about", "expected"), LINES)
def test_a_line_fits_80_columns_and_loses_neither_title_nor_counts(
    change: Change, about: Incident, expected: str
) -> None:
    line = line_of(event(change, about=about), 80, UTC).plain
    assert cell_len(line) <= 80
    assert "TargetDown (cluster=" in line
    assert line[:33] == expected[:33]


def test_wide_characters_are_counted_as_the_terminal_does() -> None:
    about = incident(title="配信遅延" * 20)
    assert cell_len(line_of(event(NoteAdded("遅い" * 50, "美羅"), about=about), 80, UTC).plain) <= 80


def test_a_wide_line_has_the_end_of_the_id_to_act_on() -> None:
    assert "▲ critical 5f3c9a1e opened" in line_of(event(OPENED), 110, UTC).plain


def test_times_are_local() -> None:
    assert line_of(event(OPENED), 80, timezone(timedelta(hours=2))).plain.startswith("14:03:44 ")


def test_severity_has_colour_shape_and_word_until_it_is_over() -> None:
    fired = line_of(event(OPENED), 80, UTC)
    assert any(span.style == "bold red" for span in fired.spans)
    over = line_of(event(Resolved(Resolution.SOURCE, delta(0, 2)), about=RESOLVED), 80, UTC)
    assert not any("red" in str(span.style) for span in over.spans)


@pytest.mark.parametrize(
    "change",
    [
        OPENED,
        NoteAdded(HOSTILE, HOSTILE),
        Assigned(HOSTILE, HOSTILE),
        InvestigationAttached(HOSTILE, HOSTILE, HOSTILE, None, HOSTILE, HOSTILE),
        Resolved(Resolution.OPERATOR, delta(), HOSTILE, HOSTILE),
    ],
)
def test_hostile_text_is_one_harmless_line(change: Change) -> None:
    about = incident(title=HOSTILE, id=HOSTILE, resolved_at=NOW)
    line = line_of(event(change, about=about), 400, UTC).plain
    assert not [character for character in line if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")]
    assert "[bold]x[/bold] :skull:" in line, "markup is text"


def test_an_event_of_a_newer_server_has_a_line() -> None:
    unknown = UnknownEvent("incident_investigation_judged\x1b", 7, NOW, incident())
    assert line_of(unknown, 80, UTC).plain == f"12:03:44 ▲ critical investigati… {TITLE}"
