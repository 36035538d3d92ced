"""The public keys that people's tokens are signed with, from a JWKS address: cached, and fetched as they rotate."""

import asyncio
from datetime import datetime, timedelta

import httpx
import jwt
import structlog

from lookout.clock import Clock
from lookout.errors import Overloaded, Unauthenticated

FRESH = timedelta(minutes=10)
"""How long keys count as current."""
UNKNOWN_RETRY = timedelta(seconds=10)
"""How often a key that is not among them makes Lookout ask again: anybody can name one."""
FETCH_SECONDS = 5.0
LARGEST = 256 * 1024
"""Bytes of an answer."""

log = structlog.get_logger()


class KeySet:
    """The keys behind one address. Those that are known stay, while the address does not answer."""

    def __init__(self, url: str, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = url
        self._clock = clock
        self._transport = transport
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_at: datetime | None = None
        self._fetched_at: datetime | None = None
        self._has_failed = False
        self._fetching = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK:
        """The key of this id. Raises `Unauthenticated` if there is none, `Overloaded` while nobody can say."""
        # A key that is not known may be in what is being fetched: whoever needs it waits for that.
        if self._is_due(key_id) or (key_id not in self._keys and self._fetching.locked()):
            async with self._fetching:
                if self._is_due(key_id):
                    await self._refresh()
        if key_id in self._keys:
            return self._keys[key_id]
        if self._has_failed:
            seconds = int(UNKNOWN_RETRY.total_seconds())
            raise Overloaded("the keys that tokens are signed with cannot be fetched now; try again", seconds)
        raise Unauthenticated("the token is signed with a key that is not known here")

    def _is_due(self, key_id: str) -> bool:
        now = self._clock.now()
        if self._asked_at is not None and _is_within(UNKNOWN_RETRY, self._asked_at, now):
            return False
        return key_id not in self._keys or self._fetched_at is None or not _is_within(FRESH, self._fetched_at, now)

    async def _refresh(self) -> None:
        self._asked_at = self._clock.now()
        try:
            keys = jwt.PyJWKSet.from_json((await self._fetch()).decode()).keys
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            jwt.PyJWTError,
            OSError,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
        ) as error:
            log.warning("auth", action="keys_not_fetched", error=_told(error))
            self._has_failed = True
            return
        self._has_failed = False
        self._keys = {key.key_id or "": key for key in keys}
        self._fetched_at = self._asked_at

    async def _fetch(self) -> bytes:
        taken = bytearray()
        async with (
            asyncio.timeout(FETCH_SECONDS),
            httpx.AsyncClient(transport=self._transport, timeout=FETCH_SECONDS) as http,
            http.stream("GET", self._url) as answer,
        ):
            answer.raise_for_status()
            async for chunk in answer.aiter_bytes():
                taken += chunk
                if len(taken) > LARGEST:
                    raise ValueError("the key set is too large")
        return bytes(taken)


def _told(error: Exception) -> str:
    """What went wrong, without the address: its query may hold a secret, and what httpx says quotes it."""
    match error:
        case httpx.HTTPStatusError():
            return f"the answer is {error.response.status_code}"
        case httpx.InvalidURL():
            return type(error).__name__
        case _:
            return repr(error)[:300]


def _is_within(time: timedelta, since: datetime, now: datetime) -> bool:
    """Whether less than `time` has passed. A clock that was set back tells nothing of that."""
    return timedelta() <= now - since < time
