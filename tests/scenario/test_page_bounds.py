"""I8: what the page keeps and shows has bounds, and says what is beyond them."""

import pytest
from tests.access import ACCESS, api_token, bearer
from tests.driver import Driver
from tests.pages import rows_of, words_of
from tests.scenario.conftest import Start

from lookout.api.parts import Scope
from lookout.web import board


async def test_i8_a_list_too_long_shows_the_newest_and_says_so(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "OPEN_LIMIT", 3)
    for name in ("A", "B", "C"):
        await lookout.fires(alertname=name)
        lookout.clock.move(seconds=1)
    assert rows_of(await lookout.http.get("/")) == ["C", "B", "A"]
    for name in ("D", "E"):
        await lookout.fires(alertname=name)
        lookout.clock.move(seconds=1)
        page = await lookout.http.get("/")
    assert rows_of(page) == ["E", "D", "C"]
    assert "More is open than a list looks at" in words_of(page.text)


async def test_after_many_changes_all_is_read_anew(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "CHANGES_LIMIT", 1)
    start = lookout.clock.now()
    await lookout.fires(alertname="A")
    assert rows_of(await lookout.http.get("/")) == ["A"]
    await lookout.fires(alertname="B", severity="critical")
    lookout.clock.move(seconds=1)
    await lookout.resolves(start, alertname="A")
    assert rows_of(await lookout.http.get("/")) == ["B"]


async def test_i8_what_is_kept_of_tenants_has_a_bound_and_each_sees_its_own(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "TENANTS_LIMIT", 2)
    monkeypatch.setattr(board, "KEPT_LIMIT", 3)
    async with start(access=ACCESS) as lookout:
        tenants = [f"tenant-{number}" for number in range(4)]
        readers = {tenant: bearer((await api_token(lookout, Scope.READ, tenant_id=tenant)).text) for tenant in tenants}
        for tenant in tenants:
            sender = bearer((await api_token(lookout, Scope.INGEST, tenant_id=tenant)).text)
            alerts = [lookout.alert({"alertname": f"{tenant}-{number}"}) for number in range(2)]
            await lookout.http.post("/api/v2/alerts", json=alerts, headers=sender)
        for tenant in [*tenants, *tenants]:
            page = await lookout.http.get("/", headers=readers[tenant])
            assert set(rows_of(page)) == {f"{tenant}-0", f"{tenant}-1"}


async def test_i8_a_search_among_the_resolved_looks_at_so_many_and_goes_on(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "SCANNED", 2)
    start = lookout.clock.now()
    names = [f"A{number}" for number in range(5)]
    await lookout.post_alerts(*(lookout.alert({"alertname": name}) for name in names))
    for name in names:
        lookout.clock.move(seconds=1)
        await lookout.resolves(start, alertname=name)
    page = await lookout.http.get("/", params={"q": "status=resolved a0"})
    assert rows_of(page) == []
    assert "look further back" in words_of(page.text)
    found: list[str] = []
    for _ in range(3):
        link = page.text.partition('among the last 2,000: <a href="')[2].partition('"')[0].replace("&amp;", "&")
        page = await lookout.http.get(link)
        found += rows_of(page)
        if found:
            break
    assert found == ["A0"]
