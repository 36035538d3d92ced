"""The picture has a bar for each figure, as long as it comes near its target, and can be read on a telephone."""

from xml.etree import ElementTree

import pytest
from bench.bars import MOST, WIDTH, picture, reached
from bench.figure import Figure

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(("figure", "part"), [
    (Figure("repeats_64", [0.75]), 0.5),
    (Figure("page", [30]), 0.5),
    (Figure("page", [7.5]), 2),
    (Figure("storm_lost", [0]), MOST),
    (Figure("storm_lost", [3]), 0),
])  # fmt: skip
def test_a_bar_says_how_much_of_the_target_is_reached(figure: Figure, part: float) -> None:
    assert reached(figure) == part


def test_what_is_met_gets_to_the_mark_and_what_is_missed_does_not() -> None:
    drawn = ElementTree.fromstring(picture("Bars", [Figure("repeats_64", [0.75]), Figure("page", [7.5])]))
    bars = {bar.attrib["class"]: bar for bar in drawn.iter(f"{SVG}rect") if bar.attrib["class"] != "back"}
    mark = next(float(path.attrib["d"].split()[0][1:]) for path in drawn.iter(f"{SVG}path"))
    ends = {name: float(bar.attrib["x"]) + float(bar.attrib["width"]) for name, bar in bars.items()}
    assert ends["missed"] < mark < ends["met"] < WIDTH


def test_it_is_no_wider_than_a_telephone_and_can_be_read_in_light_and_in_dark() -> None:
    drawn = ElementTree.fromstring(picture("Bars & <marks>", [Figure("page", [7.5])]))
    assert drawn.attrib["width"] == "390"
    assert drawn.findtext(f"{SVG}title") == "Bars & <marks>"
    assert "prefers-color-scheme: dark" in (drawn.findtext(f"{SVG}style") or "")
