"""How much one tenant, and one credential of it, may ask: requests by the second, and open streams.

A token bucket for each: it holds some seconds of its rate, and is full for whoever has not asked for so long. A
credential has a part of what its tenant has, so that one client that runs wild leaves the others room. All of it is of
one process. In local mode nothing of it holds: there is one tenant, on the same machine.

Who is counted is named by keys: the tenant's first, and then its credential's.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from lookout import metrics
from lookout.errors import Overloaded, TooMany
from lookout.limits import Limits

BUCKETS_LIMIT = 100_000
"""Buckets that are remembered, of each kind: the least recently used is full again. About 200 bytes each."""
STREAM_RETRY_AFTER = 5
"""Seconds until to ask again for a stream."""

Key = tuple[str, str]
"""The tenant, and the credential; "" for all of the tenant's."""


class _Bucket(msgspec.Struct):
    tokens: float
    at: datetime


class Buckets:
    """Token buckets of one rate, by key."""

    def __init__(self, rate: float, burst_seconds: int) -> None:
        self._rate = rate
        # Less than one token is none, for ever.
        self._size = max(1, rate * burst_seconds)
        self._buckets: dict[Key, _Bucket] = {}

    def wait(self, key: Key, now: datetime) -> float:
        """Seconds until there is a token; 0 if there is one."""
        return max(0.0, (1 - self._tokens(key, now)) / self._rate)

    def take(self, key: Key, now: datetime) -> None:
        """Take a token that is there."""
        tokens = self._tokens(key, now)
        self._buckets.pop(key, None)
        self._buckets[key] = _Bucket(tokens - 1, now)
        if len(self._buckets) > BUCKETS_LIMIT:
            del self._buckets[next(iter(self._buckets))]

    def _tokens(self, key: Key, now: datetime) -> float:
        bucket = self._buckets.get(key)
        if bucket is None:
            return self._size
        bucket.at = min(bucket.at, now)  # a clock that is set back would let nobody in until it is there again
        passed = (now - bucket.at).total_seconds()
        return min(self._size, bucket.tokens + passed * self._rate)


class Turnstile:
    """Lets requests through, or says how long to wait."""

    def __init__(self, limits: Limits) -> None:
        self._sends = _of_tenant_and_credential(limits.ingest_rate, limits)
        self._asks = _of_tenant_and_credential(limits.read_rate, limits)

    def enter(self, keys: Sequence[Key], now: datetime, *, sends: bool) -> None:
        """Count a request. Raises `TooMany`; of one that sends alerts `Overloaded`, as no sender retries a 429."""
        wanted = list(zip(self._sends if sends else self._asks, keys, strict=False))
        seconds = max(buckets.wait(key, now) for buckets, key in wanted)
        if seconds > 0:
            raise _refusal(sends, int(seconds) + 1)
        for buckets, key in wanted:
            buckets.take(key, now)


def _of_tenant_and_credential(rate: int, limits: Limits) -> tuple[Buckets, Buckets]:
    of_credential = rate * limits.token_percent / 100
    return Buckets(rate, limits.burst_seconds), Buckets(of_credential, limits.burst_seconds)


def _refusal(sends: bool, seconds: int) -> Overloaded:
    metrics.LIMITED.labels("ingest" if sends else "read").inc()
    if sends:
        return Overloaded("more requests a second than this tenant may send; nothing of this one was taken", seconds)
    return TooMany(f"more requests a second than this tenant may ask: try again in {seconds} s", seconds)


class Place:
    """An open stream. Closed twice it is closed once."""

    def __init__(self, streams: "Streams", keys: Sequence[Key]) -> None:
        self._streams = streams
        self._keys = keys

    def close(self) -> None:
        """Give it back."""
        for key in self._keys:
            self._streams.leave(key)
        self._keys = ()


class Streams:
    """Counts open streams: what follows the feed, and WebSockets. `limits` None: only all together have a bound."""

    def __init__(self, limits: Limits | None) -> None:
        self._limits = limits
        self._open: dict[Key, int] = {}

    def open(self, keys: Sequence[Key]) -> Place:
        """Count one more, until it is closed. Raises `TooMany`."""
        if self._limits is not None:
            of_tenant = self._limits.streams
            bounds = (of_tenant, max(1, of_tenant * self._limits.token_percent // 100))
            if any(self._open.get(key, 0) >= bound for key, bound in zip(keys, bounds, strict=False)):
                metrics.LIMITED.labels("stream").inc()
                raise TooMany("this tenant, or this credential, has as many open streams as it may", STREAM_RETRY_AFTER)
        for key in keys:
            self._open[key] = self._open.get(key, 0) + 1
        return Place(self, keys)

    def leave(self, key: Key) -> None:
        """One less."""
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]
