"""Links and values out of annotations."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookout.alerts.shown import LINKS_LIMIT, VALUES_LIMIT, Shown, is_reserved, is_web_url, numbered_link, shown


def test_annotations_without_reserved_names_are_all_that_is_shown() -> None:
    assert shown({"summary": "down", "__x__": "kept"}) == Shown({}, {}, {"summary": "down", "__x__": "kept"})


def test_grafanas_names_are_links_and_values() -> None:
    told = shown(
        {
            "summary": "high",
            "__dashboardURL__": "https://g/d/1",
            "__panelURL__": "https://g/d/1?viewPanel=4",
            "__silenceURL__": "http://g/silence",
            "__imageURL__": "http://g/i.png",
            "__ruleUID__": "u",
            "__values__": '{"A": 92, "C": 0.5, "N": null}',
            "__value_string__": "[ ]",
        }
    )
    assert told.annotations == {"summary": "high"}
    assert told.values == {"A": 92, "C": 0.5}
    assert list(told.links) == ["dashboard", "panel", "silence", "image"]
    assert told.links["panel"] == "https://g/d/1?viewPanel=4"


def test_numbered_links_stand_in_their_order_under_their_texts() -> None:
    annotations = dict([numbered_link(10, "http://x/10", ""), numbered_link(2, "http://x/2", "run\nbook")])
    assert shown(annotations).links == {"run book": "http://x/2", "link 10": "http://x/10"}
    assert list(shown(annotations).links) == ["run book", "link 10"]


def test_links_of_one_text_are_told_apart() -> None:
    annotations = dict(numbered_link(number, f"http://x/{number}", "log") for number in (1, 2))
    assert shown(annotations).links == {"log": "http://x/1", "log (2)": "http://x/2"}


def test_links_have_a_bound() -> None:
    annotations = dict(numbered_link(number, f"http://x/{number}", "") for number in range(LINKS_LIMIT + 5))
    assert len(shown(annotations).links) == LINKS_LIMIT


@pytest.mark.parametrize(
    "url",
    [
        "", "javascript:alert(1)", "ftp://x/", "//x/", "/d/1", "http://", "http://[", "http://x/\u202egnp", "http://x/\x07",
        "data:text/html,x", "http://x/" + "y" * 5000, "https://x\n/",
    ],
)  # fmt: skip
def test_only_a_plain_web_url_is_a_link(url: str) -> None:
    assert not is_web_url(url)
    assert shown({"__dashboardURL__": url, "__link_1__": url}) == Shown({}, {}, {})


def test_a_url_with_a_blank_is_none() -> None:
    assert shown({"__dashboardURL__": "http://x/ y"}) == Shown({}, {}, {})


@pytest.mark.parametrize("text", ["", "null", "[1]", "{", '{"A": "1"}', "NaN", '{"A": NaN}', "[" * 100_000, "\ud800"])
def test_values_that_cannot_be_read_are_none(text: str) -> None:
    assert shown({"__values__": text}).values == {}


def test_values_have_a_bound_and_are_finite() -> None:
    values = {f"v{number}": number for number in range(VALUES_LIMIT + 5)}
    assert len(shown({"__values__": json.dumps(values)}).values) == VALUES_LIMIT
    assert shown({"__values__": '{"A": 1e999, "B": 1}'}).values in ({"B": 1}, {})


@given(st.dictionaries(st.text(max_size=12) | st.sampled_from(["__values__", "__link_1__", "__panelURL__"]), st.text()))
def test_what_is_shown_is_all_there_is_and_safe(annotations: dict[str, str]) -> None:
    told = shown(annotations)
    assert told.annotations == {name: text for name, text in annotations.items() if not is_reserved(name)}
    assert all(url.startswith(("http://", "https://")) for url in told.links.values())
