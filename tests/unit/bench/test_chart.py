"""The picture is SVG with its texts as texts, its axes with units, and each line where its numbers are."""

from xml.etree import ElementTree

import pytest
from bench.chart import Chart, Series, axis, label, picture

SVG = "{http://www.w3.org/2000/svg}"


def _picture(*charts: Chart) -> ElementTree.Element:
    return ElementTree.fromstring(picture("An hour", charts))


def _texts(drawn: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in drawn.iter(f"{SVG}text")]


def test_it_says_what_it_shows_and_in_which_units() -> None:
    memory = Chart(
        "Memory", "MiB", [Series("Lookout", [(0, 100), (60, 120)]), Series("PostgreSQL", [(0, 80), (60, 80)])]
    )
    drawn = _picture(memory)
    assert drawn.findtext(f"{SVG}title") == "An hour"
    assert _texts(drawn) == ["Memory, MiB", "Lookout", "PostgreSQL", "0", "50", "100", "150", "0", "20", "40", "60 min"]


def test_it_can_be_read_in_light_and_in_dark() -> None:
    style = _picture(Chart("Memory", "MiB", [])).findtext(f"{SVG}style") or ""
    assert "prefers-color-scheme: dark" in style


def test_text_is_text_and_no_markup() -> None:
    assert "a <b> & c, ms" in _texts(_picture(Chart("a <b> & c", "ms", [Series("<i>", [(0, 1)])])))


def test_a_line_goes_from_the_left_to_the_right_and_a_higher_value_is_higher() -> None:
    [line] = [
        path.attrib["d"]
        for path in _picture(Chart("", "", [Series("", [(0, 0), (30, 50), (60, 100)])])).iter(f"{SVG}path")
        if path.attrib["class"].startswith("line")
    ]
    points = [tuple(map(float, point.split())) for point in line[1:].split("L")]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted((y for _, y in points), reverse=True)
    assert points[1][0] == pytest.approx((points[0][0] + points[2][0]) / 2, abs=0.2)


@pytest.mark.parametrize("points", [[], [(0.0, 0.0)]])
def test_what_has_nothing_to_show_is_drawn_too(points: list[tuple[float, float]]) -> None:
    assert "Memory, MiB" in _texts(_picture(Chart("Memory", "MiB", [Series("a", points)])))


def test_charts_stand_in_two_columns() -> None:
    charts = [Chart(str(number), "ms", []) for number in range(3)]
    places = [group.attrib["transform"] for group in _picture(*charts).iter(f"{SVG}g")]
    assert len({place.split()[0] for place in places}) == 2
    assert len({place.split()[1] for place in places}) == 2


@pytest.mark.parametrize(
    ("highest", "step", "top"),
    [(0, 1, 1), (1, 0.5, 1), (3.9, 1, 4), (4, 1, 4), (4.1, 2, 6), (126, 50, 150), (0.03, 0.01, 0.03), (60, 20, 60)],
)
def test_an_axis_has_a_few_round_steps(highest: float, step: float, top: float) -> None:
    assert axis(highest) == pytest.approx((step, top))


def test_numbers_of_an_axis_are_short() -> None:
    assert [label(value) for value in (0.0, 0.30000000000000004, 2.0, 1500.0)] == ["0", "0.3", "2", "1,500"]
