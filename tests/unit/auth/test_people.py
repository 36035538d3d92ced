"""Tokens of people: which are read, and which are nobody's."""

import asyncio
import base64
import hashlib
import hmac
import json
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from structlog.testing import capture_logs
from tests.clock import FakeClock

from lookout.api.auth.keys import FRESH, LARGEST, UNKNOWN_RETRY, KeySet
from lookout.api.auth.people import LONGEST_TOKEN, People
from lookout.api.parts import Caller, Scope
from lookout.errors import Overloaded, Unauthenticated

SECRET = "s" * 40
CLOCK = FakeClock()
NOW = CLOCK.now().timestamp()
CLAIMS: dict[str, Any] = {"user_id": "mira", "tenant_id": "acme", "role": "viewer", "exp": NOW + 60}

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())


def signed(claims: dict[str, Any], key: Any = SECRET, algorithm: str = "HS256", **header: Any) -> str:
    return jwt.encode(claims, key, algorithm, headers=header)


async def caller(text: str, people: People | None = None, tenant_id: str = "") -> Caller:
    return await (people or People(SECRET, None, None)).caller(text, tenant_id, CLOCK.now())


async def test_a_viewer_reads() -> None:
    found = await caller(signed(CLAIMS))
    assert (found.tenant_id, found.actor, found.scopes) == ("acme", "mira", {Scope.READ})
    assert found.expires_at is not None
    assert found.expires_at.timestamp() == NOW + 60


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"role": "operator"}, {Scope.READ, Scope.OPERATE}),
        ({"role": "", "roles": ["viewer", "operator"]}, {Scope.READ, Scope.OPERATE}),
        ({"role": "owner"}, {Scope.READ}),
        ({"role": ""}, {Scope.READ}),
    ],
)
async def test_a_role_says_what_may_be_done(claims: dict[str, Any], scopes: set[Scope]) -> None:
    assert (await caller(signed({**CLAIMS, **claims}))).scopes == scopes


async def test_only_a_platform_operator_may_name_another_tenant() -> None:
    operator = signed({**CLAIMS, "roles": ["platform_operator"]})
    assert (await caller(operator, tenant_id="globex")).tenant_id == "globex"
    assert (await caller(operator)).tenant_id == "acme"
    assert (await caller(signed(CLAIMS), tenant_id="globex")).tenant_id == "acme"


@pytest.mark.parametrize("tenant_id", [" acme", "acme\u200b", "no such tenant!", "x" * 101])
async def test_a_platform_operator_cannot_name_what_is_no_tenant(tenant_id: str) -> None:
    operator = signed({**CLAIMS, "role": "platform_operator"})
    with pytest.raises(Unauthenticated, match="X-Tenant-ID"):
        await caller(operator, tenant_id=tenant_id)


async def test_a_platform_operator_without_a_tenant_has_none_until_it_is_named() -> None:
    claims = {**CLAIMS, "tenant_id": "", "role": "platform_operator"}
    assert (await caller(signed(claims))).tenant_id == ""


