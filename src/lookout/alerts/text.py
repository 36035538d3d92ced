"""Sender's text made safe to show: it reaches a terminal, a browser, a log and an LLM, and is data in all of them."""

import re
from functools import lru_cache

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"

HIDDEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What reorders or hides text on a screen, as it stands between the brackets of a pattern: what Unicode calls default
ignorable (bidirectional overrides and isolates, zero width, fillers, selectors and tags, in which a whole message can
hide), and separators of lines. U+200D, U+FE0E and U+FE0F stay: emoji are made of them."""

# Beside those: controls (C0, C1, DEL) and lone surrogates.
_UNSHOWN = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff{HIDDEN}]+")
_UNSHOWN_BUT_LINES = re.compile(_UNSHOWN.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))

# More joiners and selectors in a row than any emoji has: a message could be written in them.
_JOINERS = re.compile("[\u200d\ufe0e\ufe0f]{3,}")

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
    line = " ".join(_JOINERS.sub("", _UNSHOWN.sub(" ", head)).split())
    if len(line) <= limit and len(head) == len(text):
        return line
    return line[: limit - 1].rstrip() + ELLIPSIS


_known_line = lru_cache(maxsize=4096)(_line)


def paragraphs(text: str, limit: int) -> str:
    """`text` with its lines and tabs, without other control or direction characters, at most `limit` characters."""
    head = text[: limit * 4]
    cleaned = without_marks(head.replace("\r\n", "\n")).strip()
    if len(cleaned) <= limit and len(head) == len(text):
        return cleaned
    return cleaned[: limit - 1].rstrip() + ELLIPSIS


def escaped(text: str) -> str:
    """`text` with all that is not shown, line breaks too, written as JSON escapes it: `\\u001b`."""
    return _JOINERS.sub(escapes_of, _UNSHOWN.sub(escapes_of, text))


def escapes_of(match: re.Match[str]) -> str:
    """The JSON escapes of what was matched."""
    units = match[0].encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def without_marks(text: str) -> str:
    """`text` without control or direction characters; its lines, tabs and blanks stay."""
    return _JOINERS.sub("", _UNSHOWN_BUT_LINES.sub("", text))
