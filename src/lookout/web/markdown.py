"""An investigator's Markdown as HTML that can do nothing. Pure.

Two walls: the parser makes no HTML of HTML, and what it makes passes a list of harmless tags. Pictures are left out:
they would tell another server who reads.
"""

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from lookout.alerts.text import paragraphs

_LONGEST = 100_000
_TAGS = {
    *("p", "br", "hr", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "s", "a"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_PARSER = MarkdownIt("js-default", {"html": False, "linkify": False, "typographer": False}).disable("image")
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes={"a": {"href", "title"}, "ol": {"start"}},
    url_schemes={"http", "https"},
    link_rel="noopener noreferrer nofollow",
)


def safe_html(text: str) -> Markup:
    """Markdown as harmless HTML. Its headings come below those of the page."""
    tokens = _PARSER.parse(paragraphs(text, _LONGEST))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 3)}"
    html: str = _PARSER.renderer.render(tokens, _PARSER.options, {})
    return Markup(_CLEANER.clean(html))  # noqa: S704 - it is what the cleaner let through
