"""The page where there is authentication: a cookie lets a browser in, on the page's paths alone, and ends with it."""

import asyncio
from urllib.parse import quote

from tests.access import ACCESS, SERVICE, api_token, bearer, person, revoke
from tests.driver import Driver
from tests.pages import rows_of, submits, words_of
from tests.scenario.conftest import Start

from lookout.api.auth.tokens import REMEMBERED
from lookout.api.parts import Scope

PAGES = ["/", "/history", "/sources", "/incidents/019ac000-0000-7000-8000-000000000000", "/?view=wall"]


async def signed_in(lookout: Driver, credential: str, tenant: str = "") -> dict[str, str]:
    """The headers of a browser that has signed in."""
    answer = await submits(lookout, "/sign-in", credential=credential, tenant=tenant)
    assert answer.status_code == 303, words_of(answer.text)
    lookout.http.cookies.clear()
    return {"Cookie": "; ".join(line.partition(";")[0] for line in answer.headers.get_list("Set-Cookie"))}


async def test_who_has_not_signed_in_is_shown_the_way_and_nothing_else(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        for path in PAGES:
            page = await lookout.http.get(path)
            assert page.status_code == 303
            assert page.headers["Location"].startswith("/sign-in?next=")
            assert page.content == b""
            by_script = await lookout.http.get(path, headers={"HX-Request": "true"})
            assert by_script.status_code == 401
        assert (await lookout.http.get("/live")).status_code == 401
        assert (await lookout.http.get("/sign-in")).status_code == 200


async def test_a_token_signs_in_and_sees_its_own_tenant(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        for tenant_id in ("acme", "globex"):
            sender = bearer((await api_token(lookout, Scope.INGEST, tenant_id=tenant_id)).text)
            await lookout.http.post("/api/v2/alerts", json=[lookout.alert({"alertname": tenant_id})], headers=sender)
        token = await api_token(lookout, Scope.READ, Scope.OPERATE, tenant_id="acme", name="mira")
        answer = await submits(lookout, "/sign-in?next=/history%3Fspan%3D24h", credential=token.text)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/history?span=24h")
        (kept,) = [line for line in answer.headers.get_list("Set-Cookie") if token.text in line]
        for part in ("HttpOnly", "SameSite=lax", "Path=/"):
            assert part in kept
        assert "Max-Age" not in kept
        browser = await signed_in(lookout, token.text)
        page = await lookout.http.get("/", headers=browser)
        assert rows_of(page) == ["acme"]
        assert "globex" not in page.text
        assert "Signed in as mira" in words_of(page.text)
        assert "made-up trouble" not in page.text


async def test_a_platform_operator_signs_in_to_a_tenant_and_to_nothing_else(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        operator = person(lookout, "platform", "platform_operator")
        for name in ("\N{CJK UNIFIED IDEOGRAPH-6771}\N{CJK UNIFIED IDEOGRAPH-4EAC}", "a b", "x;y", "x" * 101):
            answer = await submits(lookout, "/sign-in", credential=operator, tenant=name)
            assert answer.status_code == 400
            assert "tenant is not the name of a tenant" in words_of(answer.text)
            assert "Set-Cookie" not in answer.headers
        browser = await signed_in(lookout, operator, " acme ")
        assert "lookout_tenant=acme" in browser["Cookie"]
        browser["Cookie"] = f"theme; {browser['Cookie']}"
        assert (await lookout.http.get("/", headers=browser)).status_code == 200


async def test_what_does_not_hold_signs_nobody_in_and_does_not_say_why(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        old = person(lookout, minutes=-1)
        for wrong in ("", "x", "a.b.c", old, f"lkt_{'a' * 16}_{'b' * 43}", "x" * 5000, "é", "a\nb"):
            answer = await submits(lookout, "/sign-in", credential=wrong)
            assert answer.status_code == 401
            assert "Set-Cookie" not in answer.headers
            assert wrong == "" or wrong not in words_of(answer.text).partition("Sign in")[0]


async def test_an_ingest_token_is_no_way_in(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        token = await api_token(lookout, Scope.INGEST)
        answer = await submits(lookout, "/sign-in", credential=token.text)
        assert (answer.status_code, "may not read" in answer.text) == (400, True)


async def test_the_service_token_is_for_services(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        answer = await submits(lookout, "/sign-in", credential=SERVICE, tenant="acme")
        assert answer.status_code == 401
        cookie = {"Cookie": f"lookout_credential={SERVICE}; lookout_tenant=acme", "HX-Request": "true"}
        assert (await lookout.http.get("/", headers=cookie)).status_code == 401


async def test_a_platform_operator_names_a_tenant_and_others_cannot(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        sender = bearer((await api_token(lookout, Scope.INGEST, tenant_id="acme")).text)
        await lookout.http.post("/api/v2/alerts", json=[lookout.alert({})], headers=sender)
        operator = await signed_in(lookout, person(lookout, "platform", "platform_operator"), tenant="acme")
        assert rows_of(await lookout.http.get("/", headers=operator)) == ["Down"]
        stranger = await signed_in(lookout, person(lookout, "globex"), tenant="acme")
        assert rows_of(await lookout.http.get("/", headers=stranger)) == []


async def test_a_cookie_opens_the_page_and_no_other_path(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        browser = await signed_in(lookout, person(lookout))
        assert (await lookout.http.get("/", headers=browser)).status_code == 200
        for path in ("/v1/incidents", "/v1/feed", "/metrics", "/api/v2/alerts"):
            assert (await lookout.http.get(path, headers=browser)).status_code == 401, path
        posted = await lookout.http.post("/graphql", json={"query": "{ __typename }"}, headers=browser)
        assert posted.status_code == 401


async def test_who_may_only_read_is_offered_no_action_and_can_do_none(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        sender = bearer((await api_token(lookout, Scope.INGEST)).text)
        await lookout.http.post("/api/v2/alerts", json=[lookout.alert({})], headers=sender)
        viewer = await signed_in(lookout, person(lookout, role="viewer"))
        page = await lookout.http.get("/", headers=viewer)
        (path,) = {part.partition('"')[0] for part in page.text.split('href="')[1:] if part.startswith("/incidents/")}
        assert "Resolve" not in (await lookout.http.get(path, headers=viewer)).text
        for action in ("acknowledge", "assign", "resolve", "notes"):
            assert (await submits(lookout, f"{path}/{action}", headers=viewer, text="x")).status_code == 403


async def test_a_form_of_another_page_does_nothing_with_the_cookie(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        sender = bearer((await api_token(lookout, Scope.INGEST)).text)
        await lookout.http.post("/api/v2/alerts", json=[lookout.alert({})], headers=sender)
        browser = await signed_in(lookout, person(lookout))
        (incident,) = (await lookout.http.get("/v1/incidents", headers=bearer(person(lookout)))).json()["incidents"]
        path = f"/incidents/{incident['id']}/acknowledge"
        foreign = {**browser, "Origin": "https://evil.example"}
        assert (await submits(lookout, path, headers=foreign)).status_code == 403
        assert (await submits(lookout, path, headers=browser)).status_code == 303


async def test_the_way_on_leads_nowhere_else(start: Start) -> None:
    elsewhere = ("//evil.example", "/\\evil.example", "https://evil.example", "javascript:x", "/a\nb", "/" + "x" * 3000)
    async with start(access=ACCESS) as lookout:
        for target in elsewhere:
            answer = await submits(lookout, f"/sign-in?next={quote(target)}", credential=person(lookout))
            assert (answer.status_code, answer.headers["Location"]) == (303, "/")


async def test_signing_out_forgets_and_staying_is_for_those_who_ask(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        stays = await submits(lookout, "/sign-in", credential=person(lookout), stay="yes")
        assert "Max-Age=2592000" in stays.headers["Set-Cookie"]
        browser = await signed_in(lookout, person(lookout))
        out = await submits(lookout, "/sign-out", headers=browser)
        assert (out.status_code, out.headers["Location"]) == (303, "/sign-in")
        assert 'lookout_credential=""' in out.headers["Set-Cookie"]


async def test_a_proxy_that_ends_tls_has_the_cookie_kept_to_it(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        headers = {"X-Forwarded-Proto": "https", "Sec-Fetch-Site": "same-origin"}
        answer = await submits(lookout, "/sign-in", credential=person(lookout), headers=headers)
        assert "Secure" in answer.headers["Set-Cookie"]


async def test_a_revoked_token_ends_the_page_and_its_stream(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        token = await api_token(lookout, Scope.READ)
        browser = await signed_in(lookout, token.text)

        async def listens() -> None:
            async with lookout.http.stream("GET", "/live", headers=browser) as answer:
                assert answer.status_code == 200
                async for _ in answer.aiter_raw():
                    pass

        listening = asyncio.create_task(listens())
        await lookout.until_following(1)
        await revoke(lookout, token)
        lookout.clock.move(seconds=REMEMBERED.total_seconds())
        await asyncio.wait_for(listening, 10)
        assert (await lookout.http.get("/", headers=browser)).status_code == 303


async def test_local_mode_has_nobody_sign_in(lookout: Driver) -> None:
    answer = await submits(lookout, "/sign-in", credential="x")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


async def test_a_cookie_that_cannot_be_read_is_none(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        for odd in ("lookout_credential", "=;;;", "lookout_credential=; x", '"', "lookout_credential=" + "x" * 9000):
            answer = await lookout.http.get("/", headers={"Cookie": odd})
            assert answer.status_code == 303, odd
