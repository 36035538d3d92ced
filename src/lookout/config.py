"""Settings: the environment, and `lookout.yaml` for the policy. Read only here; all problems are told at once."""

import ipaddress
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import yaml

from lookout import kafka
from lookout.alerts.matcher import Matcher, MatcherError, parse_matchers
from lookout.alerts.severity import SYNONYMS, Severity
from lookout.alerts.source import Source
from lookout.alerts.text import one_line
from lookout.errors import SettingsError
from lookout.incidents.policy import Policy
from lookout.incidents.rules import MATCHED_LABELS_LIMIT, MATCHERS_LIMIT, RULES_LIMIT, Matching, Rule
from lookout.incidents.tenants import PLATFORM_TENANT, TENANT_RULES_LIMIT, Tenancy, TenantRule, is_tenant_id
from lookout.kafka import KafkaSettings

DEFAULT_PORT = 18013
VARIABLES = (
    "HOST",
    "PORT",
    "DATABASE_URL",
    "LOOKOUT_MIGRATE_DATABASE_URL",
    "LOOKOUT_LISTEN_DATABASE_URL",
    "LOOKOUT_POOLER",
    "LOOKOUT_WAKE",
    "JWT_SECRET",
    "SERVICE_TOKEN",
    "LOOKOUT_AUTH",
    "LOOKOUT_JWKS_URL",
    "LOOKOUT_JWT_AUDIENCE",
    "LOOKOUT_DATA_DIR",
    "LOOKOUT_CONFIG",
    "LOOKOUT_RETENTION",
    "LOOKOUT_INGEST_RATE",
    "LOOKOUT_READ_RATE",
    "LOOKOUT_STREAMS",
    "LOOKOUT_GRAFANA_SECRET",
    "LOOKOUT_GRAFANA_TIMESTAMP_HEADER",
    *kafka.VARIABLES,
)
_OTHERS_OF_OURS = ("LOOKOUT_URL", "LOOKOUT_TOKEN")
"""Read by the commands that talk to a running Lookout."""


W = TypeVar("W", bound=StrEnum)

RETENTION = timedelta(days=400)
"""How long what is over is kept: a year to compare with, and a month to do it in."""
SHORTEST_RETENTION = timedelta(days=1)
LARGEST_LIMIT = 1_000_000
"""Of what the environment sets: a bound that nobody meets."""
SHORTEST_SECRET = 32
"""Characters of a secret: HS256 needs 256 bits, and what is shorter can be guessed from one token."""


class Access(msgspec.Struct, frozen=True):
    """How callers are known. API tokens are in the database; all of these may be missing."""

    jwt_secret: str | None = None
    jwks_url: str | None = None
    jwt_audience: str | None = None
    service_token: str | None = None


class Limits(msgspec.Struct, frozen=True):
    """What one tenant may ask of one process: requests a second, those that send alerts and all others, and streams."""

    ingest_rate: int = 500
    read_rate: int = 100
    streams: int = 1_000


class Pooler(StrEnum):
    """For how long a pooler between Lookout and PostgreSQL, if there is one, gives us a session of its own."""

    SESSION = "session"
    TRANSACTION = "transaction"


class Wake(StrEnum):
    """How a process learns that another one has written: it is told, or it looks."""

    NOTIFY = "notify"
    POLL = "poll"


class Settings(msgspec.Struct, frozen=True):
    """What a running Lookout goes by. `database_url` None: an embedded PostgreSQL in `data_dir`.

    With `grafana_secret` every message of Grafana has to be signed, and with `grafana_timestamp_header` its time too.
    """

    host: str
    port: int
    data_dir: Path
    database_url: str | None
    config: Path | None
    policy: Policy
    grafana_secret: str | None = None
    grafana_timestamp_header: str | None = None
    retention: timedelta = RETENTION
    access: Access | None = None
    """None is local mode: no authentication, on loopback."""
    kafka: KafkaSettings | None = None
    migrate_database_url: str | None = None
    """The same database as the owner of the tables. None: `database_url` is that, or nothing is to be migrated."""
    listen_database_url: str | None = None
    """The same database where notifications come from. None: `database_url`."""
    pooler: Pooler = Pooler.SESSION
    wake: Wake = Wake.NOTIFY
    limits: Limits = Limits()
    platform_tenant: str = PLATFORM_TENANT
    """The tenant of those who run the whole. What a sender for many tenants sends for none is theirs."""
    external_url: str = ""
    """Where readers find Lookout; "" unless it is set."""


