"""Token buckets and counts of streams: what a tenant and a credential may ask, by a clock that is an argument."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from lookout.api import limits
from lookout.api.limits import Buckets, Key, Streams, Turnstile
from lookout.api.parts import SERVICE_CREDENTIAL, Caller, Scope
from lookout.errors import Overloaded, TooMany
from lookout.limits import BURST_SECONDS, Limits

NOW = datetime(2026, 11, 25, tzinfo=UTC)
KEY = ("acme", "")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def taken(buckets: Buckets, now: datetime, key: Key = KEY) -> int:
    """How many tokens there are, and they are gone."""
    count = 0
    while not buckets.wait(key, now):
        buckets.take(key, now)
        count += 1
    return count


def test_a_bucket_holds_a_burst_and_fills_at_its_rate() -> None:
    buckets = Buckets(5, BURST_SECONDS)
    assert taken(buckets, NOW) == 5 * BURST_SECONDS
    assert buckets.wait(KEY, NOW) == pytest.approx(0.2)
    assert taken(buckets, later(0.1)) == 0
    assert taken(buckets, later(2)) == 10
    assert taken(buckets, later(1000)) == 5 * BURST_SECONDS


def test_a_clock_that_goes_back_keeps_nobody_out_and_gives_no_more_than_a_burst() -> None:
    buckets = Buckets(5, BURST_SECONDS)
    taken(buckets, NOW)
    assert taken(buckets, later(-100)) == 0
    assert taken(buckets, later(-99)) == 5
    assert taken(buckets, NOW) == 5 * BURST_SECONDS


def test_the_buckets_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUCKETS_LIMIT", 2)
    buckets = Buckets(1, BURST_SECONDS)
    for name in "abca":
        buckets.take((name, ""), NOW)
    full = BURST_SECONDS
    assert [taken(buckets, NOW, (name, "")) for name in "cab"] == [full - 1, full - 1, full]


def test_a_credential_has_half_of_its_tenants_and_the_others_the_rest() -> None:
    turnstile = Turnstile(Limits(read_rate=2))
    mira, jo = (Caller("acme", name, credential=f"user {name}").counted_as for name in ("mira", "jo"))
    for _ in range(BURST_SECONDS):
        turnstile.enter(mira, NOW, sends=False)
    with pytest.raises(TooMany, match="try again in 2 s") as refused:
        turnstile.enter(mira, NOW, sends=False)
    assert refused.value.retry_after == 2
    for _ in range(BURST_SECONDS):
        turnstile.enter(jo, NOW, sends=False)
    with pytest.raises(TooMany):
        turnstile.enter(Caller("acme", "kim", credential="user kim").counted_as, NOW, sends=False)
    turnstile.enter(Caller("globex", "mira", credential="user mira").counted_as, NOW, sends=False)


def test_what_sends_and_what_asks_are_counted_apart_and_a_sender_is_told_of_overload() -> None:
    turnstile = Turnstile(Limits(ingest_rate=1, read_rate=1))
    service = Caller("acme", "service", credential=SERVICE_CREDENTIAL).counted_as
    for _ in range(BURST_SECONDS):
        turnstile.enter(service, NOW, sends=True)
    before = REGISTRY.get_sample_value("lookout_limited_total", {"kind": "ingest"}) or 0
    with pytest.raises(Overloaded) as refused:
        turnstile.enter(service, NOW, sends=True)
    assert not isinstance(refused.value, TooMany)
    assert REGISTRY.get_sample_value("lookout_limited_total", {"kind": "ingest"}) == before + 1
    turnstile.enter(service, NOW, sends=False)


def test_who_is_counted_as_whom() -> None:
    token = Caller("acme", "robot", credential="token a")
    assert token.counted_as == (("acme", ""), ("acme", "token a"))
    # It speaks for all people of the tenant, so it is no one of them.
    assert Caller("acme", "mira", credential=SERVICE_CREDENTIAL).counted_as == (("acme", ""),)
    many = Caller("", "shared", frozenset([Scope.INGEST]), credential="token m", many_tenants=True)
    assert many.counted_as == (("", "token m"),)


def test_streams_are_counted_until_they_are_closed() -> None:
    streams = Streams(Limits(streams=4))
    mira, jo = (Caller("acme", name, credential=f"user {name}").counted_as for name in ("mira", "jo"))
    first, _ = streams.open(mira), streams.open(mira)
    with pytest.raises(TooMany):
        streams.open(mira)
    places = [streams.open(jo) for _ in range(2)]
    with pytest.raises(TooMany):
        streams.open(Caller("acme", "service", credential=SERVICE_CREDENTIAL).counted_as)
    streams.open(Caller("globex", "mira", credential="user mira").counted_as)
    first.close()
    first.close()
    streams.open(mira)
    for place in places:
        place.close()
    for _ in range(2):
        streams.open(jo)


def test_without_a_limit_streams_are_only_counted() -> None:
    streams = Streams(None)
    places = [streams.open((KEY,)) for _ in range(10)]
    for place in places:
        place.close()
