"""Whoever could not be heard is not silent, wherever it was refused: before anybody could say who sends, too (I10)."""

import base64
import json
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace
from tests.access import ACCESS, SERVICE, api_token, bearer, make_tenants, many_token
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.api.parts import Scope
from lookout.incidents.incident import Status
from lookout.intake.tries import Tries
from lookout.intake.work import Expiry


async def _credential(lookout: Driver, kind: str) -> dict[str, str]:
    match kind:
        case "token":
            return bearer((await api_token(lookout, Scope.INGEST)).text)
        case "token for many":
            return bearer((await many_token(lookout)).text, **{"X-Scope-OrgID": "acme"})
        case _:
            return bearer(SERVICE, **{"X-Tenant-ID": "acme"})


async def _status(lookout: Driver) -> Any:
    headers = bearer(SERVICE, **{"X-Tenant-ID": "acme"})
    [incident] = (await lookout.http.get("/v1/incidents", headers=headers)).raise_for_status().json()["incidents"]
    return incident["status"]


@pytest.mark.parametrize("kind", ["token", "token for many", "service token"])
async def test_after_an_outage_alerts_are_given_the_time_of_a_resend(start: Start, kind: str) -> None:
    """The one that could not hear them has just been started, and knows no credential and no tenant yet."""
    async with start(access=ACCESS) as lookout:
        await make_tenants(lookout, "acme")
        headers = await _credential(lookout, kind)
        alert = [lookout.alert({"job": "a"})]
        (await lookout.http.post("/api/v2/alerts", json=alert, headers=headers)).raise_for_status()
    async with start(access=ACCESS) as lookout:
        lookout.clock.move(minutes=3)
        async with lookout.database_away():
            lookout.clock.move(minutes=20)
            answer = await lookout.http.post("/api/v2/alerts", json=alert, headers=headers)
            assert answer.status_code == 503
        lookout.clock.move(seconds=59)
        await lookout.ticks()
        assert await _status(lookout) == Status.FIRING


def _signed_elsewhere() -> str:
    """A person's token, by a key that nobody here has."""
    parts = ({"alg": "RS256", "kid": "unknown"}, {"tenant_id": "acme"}, "signature")
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


async def test_keys_that_cannot_be_had_are_nobodys_silence(start: Start) -> None:
    """They are people's: no sender was refused, and what falls silent meanwhile still ends."""
    async with start(access=replace(ACCESS, jwks_url="http://127.0.0.1:9/keys")) as lookout:
        await make_tenants(lookout, "acme")
        alert = [lookout.alert({"job": "a"})]
        headers = await _credential(lookout, "token")
        (await lookout.http.post("/api/v2/alerts", json=alert, headers=headers)).raise_for_status()
        lookout.clock.move(minutes=20)
        answer = await lookout.http.post("/api/v2/alerts", json=alert, headers=bearer(_signed_elsewhere()))
        assert answer.status_code == 503
        await lookout.ticks()
        assert await _status(lookout) == Status.RESOLVED


@pytest.mark.parametrize(
    ("error", "everybody"),
    [(asyncpg.LockNotAvailableError("somebody has it"), False), (ConnectionError("nobody is there"), True)],
    ids=["lock", "connection"],
)
async def test_whose_commit_failed_is_unheard_and_everybody_where_nobody_can_commit(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch, error: Exception, everybody: bool
) -> None:
    """Or one tenant whose commits always fail would keep all others' alerts from ever ending."""
    intake, before = lookout.running.parts.intake, lookout.clock.now()
    lookout.clock.move(minutes=1)

    async def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as away:
        away.setattr(Tries, "once", fail)
        posted = lookout.post_alerts(lookout.alert({"job": "a"}))
        # Who has waited for a lock does not try again.
        assert (await (lookout.after_all_tries(posted) if everybody else posted)).status_code == 503
    assert intake.listening.since_of("default") > before
    assert (intake.listening.since_of("other") > before) is everybody


async def test_what_was_refused_since_the_timers_looked_is_not_missing(lookout: Driver) -> None:
    await lookout.fires(job="a")
    intake, since = lookout.running.parts.intake, lookout.clock.now()
    [alert] = (await lookout.http.get("/api/v2/alerts")).json()
    lookout.clock.move(minutes=20)
    looked = Expiry({"default": [alert["fingerprint"]]}, lookout.clock.now(), since)
    intake.note_refusal("default")
    await intake.expire(looked)
    assert (await lookout.only_incident()).status is Status.FIRING
    lookout.clock.move(minutes=2)
    await intake.expire(replace(looked, now=lookout.clock.now()))
    assert (await lookout.only_incident()).status is Status.RESOLVED