FILE_LIMIT = 256 * 1024
"""Characters of lookout.yaml, which is read while alerts are taken."""
LABELS_LIMIT = 50
"""Names in one list of labels."""
ALERT_NAME_LIMIT = 200
"""Characters of an alert's name."""
ADDRESSES_LIMIT = 16
"""Addresses at which one source is asked."""
NAME_LIMIT = 100
"""Characters of a rule's name or title: the group labels stand behind a title, and want room."""
LONGEST = timedelta(days=3650)
SHORTEST = timedelta(seconds=1)
_DURATION = re.compile(r"([0-9]+(ms|[smhdw]))+")
_URL = re.compile(r"[!-~]+", re.ASCII)
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that `environ`, and the file it names, give. Raises `SettingsError` with every problem found."""
    problems: list[str] = _unknown_variables(environ)
    host = environ.get("HOST") or "127.0.0.1"
    access = _access(environ, problems)
    if access is None and not is_loopback(host):
        problems.append(
            f"HOST is {host!r}: without authentication Lookout listens on loopback only. "
            "Set JWT_SECRET, LOOKOUT_JWKS_URL, SERVICE_TOKEN or LOOKOUT_AUTH=required, or use 127.0.0.1."
        )
    port = _port(environ.get("PORT", ""), problems)
    database_url = _database_url(environ, "DATABASE_URL", problems)
    migrate_database_url = _database_url(environ, "LOOKOUT_MIGRATE_DATABASE_URL", problems)
    if migrate_database_url is not None and database_url is None:
        problems.append("LOOKOUT_MIGRATE_DATABASE_URL is set, and DATABASE_URL is not: nobody would serve from there")
    listen_database_url = _database_url(environ, "LOOKOUT_LISTEN_DATABASE_URL", problems)
    pooler, wake = _ways(environ, database_url, listen_database_url, problems)
    grafana_secret = environ.get("LOOKOUT_GRAFANA_SECRET") or None
    timestamp_header = environ.get("LOOKOUT_GRAFANA_TIMESTAMP_HEADER") or None
    if timestamp_header is not None and not _HEADER.fullmatch(timestamp_header):
        problems.append(f"LOOKOUT_GRAFANA_TIMESTAMP_HEADER is {timestamp_header!r}: the name of a header is expected")
    if timestamp_header is not None and grafana_secret is None:
        problems.append(
            "LOOKOUT_GRAFANA_TIMESTAMP_HEADER is set, and LOOKOUT_GRAFANA_SECRET is not: nothing is checked"
        )
    config = Path(environ["LOOKOUT_CONFIG"]) if environ.get("LOOKOUT_CONFIG") else None
    policy = Policy()
    if config is not None:
        try:
            policy = load_policy(config)
        except SettingsError as error:
            problems.append(str(error))
    external_url = kafka.external_url_of(environ)
    if external_url and not external_url.startswith(("http://", "https://")):
        problems.append(
            f"LOOKOUT_EXTERNAL_URL is {external_url!r}: an address like https://lookout.example is expected"
        )
    to_kafka = kafka.settings_of(environ, _own_url(host, port), problems)
    retention = _retention(environ.get("LOOKOUT_RETENTION", ""), problems)
    limits = _limits(environ, problems)
    platform_tenant = environ.get("LOOKOUT_PLATFORM_TENANT") or PLATFORM_TENANT
    if not is_tenant_id(platform_tenant):
        problems.append(f"LOOKOUT_PLATFORM_TENANT is {platform_tenant!r}: {_TENANT_EXPECTED}")
    if problems:
        raise SettingsError("\n".join(problems))
    data_dir = Path(environ.get("LOOKOUT_DATA_DIR") or _default_data_dir(environ))
    return Settings(
        host,
        port,
        data_dir,
        database_url,
        config,
        policy,
        grafana_secret,
        timestamp_header,
        retention=retention,
        access=access,
        kafka=to_kafka,
        migrate_database_url=migrate_database_url,
        listen_database_url=listen_database_url,
        pooler=pooler,
        wake=wake,
        platform_tenant=platform_tenant,
        limits=limits,
        external_url=external_url,
    )


def _database_url(environ: Mapping[str, str], name: str, problems: list[str]) -> str | None:
    url = environ.get(name) or None
    if url is not None and not url.startswith(("postgresql://", "postgres://")):
        problems.append(f"{name} is not of the form postgresql://user:password@host:5432/database")
    return url


def _ways(
    environ: Mapping[str, str], database_url: str | None, listen_database_url: str | None, problems: list[str]
) -> tuple[Pooler, Wake]:
    """The pooler before the database, and how a process learns of what others write: to be notified takes a session."""
    pooler = _choice(environ, "LOOKOUT_POOLER", Pooler, Pooler.SESSION, problems)
    is_heard = pooler is Pooler.SESSION or listen_database_url is not None
    wake = _choice(environ, "LOOKOUT_WAKE", Wake, Wake.NOTIFY if is_heard else Wake.POLL, problems)
    if pooler is Pooler.TRANSACTION and database_url is None:
        problems.append(
            "LOOKOUT_POOLER is transaction, and DATABASE_URL is not set: the private database has no pooler"
        )
    if listen_database_url is not None and database_url is None:
        problems.append("LOOKOUT_LISTEN_DATABASE_URL is set, and DATABASE_URL is not: nobody would notify there")
    if wake is Wake.NOTIFY and not is_heard:
        problems.append(
            "LOOKOUT_WAKE is notify, and LOOKOUT_POOLER is transaction: no notification comes through such a pooler. "
            "Name the database itself in LOOKOUT_LISTEN_DATABASE_URL, or leave LOOKOUT_WAKE out"
        )
    if wake is Wake.POLL and listen_database_url is not None:
        problems.append("LOOKOUT_LISTEN_DATABASE_URL is set, and LOOKOUT_WAKE is poll: nobody would listen there")
    return pooler, wake


def _choice(environ: Mapping[str, str], name: str, words: type[W], usual: W, problems: list[str]) -> W:
    text = environ.get(name) or usual.value
    if text in [word.value for word in words]:
        return words(text)
    problems.append(f"{name} is {text!r}: {' or '.join(words)} is expected")
    return usual


def _access(environ: Mapping[str, str], problems: list[str]) -> Access | None:
    """How callers are known, None for local mode."""
    given = {name: environ[name] for name in _ACCESS if environ.get(name)}
    problems += [
        f"{name} has {len(given[name])} characters: at least {SHORTEST_SECRET} random ones are needed"
        for name in ("JWT_SECRET", "SERVICE_TOKEN")
        if name in given and len(given[name]) < SHORTEST_SECRET
    ]
    url = given.get("LOOKOUT_JWKS_URL", "")
    if url and not _is_trusted(url):
        problems.append("LOOKOUT_JWKS_URL has to be https://: whoever can change the keys can be anybody")
    if "LOOKOUT_JWT_AUDIENCE" in given and not given.keys() & {"JWT_SECRET", "LOOKOUT_JWKS_URL"}:
        problems.append("LOOKOUT_JWT_AUDIENCE is set, and neither JWT_SECRET nor LOOKOUT_JWKS_URL: nothing is checked")
    word = environ.get("LOOKOUT_AUTH") or ("required" if given else "local")
    if word not in ("required", "local"):
        problems.append(f"LOOKOUT_AUTH is {word!r}: required or local is expected")
    if word == "local" and given:
        problems.append(f"LOOKOUT_AUTH is local, and {', '.join(sorted(given))} would be ignored: take one away")
    if word == "local":
        return None
    return Access(*(given.get(name) for name in _ACCESS))


_ACCESS = ("JWT_SECRET", "LOOKOUT_JWKS_URL", "LOOKOUT_JWT_AUDIENCE", "SERVICE_TOKEN")
"""In the order of the fields of `Access`."""


def _is_trusted(url: str) -> bool:
    """Whether nobody on the way can answer in its place."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_policy(path: Path) -> Policy:
    """The policy of a `lookout.yaml`. Raises `SettingsError`: a line for each problem, with file, line and key."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(FILE_LIMIT + 1)
        if len(text) > FILE_LIMIT:
            raise SettingsError(f"{path}: larger than {FILE_LIMIT // 1024} KiB")
        tree: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise SettingsError(f"LOOKOUT_CONFIG: cannot read {path}: {error.strerror}") from None
    except RecursionError:
        raise SettingsError(f"{path}: nested too deeply") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise SettingsError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if tree is None or tree.tag == _NULL:
        return Policy()
    problems: list[str] = []
    given = _keys(_Part(tree, path, tree.start_mark.line + 1, "", problems), _FILE)
    if problems:
        raise SettingsError("\n".join(problems))
    sources = {name: Source(**settled) for name, settled in given.get("sources", {}).items()}
    tenants = Tenancy(**given.get("tenants", {}))
    return Policy(**given.get("policy", {}), sources=sources, tenants=tenants)


def is_duration(text: str) -> bool:
    """Whether `text` is a duration as Prometheus writes it."""
    return _DURATION.fullmatch(text) is not None


def duration_of(text: str) -> timedelta:
    """A duration as Prometheus writes it: "5m", "1h30m", "12h"."""
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdw])", text)))


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = {*VARIABLES, *_OTHERS_OF_OURS}
    ours = ", ".join(name for name in VARIABLES if name.startswith("LOOKOUT_"))
    return [
        f"{name} is not a setting of Lookout: {ours} are"
        for name in sorted(environ)
        if name.startswith("LOOKOUT_") and name not in known and not name.startswith(kafka.PROPERTY_PREFIX)
    ]


def _own_url(host: str, port: int) -> str:
    """Where this Lookout is found, as far as the settings say: nothing for a port that is picked at the start."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}" if port else ""


