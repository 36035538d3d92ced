"""Events come back as they were written, and those of a newer server as far as they can be read."""

import msgspec
import pytest
from tests.unit.cli.samples import event, incident

from lookout.cli.reading import UnknownEvent, UnreadableEvent, read_event
from lookout.incidents.events import Acknowledged


def test_an_event_comes_back_as_it_was_written() -> None:
    written = event(Acknowledged("mira"))
    assert read_event(msgspec.json.encode(written)) == written


def test_an_unknown_type_is_read_as_far_as_it_can_be() -> None:
    told = msgspec.to_builtins(event(Acknowledged("mira"), 7))
    told |= {"event_type": "incident_investigation_attached", "change": {"kind": "investigation_attached", "report": 1}}
    heard = read_event(msgspec.json.encode(told))
    assert isinstance(heard, UnknownEvent)
    assert (heard.position, heard.event_type) == (7, "incident_investigation_attached")
    assert heard.incident == incident()


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_event_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        read_event(raw)
