"""An event as every surface shows it: what the log has of it, and its incident as it was then."""

from tests.unit.stories import Story

from lookout.incidents.events import EventType, feed_event


def test_it_has_the_incident_as_it_was_after_it() -> None:
    story = Story()
    story.fires()
    story.passes(1)
    story.resolves()
    shown = [feed_event(record.event, record.incident) for record in story.ledger.records]
    assert [event.event_type for event in shown] == [EventType.OPENED, EventType.RESOLVED]
    for event, record in zip(shown, story.ledger.records, strict=True):
        assert (event.tenant_id, event.position, event.event_id) == (
            "acme",
            record.event.position,
            record.event.event_id,
        )
        assert (event.occurred_at, event.recorded_at) == (record.event.occurred_at, record.event.recorded_at)
        assert (event.incident, event.change) == (record.incident, record.event.change)