def _port(text: str, problems: list[str]) -> int:
    if not text:
        return DEFAULT_PORT
    if text.isascii() and text.isdigit() and int(text) < 65_536:
        return int(text)
    problems.append(f"PORT is {text!r}: a number from 0 to 65535 is expected")
    return DEFAULT_PORT


def _retention(text: str, problems: list[str]) -> timedelta:
    if not text:
        return RETENTION
    try:
        retention = duration_of(text) if is_duration(text) else timedelta()
    except (OverflowError, ValueError):
        retention = timedelta.max
    if not SHORTEST_RETENTION <= retention <= LONGEST:
        problems.append(
            f"LOOKOUT_RETENTION is {text!r}: a duration from {SHORTEST_RETENTION.days}d to {LONGEST.days}d is expected"
        )
    return retention


def _limits(environ: Mapping[str, str], problems: list[str]) -> Limits:
    given: dict[str, int] = {}
    for name, variable in _LIMITS.items():
        text = environ.get(variable)
        if text and text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_LIMIT)):
            given[name] = int(text)
        if text and not 1 <= given.get(name, 0) <= LARGEST_LIMIT:
            problems.append(f"{variable} is {text[:40]!r}: a number from 1 to {LARGEST_LIMIT:,} is expected")
    return Limits(**given)


