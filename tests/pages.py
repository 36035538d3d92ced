"""The web page as a test reads it: rows, words, forms."""

import html
import re
from typing import Any
from urllib.parse import urlsplit

import httpx
from tests.driver import Driver

_ROW = re.compile(r'<li class="row ([^"]*)" id="i([^"]+)">(.*?)</li>', re.DOTALL)
_LINK = re.compile(r'<a href="/incidents/[^"]+">(.*?)</a>')
_TAG = re.compile(r"<[^>]+>")


def words_of(markup: str) -> str:
    """What people read: no tags, and one blank between words."""
    return " ".join(html.unescape(_TAG.sub(" ", markup)).split())


def rows_of(page: httpx.Response) -> list[str]:
    """The headlines of a list's rows."""
    assert page.status_code == 200, page.text[:500]
    return [html.unescape(found[1]) for _, _, row in _ROW.findall(page.text) if (found := _LINK.search(row))]


def row_of(page: httpx.Response, headline: str) -> str:
    """The words of one row."""
    (row,) = [row for *_, row in _ROW.findall(page.text) if (found := _LINK.search(row)) and found[1] == headline]
    return words_of(row)


def facets_of(page: httpx.Response) -> dict[str, str]:
    """The facets, each as its words."""
    (nav,) = re.findall(r'<nav aria-label="Filters"[^>]*>(.*?)</nav>', page.text, re.DOTALL)
    found = re.findall(r"<section><h2>(.*?)</h2>(.*?)</section>", nav, re.DOTALL)
    return {name: words_of(text) for name, text in found}


def ours(lookout: Driver, **headers: str) -> dict[str, str]:
    """The headers with which a browser sends a form of this page."""
    host = urlsplit(lookout.url).netloc
    return {"Origin": f"http://{host}", "Content-Type": "application/x-www-form-urlencoded", **headers}


async def submits(
    lookout: Driver, path: str, *, headers: dict[str, str] | None = None, **fields: Any
) -> httpx.Response:
    """Send a form as the page does."""
    given = {**ours(lookout), **(headers or {})}
    return await lookout.http.post(path, data=fields, headers=given, follow_redirects=False)
