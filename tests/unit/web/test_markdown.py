"""An investigator's Markdown is shown as it means, and can do nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookout.web.markdown import safe_html


def test_what_reports_are_written_in_is_shown() -> None:
    html = safe_html("# Cause\n\n**full** `disk`\n\n- a\n- b\n\n| n | v |\n|---|---|\n| x | 1 |\n\n```\n<b>\n```")
    for part in (
        "<h4>Cause</h4>",
        "<strong>full</strong>",
        "<code>disk</code>",
        "<li>a</li>",
        "<td>x</td>",
        "&lt;b&gt;",
    ):
        assert part in html


def test_a_link_leads_to_the_web_and_tells_nobody_where_from() -> None:
    html = safe_html("[there](https://example.org/a?b=c)")
    assert html == '<p><a href="https://example.org/a?b=c" rel="noopener noreferrer nofollow">there</a></p>\n'


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://example.org/tracker.png)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](//example.org)",
    '[x](https://a "onmouseover=alert(1)")',
    '<https://a" onclick=alert(1) x=">',
    "<svg onload=alert(1)>",
    "<style>*{display:none}</style>",
    '<a href="javascript:alert(1)">x</a>',
    "<iframe src=https://example.org></iframe>",
    "<form action=https://example.org><button>x</button></form>",
    "</div></section><h1>Lookout</h1>",
    "`<script>alert(1)</script>`",
    "<div hx-get=/sources hx-trigger=load>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_it_does_anything(text: str) -> None:
    html = safe_html(text).lower()
    for part in (
        "<script",
        "<img",
        "<svg",
        "<style",
        "<iframe",
        "<form",
        "<div",
        "<h1",
        '<a href="j',
        '<a href="d',
        '<a href="v',
    ):
        assert part not in html
    assert " on" not in html.replace("&quot;", "").partition("<a")[2].partition(">")[0]


def test_marks_that_turn_text_around_are_gone() -> None:
    assert safe_html("a\u202eb\u2066c\x1b[31m") == "<p>abc[31m</p>\n"


def test_nesting_has_a_bound() -> None:
    assert safe_html("> " * 5000 + "x")
    assert safe_html("[" * 20_000)


@given(st.text(max_size=300))
def test_no_text_makes_a_tag_that_is_not_harmless(text: str) -> None:
    assert "<script" not in safe_html(text).lower()
