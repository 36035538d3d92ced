"""Settings: the environment, and `lookout.yaml` for the policy. Read only here; all problems are told at once."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml

from lookout.alerts.severity import SYNONYMS, Severity
from lookout.errors import SettingsError
from lookout.incidents.policy import Policy

DEFAULT_PORT = 18013
VARIABLES = (
    "HOST",
    "PORT",
    "DATABASE_URL",
    "LOOKOUT_DATA_DIR",
    "LOOKOUT_CONFIG",
    "LOOKOUT_GRAFANA_SECRET",
    "LOOKOUT_GRAFANA_TIMESTAMP_HEADER",
)
_OTHERS_OF_OURS = ("LOOKOUT_URL",)
"""Read by the commands that talk to a running Lookout."""


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


Duration = Annotated[str, msgspec.Meta(pattern=r"^([0-9]+(ms|s|m|h|d|w))+$")]
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class _PolicySection(msgspec.Struct, forbid_unknown_fields=True):
    group_by: list[Annotated[str, msgspec.Meta(min_length=1)]] | None = None
    reopen_window: Duration | None = None
    resend_delay: Duration | None = None
    webhook_expiry: Duration | None = None
    severities: dict[str, Severity] = {}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    policy: _PolicySection = msgspec.field(default_factory=_PolicySection)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that `environ`, and the file it names, give. Raises `SettingsError` with every problem found."""
    problems: list[str] = _unknown_variables(environ)
    host = environ.get("HOST") or "127.0.0.1"
    if not is_loopback(host):
        problems.append(
            f"HOST is {host!r}: without authentication Lookout listens on loopback only. "
            "Use 127.0.0.1, and a proxy that authenticates in front of it."
        )
    port = _port(environ.get("PORT", ""), problems)
    database_url = environ.get("DATABASE_URL") or None
    if database_url is not None and not database_url.startswith(("postgresql://", "postgres://")):
        problems.append("DATABASE_URL is not of the form postgresql://user:password@host:5432/database")
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
    if problems:
        raise SettingsError("\n".join(problems))
    data_dir = Path(environ.get("LOOKOUT_DATA_DIR") or _default_data_dir(environ))
    return Settings(host, port, data_dir, database_url, config, policy, grafana_secret, timestamp_header)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_policy(path: Path) -> Policy:
    """The policy of a `lookout.yaml`. Raises `SettingsError`: a line for each problem, with file, line and key."""
    try:
        text = path.read_text()
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except OSError as error:
        raise SettingsError(f"LOOKOUT_CONFIG: cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {' '.join(str(error).split())}") from None
    problems: list[str] = []
    file = _convert(content if content is not None else {}, lambda keys: f"{path}:{_line_of(tree, keys)}", problems)
    if problems:
        raise SettingsError("\n".join(problems))
    return _policy_of(file.policy)


def duration_of(text: str) -> timedelta:
    """A duration as Prometheus writes it: "5m", "1h30m", "12h"."""
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdw])", text)))


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = {*VARIABLES, *_OTHERS_OF_OURS}
    ours = ", ".join(name for name in VARIABLES if name.startswith("LOOKOUT_"))
    return [
        f"{name} is not a setting of Lookout: {ours} are"
        for name in sorted(environ)
        if name.startswith("LOOKOUT_") and name not in known
    ]


def _port(text: str, problems: list[str]) -> int:
    if not text:
        return DEFAULT_PORT
    if text.isascii() and text.isdigit() and int(text) < 65_536:
        return int(text)
    problems.append(f"PORT is {text!r}: a number from 0 to 65535 is expected")
    return DEFAULT_PORT


def _default_data_dir(environ: Mapping[str, str]) -> Path:
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/lookout")
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "lookout"


def _policy_of(section: _PolicySection) -> Policy:
    given: dict[str, Any] = {
        name: duration_of(text)
        for name in ("reopen_window", "resend_delay", "webhook_expiry")
        if (text := getattr(section, name)) is not None
    }
    if section.group_by is not None:
        given["group_by"] = tuple(section.group_by)
    if section.severities:
        given["severities"] = {**SYNONYMS, **{word.lower(): value for word, value in section.severities.items()}}
    return Policy(**given)


_PATH = re.compile(r"^(?P<message>.*?)(?: - at `(?:key in )?(?P<path>\$[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_KEYS = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|(\[\.\.\.\])")


def _convert(content: Any, place: Callable[[list[str | int]], str], problems: list[str]) -> _File:
    """The file's content, typed. Each problem is noted, taken out, and the rest tried again."""
    for _ in range(100):
        try:
            return msgspec.convert(content, _File)
        except msgspec.ValidationError as error:
            keys, message = _fault(error)
            problems.append(f"{place(keys)}: {'.'.join(map(str, keys)) or 'the file'}: {message}")
            if not _remove(content, keys):
                break
    return _File()


def _fault(error: msgspec.ValidationError) -> tuple[list[str | int], str]:
    match = _PATH.match(str(error))
    assert match is not None
    keys: list[str | int] = [
        int(index) if index else name for name, index, anything in _KEYS.findall(match["path"] or "") if not anything
    ]
    if unknown := _UNKNOWN.match(match["message"]):
        return [*keys, unknown[1]], "unknown key"
    return keys, match["message"]


def _remove(content: Any, keys: list[str | int]) -> bool:
    """Take what is at `keys` out, so that the rest can be read. False if that is everything."""
    if not keys:
        return False
    for key in keys[:-1]:
        content = content[key]
    del content[keys[-1]]
    return True


def _line_of(node: yaml.Node | None, keys: list[str | int]) -> int:
    """The line, from 1, of what is at `keys`."""
    line = 1
    for key in keys:
        match node:
            case yaml.MappingNode():
                found = next(((name, value) for name, value in node.value if name.value == key), None)
            case yaml.SequenceNode() if isinstance(key, int) and key < len(node.value):
                found = (node.value[key], node.value[key])
            case _:
                found = None
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line
