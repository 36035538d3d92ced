"""What every answer says besides: to browsers, and to whoever has to find it in a log."""

import pytest
from tests.driver import Driver

PATHS = ["/v1/incidents", "/api/v2/alerts", "/health", "/nowhere", "/metrics"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_browser_is_told_to_do_nothing_with_it(lookout: Driver, path: str) -> None:
    headers = (await lookout.http.get(path)).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert not [name for name in headers if name.startswith("access-control-")]


async def test_graphiql_alone_may_load_its_scripts(lookout: Driver) -> None:
    page = await lookout.http.get("/graphql", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "https:" in page.headers["Content-Security-Policy"]


async def test_a_request_has_an_id_its_own_or_one_that_is_made(lookout: Driver) -> None:
    given = await lookout.http.get("/health", headers={"X-Request-ID": "bridge-7.4"})
    assert given.headers["X-Request-ID"] == "bridge-7.4"
    made = [(await lookout.http.get("/health")).headers["X-Request-ID"] for _ in range(2)]
    assert len(set(made)) == 2


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "é", 'a"b'])
async def test_an_id_that_could_be_read_as_something_else_is_not_taken_over(lookout: Driver, given: str) -> None:
    answer = await lookout.http.get("/health", headers=[(b"X-Request-ID", given.encode("latin-1"))])
    assert answer.headers["X-Request-ID"] != given
