"""What of an alert's annotations is shown as links and values: reserved names, which sources write and readers read.

Annotations are kept with every lease and event already, so a link needs no column. The names are in the manner of
Grafana's own sender to external Alertmanagers (`__values__`, `__value_string__`), whose alerts are shown the same way.
"""

import math
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from lookout.alerts.text import one_line

DASHBOARD_URL = "__dashboardURL__"
PANEL_URL = "__panelURL__"
SILENCE_URL = "__silenceURL__"
IMAGE_URL = "__imageURL__"
RULE_UID = "__ruleUID__"
VALUES = "__values__"
VALUE_STRING = "__value_string__"

LINKS_LIMIT = 20
VALUES_LIMIT = 50
NAME_LIMIT = 100
URL_LIMIT = 4096

_NAMED = {DASHBOARD_URL: "dashboard", PANEL_URL: "panel", SILENCE_URL: "silence", IMAGE_URL: "image"}
_NUMBERED = re.compile(r"__link_(\d{1,3})__", re.ASCII)
_UNLISTED = frozenset({*_NAMED, RULE_UID, VALUES, VALUE_STRING})
_NUMBERS = msgspec.json.Decoder(dict[str, float | None])


class Shown(msgspec.Struct, frozen=True):
    """Annotations as they are shown: where to look, what was measured, and the rest, which describes."""

    links: Mapping[str, str]
    values: Mapping[str, float]
    annotations: Mapping[str, str]


def shown(annotations: Mapping[str, str]) -> Shown:
    """`annotations` with the reserved ones read. A link is an http or https URL; what is none is not shown."""
    described = {name: text for name, text in annotations.items() if not is_reserved(name)}
    if len(described) == len(annotations):
        return Shown({}, {}, described)
    return Shown(_links_of(annotations), _values_of(annotations.get(VALUES, "")), described)


def is_reserved(name: str) -> bool:
    """Whether an annotation of this name is shown as a link or a value, and not listed."""
    return name in _UNLISTED or _NUMBERED.fullmatch(name) is not None


def numbered_link(number: int, url: str, text: str) -> tuple[str, str]:
    """The annotation, name and text, of a link that has no name of its own. `number` gives it its place."""
    return f"__link_{number}__", f"{url} {one_line(text, NAME_LIMIT)}".rstrip()


def is_web_url(text: str) -> bool:
    """Whether `text` is a URL that a browser may be sent to, without anything in it that hides where it leads."""
    if not text or len(text) > URL_LIMIT or " " in text or one_line(text, URL_LIMIT) != text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _links_of(annotations: Mapping[str, str]) -> dict[str, str]:
    links = {word: annotations[name] for name, word in _NAMED.items() if is_web_url(annotations.get(name, ""))}
    numbers = sorted(int(match[1]) for name in annotations if (match := _NUMBERED.fullmatch(name)))
    for number in numbers:
        url, _, text = annotations.get(f"__link_{number}__", "").partition(" ")
        word = one_line(text, NAME_LIMIT) or f"link {number}"
        if is_web_url(url) and len(links) < LINKS_LIMIT:
            links[word if word not in links else f"{word} ({number})"] = url
    return links


def _values_of(text: str) -> dict[str, float]:
    try:
        numbers = _NUMBERS.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}
    known = [(name, number) for name, number in numbers.items() if number is not None and math.isfinite(number)]
    return {one_line(name, NAME_LIMIT): number for name, number in known[:VALUES_LIMIT]}
