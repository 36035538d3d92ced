"""Attaching an investigation: in every status, once for each report, and not without end."""

import pytest
from tests.unit.stories import Story
from tests.unit.times import NOW

from lookout.incidents.events import InvestigationAttached
from lookout.incidents.incident import Status
from lookout.incidents.investigation import BRIEF_LIMIT, INVESTIGATIONS_LIMIT, Investigation
from lookout.incidents.transitions import Reason


@pytest.fixture
def story() -> Story:
    story = Story()
    story.fires()
    return story


def test_the_record_has_the_whole_and_its_event_the_beginning(story: Story) -> None:
    summary = "# Disk\n\nfull: " + "x" * BRIEF_LIMIT
    assert story.skipper_attaches("r1", summary, root_cause="logs", confidence=0.9, link="https://x/1") is (
        Reason.INVESTIGATED
    )
    record = story.ledger.records[-1]
    assert record.investigation == Investigation("r1", "skipper", summary, "logs", (), 0.9, "https://x/1")
    assert isinstance(record.event.change, InvestigationAttached)
    brief = record.event.change.summary
    assert record.event.change == InvestigationAttached("r1", "skipper", brief, 0.9, "https://x/1", "ann")
    assert brief.startswith("# Disk full: xxx")
    assert len(brief) == BRIEF_LIMIT
    assert (record.event.occurred_at, record.incident.investigation_count) == (NOW, 1)


def test_i7_a_report_again_is_silent_and_the_first_stands(story: Story) -> None:
    story.skipper_attaches("r1", "the disk")
    before = story.incident
    assert story.skipper_attaches("r1", "the disk") is Reason.ALREADY
    assert story.skipper_attaches("r1", "no, the network") is Reason.ALREADY
    assert story.incident == before
    assert len(story.ledger.records) == 2


def test_another_report_is_another_investigation(story: Story) -> None:
    story.skipper_attaches("r1")
    assert story.skipper_attaches("r2") is Reason.INVESTIGATED
    assert story.incident.investigation_count == 2


def test_two_incidents_can_have_reports_of_one_id(story: Story) -> None:
    story.skipper_attaches("r1")
    story.fires(job="other")
    assert story.skipper_attaches("r1") is Reason.INVESTIGATED
    assert [incident.investigation_count for incident in story.incidents] == [1, 1]


def test_it_changes_no_status_and_comes_after_the_end_too(story: Story) -> None:
    story.operator_acknowledges()
    story.skipper_attaches("r1")
    assert story.incident.status is Status.ACKNOWLEDGED
    story.resolves()
    assert story.skipper_attaches("r2") is Reason.INVESTIGATED
    assert story.incident.status is Status.RESOLVED


def test_a_reopened_incident_keeps_its_investigations(story: Story) -> None:
    story.skipper_attaches("r1")
    story.resolves()
    story.passes(1)
    story.fires(since=1)
    assert (story.incident.reopen_count, story.incident.investigation_count) == (1, 1)
    assert story.skipper_attaches("r1") is Reason.ALREADY


def test_i8_an_incident_takes_so_many_and_no_more(story: Story) -> None:
    for number in range(INVESTIGATIONS_LIMIT):
        assert story.skipper_attaches(f"r{number}") is Reason.INVESTIGATED
    assert story.skipper_attaches("one more") is Reason.FULL
    assert story.skipper_attaches("r0") is Reason.ALREADY
    assert story.incident.investigation_count == INVESTIGATIONS_LIMIT
    assert story.operator_notes("there are many") is Reason.NOTED
