"""What a test does with a browser's window, in the words of who sits before it."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from playwright.async_api import ConsoleMessage, Dialog, Page, expect

HERE = Path(__file__).parent
AXE = HERE / "axe.min.js"
SCREENSHOTS = HERE.parents[1] / "build" / "screenshots"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_EXPECTED = re.compile(
    r"Failed to load resource: (net::|the server responded with a status of (4|503))"  # told by the browser itself
    r"|htmx: htmx:(sse:)?error"  # a connection that is lost
)

expect.set_options(timeout=10_000)


class Reader:
    """Somebody before a window. `problems` is what went wrong in it: errors, what the policy forbade, dialogs."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("dialog", self._refuse)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _EXPECTED.match(message.text):
            self.problems.append(f"{message.type}: {message.text}")

    async def _refuse(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    async def opens(self, path: str = "/", *, live: bool = True) -> None:
        await self.page.goto(path)
        if live:
            await self.is_live()

    async def is_live(self) -> None:
        await expect(self.page.locator("#live")).to_have_attribute("data-state", "live")

    async def headlines(self) -> list[str]:
        return await self.page.locator("#open-rows .row .what a").all_inner_texts()

    async def sees(self, *headlines: str) -> None:
        """Just these open incidents are there, in this order."""
        await expect(self.page.locator("#open-rows .row .what a")).to_have_text(list(headlines))

    async def shot(self, name: str) -> None:
        """Leave a picture."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    async def meets_wcag(self) -> None:
        """axe-core finds no violation of level A or AA."""
        await self.page.evaluate(_axe())
        found: list[dict[str, Any]] = await self.page.evaluate(
            "async (levels) => (await axe.run(document, {runOnly: {type: 'tag', values: levels}, "
            "resultTypes: ['violations']})).violations.map((v) => ({rule: v.id, help: v.help, "
            "where: v.nodes.slice(0, 5).map((n) => [n.html.slice(0, 200), n.failureSummary.slice(0, 300)])}))",
            LEVELS,
        )
        assert not found, json.dumps(found, indent=1)


def _axe() -> str:
    source = AXE.read_bytes()
    assert hashlib.sha256(source).hexdigest() in (HERE / "README.md").read_text(), "axe.min.js is not the package's"
    # In a function of its own: a page that has it already keeps it.
    return f"() => {{ if (!window.axe) {{ {source.decode()} }} }}"
