"""Charts as SVG: lines over time or over any other number, several in one picture. Text stays text.

The picture brings its own background and follows the reader's light or dark. Pure: numbers in, a string out.
"""

import math
from collections.abc import Iterator, Sequence
from html import escape

import msgspec

WIDTH, HEIGHT = 380, 190
"""Of one chart with its heading and its axes."""
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 44, 34
"""What lies around the lines."""
COLUMNS = 2
GAP = 12
TICKS = 4
"""Steps of an axis at most, but for one."""
SPARE = 1.05
"""The highest value is not on the edge."""

STYLE = """
.back { fill: #fff } .line { fill: none; stroke-width: 1.5; stroke-linejoin: round } .grid { stroke: #d8dce1 }
text { font: 12px system-ui, sans-serif; fill: #3d454d } .head { font-weight: 600; fill: #15191d }
.s0 { stroke: #0b62b8 } .s1 { stroke: #b35000 } .s2 { stroke: #5a7d1a }
.t0 { fill: #0b62b8 } .t1 { fill: #b35000 } .t2 { fill: #5a7d1a }
@media (prefers-color-scheme: dark) {
.back { fill: #14181c } .grid { stroke: #333a41 } text { fill: #b4bcc4 } .head { fill: #f0f3f6 }
.s0 { stroke: #6cb2ff } .s1 { stroke: #ffa657 } .s2 { stroke: #a5d65c }
.t0 { fill: #6cb2ff } .t1 { fill: #ffa657 } .t2 { fill: #a5d65c }
}
"""


class Series(msgspec.Struct, frozen=True):
    """One line: (x, y), in the order of x."""

    name: str
    points: Sequence[tuple[float, float]]


class Chart(msgspec.Struct, frozen=True):
    """Up to three lines with one unit. The vertical axis begins at 0, so that a small change looks small."""

    title: str
    unit: str
    series: Sequence[Series]
    x_unit: str = "min"


def picture(title: str, charts: Sequence[Chart]) -> str:
    """All of them, two beside each other, as a whole SVG document."""
    columns = min(COLUMNS, len(charts))
    rows = -(-len(charts) // columns)
    width, height = columns * (WIDTH + GAP) + GAP, rows * (HEIGHT + GAP) + GAP
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title>',
        f"<style>{STYLE}</style>",
        f'<rect class="back" width="{width}" height="{height}" rx="6"/>',
    ]
    for place, chart in enumerate(charts):
        x, y = GAP + place % columns * (WIDTH + GAP), GAP + place // columns * (HEIGHT + GAP)
        parts += [f'<g transform="translate({x} {y})">', *_drawn(chart), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _drawn(chart: Chart) -> Iterator[str]:
    points = [point for series in chart.series for point in series.points]
    end = max((x for x, _ in points), default=0.0) or 1.0
    step, top = axis(max((y for _, y in points), default=0.0) * SPARE)
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def across(x: float) -> str:
        return short(LEFT + wide * x / end)

    def up(y: float) -> str:
        return short(TOP + high * (1 - y / top))

    yield f'<text class="head" x="0" y="13">{escape(chart.title)}, {escape(chart.unit)}</text>'
    left = 0.0
    for place, series in enumerate(chart.series):
        if series.name:
            yield f'<text class="t{place}" x="{short(left)}" y="30">{escape(series.name)}</text>'
            left += 7.0 * len(series.name) + 14  # about as wide as the text
    for tick in range(round(top / step) + 1):
        value = tick * step
        yield f'<path class="grid" d="M{LEFT} {up(value)}h{wide}"/>'
        yield f'<text x="{LEFT - 6}" y="{short(float(up(value)) + 4)}" text-anchor="end">{label(value)}</text>'
    x_step, _ = axis(end)
    ticks = [tick * x_step for tick in range(int(end / x_step + 1e-9) + 1)]
    for value in ticks:
        unit = f" {escape(chart.x_unit)}" if value == ticks[-1] else ""
        place = f'x="{across(value)}" y="{HEIGHT - BOTTOM + 18}"'
        yield f'<text {place} text-anchor="middle">{label(value)}{unit}</text>'
    for place, series in enumerate(chart.series):
        path = "L".join(f"{across(x)} {up(y)}" for x, y in series.points)
        yield f'<path class="line s{place}" d="M{path}"/>' if path else ""


def axis(highest: float) -> tuple[float, float]:
    """The step between two ticks, which is 1, 2 or 5 of a power of ten, and the tick at or above the highest value."""
    if highest <= 0:
        return 1.0, 1.0
    power = 10.0 ** math.floor(math.log10(highest / TICKS))
    step = next(part * power for part in (1, 2, 5, 10) if part * power * TICKS >= highest * (1 - 1e-9))
    return step, step * math.ceil(highest / step * (1 - 1e-9))


def label(value: float) -> str:
    """A number of an axis: `1,500`, `0.25`."""
    return f"{value:,.10g}"


def short(number: float) -> str:
    """A coordinate."""
    return f"{number:.1f}".removesuffix(".0")