_LIMITS = {"ingest_rate": "LOOKOUT_INGEST_RATE", "read_rate": "LOOKOUT_READ_RATE", "streams": "LOOKOUT_STREAMS"}


def _default_data_dir(environ: Mapping[str, str]) -> Path:
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/lookout")
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "lookout"


_NULL = "tag:yaml.org,2002:null"
_TENANT_EXPECTED = "letters, digits, dot, dash and underscore are expected, at most 100, a letter or a digit first"


class _Part(msgspec.Struct, frozen=True):
    """What stands at a place of the file. The problems of all its parts go to one list."""

    node: yaml.Node
    path: Path
    line: int
    key: str
    problems: list[str]

    @property
    def text(self) -> str | None:
        """The text as it is written, whatever YAML takes it for; None if it is a list or keys."""
        return _text(self.node)

    def note(self, problem: str) -> None:
        self.problems.append(f"{self.path}:{self.line}: {self.key or 'the file'}: {problem}")

    def within(self, key: str, node: yaml.Node, place: yaml.Node) -> "_Part":
        """What stands under `key`, beginning at `place`."""
        return _Part(node, self.path, place.start_mark.line + 1, f"{self.key}{key}".lstrip("."), self.problems)

    def entries(self, fold: Callable[[str], str] = str) -> Iterator[tuple[str, "_Part"]]:
        """What stands here by key, as `fold` makes it. A key that stands here twice is noted."""
        if not isinstance(self.node, yaml.MappingNode):
            self.note("keys with values are expected")
            return
        lines: dict[str, int] = {}
        for name, value in self.node.value:
            key = _text(name)
            if key is None:
                self.within("", name, name).note("a key is one word")
                continue
            part = self.within(f".{key}", value, name)
            folded = fold(key)
            if folded in lines:
                part.note(f"given twice, first in line {lines[folded]}")
            else:
                lines[folded] = part.line
                yield folded, part


def _text(node: yaml.Node) -> str | None:
    return node.value if isinstance(node, yaml.ScalarNode) and node.tag.startswith("tag:yaml.org") else None


