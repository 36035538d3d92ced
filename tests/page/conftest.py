"""The scenarios' Lookout in the system's Chromium: one browser for the tests of a process, a window for each reader."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, async_playwright
from tests.page.reader import Reader
from tests.real.programs import program
from tests.scenario.conftest import clock, lookout, start

__all__ = ["clock", "lookout", "start"]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Reads = Callable[..., AbstractAsyncContextManager[Reader]]


@pytest.fixture(scope="session")
async def chromium(anyio_backend: str) -> AsyncIterator[Browser]:
    path = program("chromium", "chromium-browser", "google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
def reads(chromium: Browser) -> Reads:
    """Open a browser's window: `async with reads(lookout) as mira`. What goes wrong in it fails the test."""

    @asynccontextmanager
    async def window(
        url: str,
        *,
        width: int = 1440,
        height: int = 900,
        dark: bool = False,
        scripts: bool = True,
        mobile: bool = False,
    ) -> AsyncGenerator[Reader]:
        context = await chromium.new_context(
            base_url=url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            timezone_id="Asia/Tokyo",
            java_script_enabled=scripts,
            has_touch=mobile,
        )
        page: Page = await context.new_page()
        reader = Reader(page)
        try:
            yield reader
            assert reader.problems == []
        finally:
            await context.close()

    return window