@pytest.mark.parametrize(
    "claims",
    [
        {**CLAIMS, "exp": NOW},
        {**CLAIMS, "exp": NOW - 1},
        {**CLAIMS, "exp": "soon"},
        {name: value for name, value in CLAIMS.items() if name != "exp"},
        {**CLAIMS, "exp": float("nan")},
        {**CLAIMS, "exp": float("inf")},
        {**CLAIMS, "nbf": float("nan")},
        {**CLAIMS, "nbf": NOW + 61},
        {**CLAIMS, "nbf": 1e20},
        {**CLAIMS, "nbf": 10**400},
        {**CLAIMS, "tenant_id": ""},
        {**CLAIMS, "tenant_id": 5},
        {**CLAIMS, "tenant_id": "x" * 201},
        {**CLAIMS, "tenant_id": " acme  "},
        {**CLAIMS, "tenant_id": "acme\u200b"},
        {**CLAIMS, "tenant_id": "no such tenant!"},
        {**CLAIMS, "tenant_id": "\ud800"},
        {**CLAIMS, "roles": "viewer"},
    ],
)
async def test_what_is_over_or_unclear_is_nobodys(claims: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        await caller(signed(claims))


async def test_a_token_may_be_a_little_early_for_clocks_differ() -> None:
    assert (await caller(signed({**CLAIMS, "nbf": NOW + 59}))).tenant_id == "acme"


async def test_a_token_that_ends_beyond_all_calendars_is_read() -> None:
    assert (await caller(signed({**CLAIMS, "exp": 1e18}))).tenant_id == "acme"


@pytest.mark.parametrize(
    "text",
    [
        "a.b.c",
        "..",
        signed(CLAIMS, "t" * 40),
        signed(CLAIMS, "s" * 64, "HS512"),
        jwt.encode(CLAIMS, "", "none"),
        signed(CLAIMS, RSA, "RS256"),
        signed(CLAIMS)[:-2],
        f"{signed(CLAIMS)}{'A' * LONGEST_TOKEN}",
    ],
)
async def test_a_token_of_somebody_elses_is_nobodys(text: str) -> None:
    with pytest.raises(Unauthenticated):
        await caller(text)


async def test_without_a_secret_no_secret_will_do() -> None:
    for text in (signed(CLAIMS), signed(CLAIMS, "s" * 64, "HS512")):
        with pytest.raises(Unauthenticated):
            await caller(text, People(None, None, None))


@pytest.mark.parametrize(
    ("audience", "is_known"), [("lookout", True), (["x", "lookout"], True), ("x", False), ([], False)]
)
async def test_a_token_for_another_audience_is_nobodys(audience: Any, is_known: bool) -> None:
    people = People(SECRET, None, "lookout")
    text = signed({**CLAIMS, "aud": audience})
    if is_known:
        assert (await caller(text, people)).tenant_id == "acme"
    else:
        with pytest.raises(Unauthenticated):
            await caller(text, people)


class Keys:
    """An address with keys, as an identity provider has it."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer = httpx.Response(200, json={"keys": [self.rsa("one"), self.ec("two")]})

    @staticmethod
    def rsa(key_id: str) -> dict[str, Any]:
        return {**json.loads(RSAAlgorithm.to_jwk(RSA.public_key())), "kid": key_id, "alg": "RS256", "use": "sig"}

    @staticmethod
    def ec(key_id: str) -> dict[str, Any]:
        return {**json.loads(ECAlgorithm.to_jwk(EC.public_key())), "kid": key_id, "alg": "ES256", "use": "sig"}

    def __call__(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        return self.answer

    def people(self, clock: FakeClock, secret: str | None = None) -> People:
        return People(secret, KeySet("https://id.example/keys", clock, httpx.MockTransport(self)), None)


async def test_public_keys_are_fetched_once_and_kept() -> None:
    keys = Keys()
    people = keys.people(FakeClock())
    for text in (signed(CLAIMS, RSA, "RS256", kid="one"), signed(CLAIMS, EC, "ES256", kid="two")):
        assert (await caller(text, people)).tenant_id == "acme"
    assert keys.asked == 1


async def test_a_public_key_is_no_secret_to_sign_with() -> None:
    """The old trick: HS256 with the public key's text as the secret."""
    keys = Keys()
    head, claims, _ = signed(CLAIMS, "x" * 40, kid="one").split(".")
    for public in (RSAAlgorithm.to_jwk(RSA.public_key()), json.dumps(Keys.rsa("one"))):
        forged = hmac.new(public.encode(), f"{head}.{claims}".encode(), hashlib.sha256).digest()
        text = f"{head}.{claims}.{base64.urlsafe_b64encode(forged).decode().rstrip('=')}"
        for secret in (None, SECRET):
            with pytest.raises(Unauthenticated):
                await caller(text, keys.people(FakeClock(), secret))


async def test_keys_that_rotate_are_fetched_but_not_at_anybodys_pace() -> None:
    clock, keys = FakeClock(), Keys()
    people = keys.people(clock)
    new = signed(CLAIMS, RSA, "RS256", kid="new")
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await caller(new, people)
    assert keys.asked == 1
    keys.answer = httpx.Response(200, json={"keys": [keys.rsa("new")]})
    clock.move(seconds=UNKNOWN_RETRY.total_seconds())
    assert (await caller(new, people)).tenant_id == "acme"
    with pytest.raises(Unauthenticated):
        await caller(signed(CLAIMS, EC, "ES256", kid="two"), people)


async def test_keys_are_fetched_by_a_clock_that_was_set_back() -> None:
    clock, keys = FakeClock(), Keys()
    people = keys.people(clock)
    await caller(signed(CLAIMS, RSA, "RS256", kid="one"), people)
    keys.answer = httpx.Response(200, json={"keys": [keys.rsa("new")]})
    clock.move(hours=-1)
    assert (await caller(signed(CLAIMS, RSA, "RS256", kid="new"), people)).tenant_id == "acme"


class SlowKeys(httpx.AsyncBaseTransport):
    """An address with keys that answers once it may."""

    def __init__(self) -> None:
        self.keys = Keys()
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.set()
        await self.answers.wait()
        return self.keys(request)


async def test_all_who_need_a_key_wait_for_the_fetch_under_way() -> None:
    address = SlowKeys()
    people = People(None, KeySet("https://id.example/keys", FakeClock(), address), None)
    texts = (signed(CLAIMS, RSA, "RS256", kid="one"), signed(CLAIMS, EC, "ES256", kid="two"))
    first = asyncio.create_task(caller(texts[0], people))
    await address.asked.wait()
    others = [asyncio.create_task(caller(text, people)) for text in texts * 2]
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(task.done() for task in others)
    address.answers.set()
    assert {found.tenant_id for found in await asyncio.gather(first, *others)} == {"acme"}
    assert address.keys.asked == 1


@pytest.mark.parametrize("known_before", [False, True])
async def test_while_keys_cannot_be_fetched_a_token_of_an_unknown_one_is_to_come_again(*, known_before: bool) -> None:
    clock, keys = FakeClock(), Keys()
    people = keys.people(clock)
    if known_before:
        await caller(signed(CLAIMS, RSA, "RS256", kid="one"), people)
        clock.move(seconds=UNKNOWN_RETRY.total_seconds())
    good, keys.answer = keys.answer, httpx.Response(500)
    text = signed(CLAIMS, RSA, "RS256", kid="one" if not known_before else "new")
    for _ in range(2):
        with pytest.raises(Overloaded) as refused:
            await caller(text, people)
        assert refused.value.retry_after == UNKNOWN_RETRY.total_seconds()
    keys.answer = httpx.Response(200, json={"keys": [Keys.rsa("new")]}) if known_before else good
    clock.move(seconds=UNKNOWN_RETRY.total_seconds())
    assert (await caller(text, people)).tenant_id == "acme"


async def test_an_address_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookout.api.auth.keys.FETCH_SECONDS", 0.01)
    people = People(None, KeySet("https://id.example/keys", FakeClock(), SlowKeys()), None)
    with pytest.raises(Overloaded):
        await caller(signed(CLAIMS, RSA, "RS256", kid="one"), people)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(302, headers={"Location": "https://evil.example/"}),
        httpx.Response(200, text="{"),
        httpx.Response(200, text="[]"),
        httpx.Response(200, json={"keys": []}),
        httpx.Response(200, content=b" " * (LARGEST + 1)),
    ],
)
async def test_known_keys_stay_while_their_address_gives_none(answer: httpx.Response) -> None:
    clock, keys = FakeClock(), Keys()
    people = keys.people(clock)
    text = signed({**CLAIMS, "exp": NOW + 10_000}, RSA, "RS256", kid="one")
    await caller(text, people)
    keys.answer = answer
    clock.move(seconds=FRESH.total_seconds())
    assert (await caller(text, people)).tenant_id == "acme"
    assert keys.asked == 2


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(503), httpx.Response(404), httpx.Response(302, headers={"Location": "/?key=hush"})],
    ids=lambda answer: f"{answer.status_code}",
)
async def test_the_log_names_no_address_of_keys(answer: httpx.Response) -> None:
    keys = Keys()
    keys.answer = answer
    address = KeySet("https://id.example/keys?key=hush", FakeClock(), httpx.MockTransport(keys))
    with capture_logs() as logs, pytest.raises(Overloaded):
        await caller(signed(CLAIMS, RSA, "RS256", kid="one"), People(None, address, None))
    (line,) = logs
    assert (line["action"], line["error"]) == ("keys_not_fetched", f"the answer is {answer.status_code}")
