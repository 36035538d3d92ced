"""Global ids and cursors: what goes out comes back, and nothing else gets in."""

import base64
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookout.api.graphql.ids import (
    alert_cursor,
    attached_position_of,
    fingerprint_of,
    incident_cursor,
    incident_gid,
    incident_id_of,
    investigation_cursor,
    opened_position_of,
)
from lookout.errors import Refused
from lookout.store.reads import END


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@given(st.uuids())
def test_an_incident_is_meant_by_its_raw_and_by_its_global_id(known: uuid.UUID) -> None:
    assert incident_gid(str(known)) == coded(f"Incident:{known}")
    assert incident_id_of(incident_gid(str(known))) == str(known)
    assert incident_id_of(str(known)) == str(known)


@given(st.text())
def test_any_other_id_comes_back_or_is_what_was_coded(text: str) -> None:
    assert incident_id_of(text) in {text, _key_of(text)}


def _key_of(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode().partition(":")[2]
    except ValueError:
        return None


def test_a_global_id_of_another_type_is_no_incidents() -> None:
    other = coded("Alert:0198c8a0-0000-7000-8000-000000000000")
    assert incident_id_of(other) == other


@given(st.integers(0, END // 10))
def test_an_incidents_cursor_is_its_opening(position: int) -> None:
    assert opened_position_of(incident_cursor(position), "after") == position


@given(st.from_regex(r"[0-9a-f]{16}", fullmatch=True))
def test_an_alerts_cursor_is_its_fingerprint(fingerprint: str) -> None:
    assert fingerprint_of(alert_cursor(fingerprint), "after") == fingerprint


@given(st.integers(0, END // 10))
def test_an_investigations_cursor_is_its_position(position: int) -> None:
    assert attached_position_of(investigation_cursor(position), "after") == position


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "====",
        "\0",
        coded("incident"),
        coded("incident:"),
        coded("incident:-1"),
        coded("incident:①"),
        coded("incident:1 "),
        coded("incident:" + "9" * 5000),
        coded("alert:\0"),
        coded("alert:%"),
        coded("alert:"),
        coded("event:1"),
        coded("investigation:x"),
    ],
)
def test_what_is_no_cursor_is_refused_by_name(cursor: str) -> None:
    for read in (opened_position_of, fingerprint_of, attached_position_of):
        with pytest.raises(Refused, match="before is not a cursor of this list") as refused:
            read(cursor, "before")
        assert refused.value.field == "before"
