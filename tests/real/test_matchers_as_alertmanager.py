"""Filters find in Lookout what they find in the real Alertmanager beside it, and what it refuses is refused alike."""

import re
from typing import Any

import httpx
import msgspec
import pytest

pytestmark = [pytest.mark.real, pytest.mark.slow]

LABELS: list[dict[str, str]] = [
    {"alertname": "Down", "job": "api", "severity": "critical", "instance": "a:9100"},
    {"alertname": "Down", "job": "api", "severity": "warning", "instance": "b:9100"},
    {"alertname": "Down", "job": "db", "severity": "critical", "instance": "c:9100", "team": "data, storage"},
    {"alertname": "Slow", "job": "api", "path": "C:\\new", "team": "café"},
    {"alertname": "Slow", "job": "web", "text": 'say "hi"'},
    {"alertname": "Lines", "text": "one\ntwo"},
    {"alertname": "Emoji", "text": "\N{FIRE}"},
    {"alertname": "Space", "text": "  two  ", "job": "down"},
    {"alertname": "Long", "text": "x" * 5000},
    {"job": "nameless"},
]
UTF8_NAMED = {"alertname": "Utf8", "é b": "x", "a-b": "y", "a:b": "colon", "job": "utf8"}
"""Only from 0.27 on may a label have such names."""

FILTERS: list[list[str]] = [
    ["alertname=Down"],
    ['alertname="Down"'],
    [' alertname = "Down" '],
    ["alertname!=Down"],
    ["alertname=~Down"],
    ["alertname=~Dow"],
    ["alertname=~D.*n"],
    ["alertname=~^Down$"],
    ["alertname!~Down|Slow"],
    ["alertname=~(?i)down"],
    ["alertname=~.*", "job=api"],
    ["job=api", "severity=critical"],
    ["job=api", "job=db"],
    ["alertname="],
    ['alertname=""'],
    ["alertname!="],
    ["alertname=~"],
    ["alertname!~"],
    ["severity=~.+"],
    ["severity!~.+"],
    ["severity=~critical|"],
    ["missing="],
    ["missing!=x"],
    ["missing!~x.*"],
    ["missing=~.+"],
    ["team=data, storage"],
    ['team="data, storage"'],
    ["team=café"],
    ["team=~caf."],
    ["team=~caf\\pL"],
    ["text=~."],
    ['text="\N{FIRE}"'],
    ['text="say \\"hi\\""'],
    ['text=~"say .hi."'],
    ['text="one\\ntwo"'],
    ["text=one\\ntwo"],
    ["text=~one.two"],
    ["text=~(?s)one.two"],
    ["text=~one\\s+two"],
    ['text="  two  "'],
    ["text=  two  "],
    ["text=~\\s*two\\s*"],
    ["text=~x+"],
    ["text=~(x+x+)+y"],
    ["text!~(x*)*"],
    ['path="C:\\\\new"'],
    ["path=C:\\new"],
    ['path=~"C:\\\\\\\\new"'],
    ["a:b=colon"],
    ["instance=~[ab]:\\d+"],
    ["instance=~[ab]:9100,"],
    ["job=api,severity=critical"],
    ["alertname==Down"],
    ["alertname=~Down)|(?:Slow"],
    ["job=~(?P<name>a)pi"],
    ["job=~\\Qapi\\E"],
    ["job=~a{1}pi"],
    ["job=~[[:alpha:]]+"],
    ["job=~ap\\z"],
    ["job=~api\\z"],
]  # fmt: skip

BAD: list[str] = [
    "bad",
    "",
    " ",
    "=x",
    "alertname",
    "alertname!Down",
    "alertname~Down",
    '"alertname"',
    'alertname="Down',
    'alertname=Down"',
    'alertname="Do"wn',
    'alertname="Down\\"',
    "alertname=~(",
    "alertname=~)",
    "alertname=~[",
    "alertname=~*",
    "alertname=~a**",
    'alertname=~"a{1001}"',
    "alertname=~(?=x)",
    "alertname=~(x)\\1",
    "alertname=~\\",
    "alertname=~[z-a]",
    "alertname=~\\C",
]

UTF8_ONLY: dict[str, str] = {
    '"é b"="x"': "a quoted name",
    '"é b"!=x': "a quoted name",
    '"é b"=~"x|y"': "a quoted name",
    '"job"=api': "a quoted name, of a classic label",
    '"j\\u006fb"="\\x61pi"': "Go's escapes, which the classic parser has not",
    "é=x": "a bare name that is not ASCII",
    "a-b=y": "a bare name with a dash",
    "1a=x": "a bare name that begins with a digit",
    'job="api",': "one trailing comma",
    " {job=api} ": "braces that are neither first nor last",
    "job\N{NO-BREAK SPACE}=api": "white space that is not ASCII",
}
"""Read by the UTF-8 parser of 0.27 and later, refused by the classic one; and why."""
UTF8_MESSAGE: dict[str, str] = {
    '{alertname="Down"}': "from 0.27 on braces have an error of their own",
    "{alertname=Down": "from 0.27 on braces have an error of their own",
}
"""Refused by both, in other words; and why."""


class Servers(msgspec.Struct, frozen=True):
    lookout: httpx.AsyncClient
    alertmanager: httpx.AsyncClient
    is_utf8: bool

    async def both(self, *pairs: tuple[str, str]) -> "list[tuple[int, Any]]":
        """What Lookout and Alertmanager answer: the fingerprints, or what is wrong."""
        return [await _ask(http, pairs) for http in (self.lookout, self.alertmanager)]


