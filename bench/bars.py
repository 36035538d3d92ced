"""Each figure against its target as one picture: a bar for each, and a line where the target is. Pure.

It is as wide as a telephone, brings its own background, and follows the reader's light or dark. Text stays text.
"""

import textwrap
from collections.abc import Iterator, Sequence
from html import escape

from bench.chart import short
from bench.figure import Figure
from bench.figure import short as figure_of

WIDTH, EDGE = 390, 14
LINE, BAR = 15, 10
"""Heights: of a line of text, and of a bar."""
CHARACTERS = 54
"""That fit on a line."""
MOST = 3.0
"""Times the target where the picture ends: a longer bar is cut there, and its text says how long it is."""

STYLE = """
.back { fill: #fff } text { font: 12px system-ui, sans-serif; fill: #3d454d } .head { font-weight: 600; fill: #15191d }
.met { fill: #0b62b8 } .missed { fill: #b35000 } .target { stroke: #15191d; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
.back { fill: #14181c } text { fill: #b4bcc4 } .head { fill: #f0f3f6 }
.met { fill: #6cb2ff } .missed { fill: #ffa657 } .target { stroke: #f0f3f6 }
}
"""


def reached(figure: Figure) -> float:
    """How far it is: 1 is the target, more is better."""
    wanted, value = figure.target.bound, figure.value
    if figure.target.is_at_most:
        wanted, value = value, wanted
    return value / wanted if wanted else MOST if figure.is_met else 0.0


def picture(title: str, figures: Sequence[Figure]) -> str:
    """All of them, one below the other, as a whole SVG document."""
    lines = [*textwrap.wrap(title, CHARACTERS - 4), "The mark is the target: a bar that gets there meets it."]
    parts, y = list(_texts(lines, EDGE + LINE, "head")), EDGE + LINE * (len(lines) + 2)
    for figure in figures:
        told = f"{figure_of(figure.value)}; the target is {figure.target.wanted}"
        lines = [line for text in (figure.target.what, told) for line in textwrap.wrap(text, CHARACTERS)]
        parts += _texts(lines, y, "what")
        y += LINE * len(lines)
        parts += _bar(figure, y - LINE // 2)
        y += BAR + LINE
    size = f'viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title>',
        f"<style>{STYLE}</style>",
        f'<rect class="back" width="{WIDTH}" height="{y}" rx="6"/>',
    ]
    return "\n".join([*head, *parts, "</svg>", ""])


def _texts(lines: Sequence[str], y: int, style: str) -> Iterator[str]:
    for place, line in enumerate(lines):
        yield f'<text class="{style}" x="{EDGE}" y="{y + place * LINE}">{escape(line)}</text>'


def _bar(figure: Figure, y: int) -> Iterator[str]:
    width = short((WIDTH - 2 * EDGE) * min(reached(figure), MOST) / MOST)
    style = "met" if figure.is_met else "missed"
    yield f'<rect class="{style}" x="{EDGE}" y="{y}" width="{width}" height="{BAR}"/>'
    yield f'<path class="target" d="M{short(EDGE + (WIDTH - 2 * EDGE) / MOST)} {y - 2}v{BAR + 4}"/>'
