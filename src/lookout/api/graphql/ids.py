"""Global ids and cursors: base64 of `kind:key`. Raw ids are accepted wherever a global one is."""

import base64
import binascii
import uuid

from lookout.errors import Refused
from lookout.store.reads import END

INCIDENT = "Incident"
_INCIDENT_CURSOR = "incident"
_ALERT_CURSOR = "alert"
_INVESTIGATION_CURSOR = "investigation"


def incident_gid(incident_id: str) -> str:
    """The global id of an incident."""
    return _encode(INCIDENT, incident_id)


def incident_id_of(given: str) -> str:
    """The UUID that a raw or global id means. What is neither comes back as it is: it will not be found."""
    try:
        uuid.UUID(given)
    except ValueError:
        return _decode(given, INCIDENT) or given
    return given


def incident_cursor(opened_position: int) -> str:
    """The cursor of an incident in the list of incidents."""
    return _encode(_INCIDENT_CURSOR, str(opened_position))


def opened_position_of(cursor: str, field: str) -> int:
    """The position that a cursor of the list of incidents stands for. Raises `Refused`."""
    return _position_of(cursor, _INCIDENT_CURSOR, field)


def alert_cursor(fingerprint: str) -> str:
    """The cursor of an alert in its incident."""
    return _encode(_ALERT_CURSOR, fingerprint)


def fingerprint_of(cursor: str, field: str) -> str:
    """The fingerprint that a cursor of an incident's alerts stands for. Raises `Refused`."""
    fingerprint = _decode(cursor, _ALERT_CURSOR)
    if fingerprint is None or not fingerprint.isalnum() or not fingerprint.isascii():
        raise _no_cursor(field)
    return fingerprint


def investigation_cursor(position: int) -> str:
    """The cursor of an investigation in its incident."""
    return _encode(_INVESTIGATION_CURSOR, str(position))


def attached_position_of(cursor: str, field: str) -> int:
    """The position that a cursor of an incident's investigations stands for. Raises `Refused`."""
    return _position_of(cursor, _INVESTIGATION_CURSOR, field)


def _position_of(cursor: str, kind: str, field: str) -> int:
    digits = _decode(cursor, kind) or ""
    if digits.isascii() and digits.isdigit() and len(digits) < len(str(END)):
        return int(digits)
    raise _no_cursor(field)


def _encode(kind: str, key: str) -> str:
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


def _decode(text: str, kind: str) -> str | None:
    try:
        found, separator, key = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return key if separator and found == kind else None


def _no_cursor(field: str) -> Refused:
    return Refused(f"{field} is not a cursor of this list", field, "cursor")