async def _ask(http: httpx.AsyncClient, pairs: tuple[tuple[str, str], ...]) -> tuple[int, Any]:
    answer = await http.get("/api/v2/alerts", params=pairs)
    told: Any = answer.json()
    return answer.status_code, [alert["fingerprint"] for alert in told] if answer.is_success else told


@pytest.fixture(scope="module")
async def servers(alertmanager_url: str, lookout_url: str) -> Any:
    """Both, with the same alerts."""
    async with (
        httpx.AsyncClient(base_url=lookout_url) as lookout,
        httpx.AsyncClient(base_url=alertmanager_url) as alertmanager,
    ):
        version = (await alertmanager.get("/api/v2/status")).json()["versionInfo"]["version"]
        major, minor = re.findall(r"\d+", version)[:2]
        is_utf8 = (int(major), int(minor)) >= (0, 27)
        labels = [*LABELS, UTF8_NAMED] if is_utf8 else LABELS
        for http in (lookout, alertmanager):
            (await http.post("/api/v2/alerts", json=[{"labels": one} for one in labels])).raise_for_status()
        yield Servers(lookout, alertmanager, is_utf8)


def _filters(texts: list[str]) -> list[tuple[str, str]]:
    return [("filter", text) for text in texts]


async def test_both_have_the_same_alerts(servers: Servers) -> None:
    ours, theirs = await servers.both()
    assert ours == theirs
    assert len(ours[1]) == len(LABELS) + servers.is_utf8


@pytest.mark.parametrize("filters", FILTERS, ids=" ; ".join)
async def test_the_same_are_found(servers: Servers, filters: list[str]) -> None:
    ours, theirs = await servers.both(*_filters(filters))
    assert ours == theirs
    assert ours[0] == 200


@pytest.mark.parametrize("text", BAD)
async def test_the_same_is_refused_in_the_same_words(servers: Servers, text: str) -> None:
    ours, theirs = await servers.both(("filter", text))
    assert ours == theirs
    assert ours[0] == 400


@pytest.mark.parametrize("text", UTF8_ONLY)
async def test_what_only_the_utf8_parser_reads(servers: Servers, text: str) -> None:
    ours, theirs = await servers.both(("filter", text))
    assert ours[0] == 200
    if servers.is_utf8:
        assert ours == theirs
    else:
        assert theirs[0] == 400


@pytest.mark.parametrize("text", UTF8_MESSAGE)
async def test_what_both_parsers_refuse_in_other_words(servers: Servers, text: str) -> None:
    ours, theirs = await servers.both(("filter", text))
    assert (ours[0], theirs[0]) == (400, 400)
    assert (ours == theirs) is servers.is_utf8


@pytest.mark.parametrize("query", ["lookout", "look.*", "look", ".+|x", "", "(", "[", "a**", "(?!x)"])
async def test_the_same_receivers_are_meant(servers: Servers, query: str) -> None:
    ours, theirs = await servers.both(("receiver", query))
    assert ours == theirs


@pytest.mark.parametrize("value", ["true", "1", "YES", "on", "t", "", "false", "0", "no", "maybe", " true"])
@pytest.mark.parametrize("name", ["active", "silenced", "inhibited", "unprocessed"])
async def test_flags_are_read_the_same(servers: Servers, name: str, value: str) -> None:
    ours, theirs = await servers.both((name, value))
    assert ours == theirs


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v2/silence/nope"),
        ("GET", "/api/v2/silence/00000000-0000-0000-0000-000000000000"),
        ("GET", "/api/v2/nope"),
        ("PUT", "/api/v2/alerts"),
        ("PUT", "/api/v2/status"),
        ("DELETE", "/api/v2/receivers"),
        ("HEAD", "/api/v2/alerts"),
        ("POST", "/api/v2/alerts/groups"),
        ("GET", "/-/healthy"),
        ("GET", "/-/ready"),
        ("GET", "/api/v2/silences"),
    ],
)
async def test_other_paths_answer_the_same(servers: Servers, method: str, path: str) -> None:
    ours, theirs = [await http.request(method, path) for http in (servers.lookout, servers.alertmanager)]
    assert (ours.status_code, _ordered(ours.text)) == (theirs.status_code, _ordered(theirs.text))
    # 0.25 allows caching what changes all the time.
    for header in ("Content-Type", "Allow", *(["Cache-Control"] if servers.is_utf8 else [])):
        assert _ordered(ours.headers.get(header, "")) == _ordered(theirs.headers.get(header, "")), header


def _ordered(text: str) -> str:
    """Each start of Alertmanager names the allowed methods in an order of its own."""
    return text.replace("POST,GET", "GET,POST")


async def test_an_alert_has_the_same_fields(servers: Servers) -> None:
    ours, theirs = [(await http.get("/api/v2/alerts")).json()[0] for http in (servers.lookout, servers.alertmanager)]
    ours["status"].pop("mutedBy")  # since 0.28
    theirs["status"].pop("mutedBy", None)
    for name in ("startsAt", "endsAt", "updatedAt"):  # each has its own clock, by some milliseconds
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", ours[name])
        assert ours.pop(name)[:13] == theirs.pop(name)[:13]
    assert ours == theirs
