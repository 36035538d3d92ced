"""Where a credential stands in a request."""

import base64

import pytest

from lookout.api.auth import browser
from lookout.api.auth.gate import credential_of


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("header", "credential"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        (basic("prometheus:abc"), "abc"),
        (basic(":a:c"), "a:c"),
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Token abc", None),
        (basic("abc"), None),
        (basic("abc:"), None),
        ("Basic ~~~", None),
        ("Basic \N{LATIN SMALL LETTER E WITH ACUTE}", None),
        ("Bearer \N{LATIN SMALL LETTER E WITH ACUTE}", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), None),
    ],
)
def test_a_credential_is_a_bearer_token_or_a_password(header: str | None, credential: str | None) -> None:
    assert credential_of(header) == credential


@pytest.mark.parametrize(
    "cookies",
    [
        "lookout_credential=abc",
        "theme; lookout_credential=abc",
        "a[b]=1; lookout_credential=abc; c=d e",
        'x="; lookout_credential=abc',
        "{}=[]; lookout_credential=abc;;",
    ],
)
def test_a_cookie_of_somebody_elses_costs_none_of_ours(cookies: str) -> None:
    assert browser.authorization_of({"cookie": cookies}) == "Bearer abc"