def _keys(part: _Part, readers: "Mapping[str, _Reader]") -> dict[str, Any]:
    """What stands under the known keys, without those left empty."""
    given: dict[str, Any] = {}
    for key, value in part.entries():
        if key not in readers:
            value.note(f"unknown key; known: {', '.join(readers)}")
        elif value.node.tag != _NULL:
            given[key] = readers[key](value)
    return given


def _group_by(part: _Part) -> tuple[str, ...]:
    if isinstance(part.node, yaml.SequenceNode) and not part.node.value:
        part.note("without a label every alert would be an incident of its own; leave the key out for the default")
    return _labels(part)


def _labels(part: _Part) -> tuple[str, ...]:
    labels: list[str] = []
    items = _items(part, "a list of labels is expected: [alertname, job]")
    _bound(part, len(items), LABELS_LIMIT, "labels")
    for item in items:
        if item.text:
            labels.append(item.text)
        else:
            item.note("the name of a label is expected")
    return tuple(labels)


def _duration(part: _Part, shortest: timedelta = SHORTEST) -> timedelta:
    text = part.text or ""
    if not is_duration(text):
        part.note("a duration like 5m, 1h30m or 12h is expected")
        return shortest
    try:
        duration = duration_of(text)
    except (OverflowError, ValueError):  # a number of more digits than Python takes
        duration = timedelta.max
    if not shortest <= duration <= LONGEST:
        part.note(f"from {shortest.total_seconds():.0f}s to {LONGEST.days}d are allowed")
    return duration


def _alert_name(part: _Part) -> str:
    if part.text is None or len(part.text) > ALERT_NAME_LIMIT:
        part.note(f'the name of an alert is expected, at most {ALERT_NAME_LIMIT} characters; "" for none')
    return part.text or ""


def _rules(part: _Part) -> tuple[Rule, ...]:
    lines: dict[str, int] = {}
    rules: list[Rule] = []
    items = _items(part, "a list of rules is expected")
    _bound(part, len(items), RULES_LIMIT, "rules")
    for item in items:
        given: dict[str, Any] = {"name": "", "matchers": (), **(told := _keys(item, RULE_KEYS))}
        for key in RULE_NEEDS:
            if isinstance(item.node, yaml.MappingNode) and key not in told:
                item.note(f"{key} is missing")
        name: str = given["name"]
        if name in lines:
            item.note(f"the name {name!r} is that of the rule in line {lines[name]}")
        elif name:
            lines[name] = item.line
        rules.append(Rule(**given))
    _bound_labels(part, rules)
    return tuple(rules)


def _tenant_rules(part: _Part) -> tuple[TenantRule, ...]:
    rules: list[TenantRule] = []
    items = _items(part, "a list of rules is expected")
    _bound(part, len(items), TENANT_RULES_LIMIT, "rules")
    for item in items:
        given: dict[str, Any] = {"matchers": (), "tenant": "", **(told := _keys(item, TENANT_RULE_KEYS))}
        for key in TENANT_RULE_KEYS:
            if isinstance(item.node, yaml.MappingNode) and key not in told:
                item.note(f"{key} is missing")
        rules.append(TenantRule(**given))
    _bound_labels(part, rules)
    return tuple(rules)


def _tenant(part: _Part) -> str:
    text = part.text or ""
    if not is_tenant_id(text):
        part.note(_TENANT_EXPECTED)
    return text


def _flag(part: _Part) -> bool:
    if part.text not in ("true", "false"):
        part.note("true or false is expected")
    return part.text == "true"


def _label(part: _Part) -> str:
    if part.text is None or len(part.text) > ALERT_NAME_LIMIT:
        part.note(f'the name of a label is expected, at most {ALERT_NAME_LIMIT} characters; "" for none')
    return part.text or ""


def _bound_labels(part: _Part, rules: Sequence[Matching]) -> None:
    labels = {matcher.name for rule in rules for matcher in rule.matchers}
    _bound(part, len(labels), MATCHED_LABELS_LIMIT, "labels that matchers look at")


def _matchers(part: _Part, instead: str = "say that as policy.group_by") -> tuple[Matcher, ...]:
    if isinstance(part.node, yaml.SequenceNode) and not part.node.value:
        part.note(f"without a matcher it would take every alert; {instead}")
    matchers: list[Matcher] = []
    for item in _items(part, "a list of matchers is expected: ['job=\"api\"']"):
        try:
            read = parse_matchers(item.text or "")
        except MatcherError as error:
            item.note(one_line(str(error), _ERROR_LIMIT))
            continue
        if not read:
            item.note("a matcher is expected, such as 'job=~\"postgres.*\"'")
        matchers += read
    _bound(part, len(matchers), MATCHERS_LIMIT, "matchers")
    return tuple(matchers)


