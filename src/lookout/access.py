"""How callers are known, and who can reach a server at all: taken from the environment's variables, read elsewhere."""

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

SHORTEST_SECRET = 32
"""Characters of a secret: HS256 needs 256 bits, and what is shorter can be guessed from one token."""


class Access(msgspec.Struct, frozen=True):
    """How callers are known. API tokens are in the database; all of these may be missing."""

    jwt_secret: str | None = None
    jwks_url: str | None = None
    jwt_audience: str | None = None
    service_token: str | None = None


_FIELDS = ("JWT_SECRET", "LOOKOUT_JWKS_URL", "LOOKOUT_JWT_AUDIENCE", "SERVICE_TOKEN")
"""In the order of the fields of `Access`."""
VARIABLES = ("LOOKOUT_AUTH", *_FIELDS)

_SENDABLE = re.compile(r"[!-~]+")
_TRIMMED = re.compile(r"\S|\S.*\S", re.DOTALL)
_FAULT = "has white space around it, or what no header can carry: a line break at its end, most likely. Take it away"


def access_of(environ: Mapping[str, str], problems: list[str]) -> Access | None:
    """How callers are known, None for local mode."""
    given = {name: environ[name] for name in _FIELDS if environ.get(name)}
    problems += [
        f"{name} has {len(given[name])} characters: at least {SHORTEST_SECRET} random ones are needed"
        for name in ("JWT_SECRET", "SERVICE_TOKEN")
        if name in given and len(given[name]) < SHORTEST_SECRET
    ]
    problems += [
        f"{name} {_FAULT}"
        for name, pattern in (("JWT_SECRET", _TRIMMED), ("SERVICE_TOKEN", _SENDABLE))
        if name in given and not pattern.fullmatch(given[name])
    ]
    url = given.get("LOOKOUT_JWKS_URL", "")
    if url and not _is_address(url):
        problems.append("LOOKOUT_JWKS_URL is no address: one like https://id.example/keys is expected")
    elif url and not _is_trusted(url):
        problems.append("LOOKOUT_JWKS_URL has to be https://: whoever can change the keys can be anybody")
    elif "@" in urlsplit(url).netloc:
        problems.append(
            "LOOKOUT_JWKS_URL has a user or a password before its host: public keys need none, take it away"
        )
    if "LOOKOUT_JWT_AUDIENCE" in given and not given.keys() & {"JWT_SECRET", "LOOKOUT_JWKS_URL"}:
        problems.append("LOOKOUT_JWT_AUDIENCE is set, and neither JWT_SECRET nor LOOKOUT_JWKS_URL: nothing is checked")
    word = environ.get("LOOKOUT_AUTH") or ("required" if given else "local")
    if word not in ("required", "local"):
        problems.append(f"LOOKOUT_AUTH is {word!r}: required or local is expected")
    if word == "local" and given:
        problems.append(f"LOOKOUT_AUTH is local, and {', '.join(sorted(given))} would be ignored: take one away")
    if word == "local":
        return None
    return Access(*(given.get(name) for name in _FIELDS))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0 and _SENDABLE.fullmatch(url) is not None
    except ValueError:
        return False


def _is_trusted(url: str) -> bool:
    """Whether nobody on the way can answer in its place."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
