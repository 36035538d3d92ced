"""Settings: the environment, and `lookout.yaml` for the policy. Read only here; all problems are told at once."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import msgspec

from lookout import access, kafka, limits
from lookout.access import Access, access_of, is_loopback
from lookout.durations import LONGEST, duration_of, is_duration
from lookout.errors import SettingsError
from lookout.incidents.policy import Policy
from lookout.incidents.tenants import PLATFORM_TENANT, TENANT_EXPECTED, is_tenant_id
from lookout.kafka import KafkaSettings
from lookout.limits import Limits, limits_of
from lookout.policy_file import load_policy

DEFAULT_PORT = 18013
VARIABLES = (
    "HOST",
    "PORT",
    "DATABASE_URL",
    "LOOKOUT_MIGRATE_DATABASE_URL",
    "LOOKOUT_LISTEN_DATABASE_URL",
    "LOOKOUT_POOLER",
    "LOOKOUT_WAKE",
    *access.VARIABLES,
    "LOOKOUT_INTROSPECTION",
    "LOOKOUT_DATA_DIR",
    "LOOKOUT_CONFIG",
    "LOOKOUT_RETENTION",
    *limits.VARIABLES,
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
    introspection: bool = False
    """Whether GraphQL's schema can be asked for, and a browser gets GraphiQL, with authentication too."""
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


_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that `environ`, and the file it names, give. Raises `SettingsError` with every problem found."""
    problems: list[str] = _unknown_variables(environ)
    host = environ.get("HOST") or "127.0.0.1"
    callers = access_of(environ, problems)
    if callers is None and not is_loopback(host):
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
    bounds = limits_of(environ, problems)
    policy = Policy()
    if config is not None:
        try:
            policy = load_policy(config, bounds)
        except SettingsError as error:
            problems.append(str(error))
    external_url = kafka.external_url_of(environ)
    if external_url and not external_url.startswith(("http://", "https://")):
        problems.append(
            f"LOOKOUT_EXTERNAL_URL is {external_url!r}: an address like https://lookout.example is expected"
        )
    introspection = kafka.flag(environ, "LOOKOUT_INTROSPECTION", problems)
    to_kafka = kafka.settings_of(environ, _own_url(host, port), problems)
    retention = _retention(environ.get("LOOKOUT_RETENTION", ""), problems)
    platform_tenant = environ.get("LOOKOUT_PLATFORM_TENANT") or PLATFORM_TENANT
    if not is_tenant_id(platform_tenant):
        problems.append(f"LOOKOUT_PLATFORM_TENANT is {platform_tenant!r}: {TENANT_EXPECTED}")
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
        access=callers,
        introspection=introspection,
        kafka=to_kafka,
        migrate_database_url=migrate_database_url,
        listen_database_url=listen_database_url,
        pooler=pooler,
        wake=wake,
        platform_tenant=platform_tenant,
        limits=bounds,
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
    if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 65_536:
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


def _default_data_dir(environ: Mapping[str, str]) -> Path:
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/lookout")
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "lookout"