def _bound(part: _Part, count: int, limit: int, what: str) -> None:
    if count > limit:
        part.note(f"{count:,} {what}; there may be {limit}")


def _items(part: _Part, expected: str) -> list[_Part]:
    """What stands in a list."""
    if not isinstance(part.node, yaml.SequenceNode):
        part.note(expected)
        return []
    return [part.within(f"[{index}]", node, node) for index, node in enumerate(part.node.value)]


def _line_of_text(part: _Part) -> str:
    text = part.text or ""
    if not text or one_line(text, NAME_LIMIT) != text:
        part.note(f"a text of one line is expected, with at most {NAME_LIMIT} characters")
    return text


def _addresses(part: _Part) -> tuple[str, ...]:
    """One address or a list of them."""
    if not isinstance(part.node, yaml.SequenceNode):
        return (_address(part),)
    if not 1 <= len(part.node.value) <= ADDRESSES_LIMIT:
        part.note(f"1 to {ADDRESSES_LIMIT} addresses are expected")
    return tuple(_address(part.within(f"[{index}]", node, node)) for index, node in enumerate(part.node.value))


def _address(part: _Part) -> str:
    # What is wrong with it is not repeated: a password may stand in it.
    text = (part.text or "").rstrip("/")
    try:
        url = urlsplit(text)
        is_address = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_address = False
    if not is_address or not _URL.fullmatch(text) or "?" in text or "#" in text:
        part.note("an address like http://127.0.0.1:9090 is expected, without a query")
    return text


def _word(part: _Part) -> str:
    if not part.text:
        part.note("a name is expected")
    return part.text or ""


def _severities(part: _Part) -> dict[str, Severity]:
    words = dict(SYNONYMS)
    for word, value in part.entries(str.lower):
        if value.text in _SEVERITIES:
            words[word] = Severity(value.text)
        else:
            value.note(f"one of {', '.join(Severity)} is expected")
    return words


_Reader = Callable[[_Part], object]
"""Takes what a key means; what is wrong with it is noted, and then the answer counts for nothing."""
_SEVERITIES = frozenset(Severity)
_ERROR_LIMIT = 300
RULE_KEYS: Mapping[str, _Reader] = {
    "name": _line_of_text,
    "matchers": _matchers,
    "group_by": _group_by,
    "title": _line_of_text,
    "reopen_window": partial(_duration, shortest=timedelta()),
}
RULE_NEEDS = ("name", "matchers")
POLICY_KEYS: Mapping[str, _Reader] = {
    "group_by": _group_by,
    "reopen_window": partial(_duration, shortest=timedelta()),
    "resend_delay": _duration,
    "webhook_expiry": _duration,
    "severities": _severities,
    "rules": _rules,
}
_HEARTBEAT: Mapping[str, _Reader] = {"heartbeat": _alert_name, "heartbeat_timeout": _duration}
SOURCE_KEYS: Mapping[str, Mapping[str, _Reader]] = {
    "prometheus": {"drop_labels": _labels, "expiry": _duration, **_HEARTBEAT, "prometheus_url": _addresses},
    "alertmanager": {
        "drop_labels": _labels,
        "expiry": _duration,
        **_HEARTBEAT,
        "alertmanager_url": _addresses,
        "alertmanager_receiver": _word,
    },
    # Grafana's own fingerprint is kept, whatever its labels are, and an event is its key alone: nothing to drop.
    "grafana": {"expiry": _duration, **_HEARTBEAT},
    "events": {"expiry": _duration},
}
TENANT_RULE_KEYS: Mapping[str, _Reader] = {
    "matchers": partial(_matchers, instead="what nothing places is LOOKOUT_PLATFORM_TENANT's"),
    "tenant": _tenant,
}
TENANT_KEYS: Mapping[str, _Reader] = {"label": _label, "rules": _tenant_rules, "auto_create_tenants": _flag}
_FILE: Mapping[str, _Reader] = {
    "policy": partial(_keys, readers=POLICY_KEYS),
    "sources": partial(_keys, readers={name: partial(_keys, readers=keys) for name, keys in SOURCE_KEYS.items()}),
    "tenants": partial(_keys, readers=TENANT_KEYS),
}
