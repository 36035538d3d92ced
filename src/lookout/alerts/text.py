"""Sender's text made safe to show: it reaches a terminal, a browser, a log and an LLM, and is data in all of them."""

import re
from functools import lru_cache

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"

# Controls (C0, C1, DEL), lone surrogates, and the marks that reorder or hide text on a screen: bidirectional
# overrides and isolates, zero-width characters, line and paragraph separators, tags, the byte order mark.
# U+200D and U+FE0F stay: emoji are made of them.
_UNSHOWN = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]+"
)

_CACHED_LENGTH = 1000


def one_line(text: str, limit: int) -> str:
    """`text` on one line, without control or direction characters, at most `limit` characters.

    White space is folded; what was cut is marked by an ellipsis within the limit.
    """
    # The cache keeps what it was asked for, whole.
    return _known_line(text, limit) if len(text) <= _CACHED_LENGTH else _line(text, limit)


def _line(text: str, limit: int) -> str:
    # Cleaning costs time per character, so a megabyte is cut first: four times the limit leaves room for folding.
    head = text[: limit * 4]
    line = " ".join(_UNSHOWN.sub(" ", head).split())
    if len(line) <= limit and len(head) == len(text):
        return line
    return line[: limit - 1].rstrip() + ELLIPSIS


_known_line = lru_cache(maxsize=4096)(_line)

_UNSHOWN_BUT_LINES = re.compile(_UNSHOWN.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))


def paragraphs(text: str, limit: int) -> str:
    """`text` with its lines and tabs, without other control or direction characters, at most `limit` characters."""
    head = text[: limit * 4]
    cleaned = _UNSHOWN_BUT_LINES.sub("", head.replace("\r\n", "\n")).strip()
    if len(cleaned) <= limit and len(head) == len(text):
        return cleaned
    return cleaned[: limit - 1].rstrip() + ELLIPSIS


def without_marks(text: str) -> str:
    """`text` without control or direction characters; its lines, tabs and blanks stay."""
    return _UNSHOWN_BUT_LINES.sub("", text)
