"""Which incident is meant: a whole id, or enough of its beginning or end."""

import re
import uuid
from collections.abc import Iterator, Sequence
from itertools import islice

from lookout.alerts.severity import Severity
from lookout.alerts.text import one_line
from lookout.cli.client import Client
from lookout.cli.terminal import short_id
from lookout.errors import NotFound, Refused
from lookout.incidents.incident import Incident

SHORTEST = 4
SEARCHED = 2000
"""How many incidents are searched, the newest of all, and as many open ones of each severity, as the list shows them.
What is older than those is named by its whole id."""

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
    matching = {
        incident.id: incident for incident in _searched(client) if _is_part(digits, incident.id.replace("-", ""))
    }
    match list(matching.values()):
        case []:
            raise NotFound(f"no incident's ID begins or ends with {digits}: `lookout incidents --all` lists them")
        case [incident]:
            return incident.id
        case several:
            raise Refused(f"{len(several)} incidents have {digits} in their ID: {_ends(several)}. Give more digits")


def _searched(client: Client) -> Iterator[Incident]:
    """Some of them twice. An open one may be older than very many that are over."""
    for severity in Severity:
        yield from islice(client.every_incident("open", severity), SEARCHED)
    yield from islice(client.every_incident(), SEARCHED)


def _is_part(digits: str, whole: str) -> bool:
    return whole.startswith(digits) or whole.endswith(digits)


def _ends(incidents: Sequence[Incident]) -> str:
    ends = [short_id(incident.id) for incident in incidents[:_NAMED]]
    return ", ".join(ends) + (" and others" if len(incidents) > _NAMED else "")
