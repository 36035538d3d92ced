"""Requests as templates. `<incident>`, `<fingerprint>` and the like are places for what is somebody's, or nobody's."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

PLACES = (
    "incident",
    "gid",
    "fingerprint",
    "position",
    "cursor",
    "gcursor",
    "pcursor",
    "word",
    "report",
    "tenant",
    "own",
)
"""What can stand in an ask. `own` is an incident of who asks, whosever all else is."""
_NAMES = (frozenset(("incident", "gid")), frozenset(("position", "cursor", "gcursor", "pcursor")))
"""Those that name the same."""
_OF_THE_ANSWER = ("date", "x-request-id", "content-length")
"""Headers that tell one answer from the next; the length is that of the body, in which the values differ."""
_OF_THE_MOMENT = ("uptime", "timestamp", "latency")
"""Members of JSON that do."""

_MOMENT = re.compile(r'(<time class="ago"[^>]*>|data-now=")[^<"]*')
"""How long ago something was, on a page, and when the page was made."""


class Ask(msgspec.Struct, frozen=True):
    """One request. `surface` names it in the report. `writes`: it would change something."""

    surface: str
    method: str
    path: str
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: Any = None
    writes: bool = False

    @property
    def places(self) -> set[str]:
        """Which places it has."""
        text = json.dumps([self.path, dict(self.query), dict(self.headers), self.body])
        asked = {place for place in PLACES if f"<{place}>" in text}
        # An answer may call a thing by its other name.
        return asked | {place for names in _NAMES if names & asked for place in names}


class Answer(msgspec.Struct, frozen=True):
    """What can be compared of an answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str

    def without(self, values: Mapping[str, str]) -> "Answer":
        """The same with the values that were asked for turned back into their places."""
        body, headers = _MOMENT.sub(r"\1", self.body), self.headers
        for place, value in values.items():
            wanted = _number(value) if value.isdigit() else _word(value)
            body = wanted.sub(f"<{place}>", body)
            headers = tuple((name, wanted.sub(f"<{place}>", told)) for name, told in headers)
        return Answer(self.status, headers, body)

    def of_no_moment(self) -> "Answer":
        """The same without what changes by itself."""
        try:
            told = json.loads(self.body)
        except ValueError:
            return self
        return Answer(self.status, self.headers, json.dumps(_without_moment(told), sort_keys=True))

    def shows(self, secrets: Iterable[str]) -> list[str]:
        """Which of the secrets stand in it."""
        text = self.body + "".join(value for _, value in self.headers)
        return [secret for secret in secrets if secret in text]


def _number(value: str) -> re.Pattern[str]:
    """It alone: as a part of another number, or of a time of day, it has nothing to do with it."""
    return re.compile(rf"(?<!\d[-:.])\b{value}\b(?![-:.]\d)")


def _word(value: str) -> re.Pattern[str]:
    return re.compile(f"{re.escape(value)}|{re.escape(quote(value, safe=''))}")


def _without_moment(told: Any) -> Any:
    match told:
        case dict():
            return {key: _without_moment(value) for key, value in told.items() if key not in _OF_THE_MOMENT}  # pyright: ignore[reportUnknownVariableType]
        case list():
            return [_without_moment(value) for value in told]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return told


def filled(ask: Ask, values: Mapping[str, str]) -> Ask:
    """The ask with its places taken by values."""

    def fill(text: str) -> str:
        for place, value in values.items():
            text = text.replace(f"<{place}>", value)
        return text

    def fill_all(told: Any) -> Any:
        match told:
            case str():
                return fill(told)
            case dict():
                return {key: fill_all(value) for key, value in told.items()}  # pyright: ignore[reportUnknownVariableType]
            case list():
                return [fill_all(value) for value in told]  # pyright: ignore[reportUnknownVariableType]
            case _:
                return told

    return msgspec.structs.replace(
        ask, path=fill(ask.path), query=fill_all(dict(ask.query)), headers=fill_all(dict(ask.headers)),
        body=fill_all(ask.body),
    )  # fmt: skip


async def answer_to(http: httpx.AsyncClient, ask: Ask, credential: Mapping[str, str]) -> Answer:
    """Ask, with a credential."""
    is_form = ask.headers.get("Content-Type") == "application/x-www-form-urlencoded"
    sent: dict[str, Any] = {"data": ask.body} if is_form else {"json": ask.body}
    response = await http.request(
        ask.method,
        ask.path,
        params=dict(ask.query) or None,
        headers={**credential, **ask.headers},
        **(sent if ask.body is not None else {}),
    )
    told = tuple((name, value) for name, value in response.headers.multi_items() if name not in _OF_THE_ANSWER)
    return Answer(response.status_code, told, response.text)
