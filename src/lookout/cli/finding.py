"""Which incident is meant: a whole id, or enough of its beginning or end."""

import re
import uuid
from collections.abc import Sequence
from itertools import islice

from lookout.alerts.text import one_line
from lookout.cli.client import Client
from lookout.cli.terminal import short_id
from lookout.errors import NotFound, Refused
from lookout.incidents.incident import Incident

SHORTEST = 4
SEARCHED = 2000
"""How many incidents are searched, newest first. An older one is named by its whole id."""

_PART = re.compile(rf"[0-9a-f]{{{SHORTEST},32}}")
_WHOLE = 32
_NAMED = 5


def find_incident(client: Client, part: str) -> str:
    """The id of the one incident whose id begins or ends with `part`; dashes do not count.

    An id begins with the time, which incidents of one storm share: its end tells them apart sooner.
    Raises `Refused` if `part` is not of an id or is of several, `NotFound`, or the client's `ServerError`.
    """
    digits = part.strip().lower().replace("-", "")
    if not _PART.fullmatch(digits):
        raise Refused(f"{one_line(part, 60)!r} is not an incident's ID: give at least {SHORTEST} of its hex digits")
    if len(digits) == _WHOLE:
        return str(uuid.UUID(digits))
    matching = [
        incident
        for incident in islice(client.every_incident(), SEARCHED)
        if _is_part(digits, incident.id.replace("-", ""))
    ]
    match matching:
        case []:
            raise NotFound(f"no incident's ID begins or ends with {digits}: `lookout incidents --all` lists them")
        case [incident]:
            return incident.id
        case _:
            raise Refused(f"{len(matching)} incidents have {digits} in their ID: {_ends(matching)}. Give more digits")


def _is_part(digits: str, whole: str) -> bool:
    return whole.startswith(digits) or whole.endswith(digits)


def _ends(incidents: Sequence[Incident]) -> str:
    ends = [short_id(incident.id) for incident in incidents[:_NAMED]]
    return ", ".join(ends) + (" and others" if len(incidents) > _NAMED else "")
