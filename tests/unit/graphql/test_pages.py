"""What a page asks for, and what its PageInfo says."""

import pytest

from lookout.api.graphql.pages import PAGE_DEFAULT, ConnectionInput, Span, page_info, size_of, span_of
from lookout.errors import Refused
from lookout.limits import USUAL


@pytest.mark.parametrize(
    ("page", "span"),
    [
        (None, Span(PAGE_DEFAULT)),
        (ConnectionInput(), Span(PAGE_DEFAULT)),
        (ConnectionInput(first=None), Span(PAGE_DEFAULT)),
        (ConnectionInput(first=0), Span(0)),
        (ConnectionInput(first=USUAL.page, after="a"), Span(USUAL.page, "a")),
        (ConnectionInput(last=3), Span(3, None, backward=True)),
        (ConnectionInput(last=3, before="b"), Span(3, "b", backward=True)),
        (ConnectionInput(first=10, last=3, before="b"), Span(3, "b", backward=True)),
        (ConnectionInput(before="b"), Span(PAGE_DEFAULT, "b", backward=True)),
        (ConnectionInput(first=10, before="b"), Span(10, "b", backward=True)),
    ],
)
def test_the_span_of_a_page(page: ConnectionInput | None, span: Span) -> None:
    assert span_of(page, USUAL.page) == span


@pytest.mark.parametrize(
    "page",
    [
        ConnectionInput(first=USUAL.page + 1),
        ConnectionInput(first=-1),
        ConnectionInput(last=USUAL.page + 1),
        ConnectionInput(after="a", before="b"),
        ConnectionInput(after="a", last=1),
    ],
)
def test_too_much_or_both_ways_is_refused(page: ConnectionInput) -> None:
    with pytest.raises(Refused):
        span_of(page, USUAL.page)


def test_a_page_that_is_too_large_is_told_the_limit() -> None:
    with pytest.raises(Refused, match="first is 501: a page has at most 500"):
        size_of(501, PAGE_DEFAULT, "first", USUAL.page)


@pytest.mark.parametrize(
    ("span", "more", "expected"),
    [
        (Span(2), False, (False, False)),
        (Span(2), True, (True, False)),
        (Span(2, "a"), True, (True, True)),
        (Span(2, None, backward=True), True, (False, True)),
        (Span(2, "b", backward=True), False, (True, False)),
    ],
)
def test_page_info(span: Span, more: bool, expected: tuple[bool, bool]) -> None:
    info = page_info(["1", "2"], span, more)
    assert (info.has_next_page, info.has_previous_page) == expected
    assert (info.start_cursor, info.end_cursor) == ("1", "2")


def test_an_empty_page_has_no_cursors() -> None:
    info = page_info([], Span(2), more=False)
    assert (info.start_cursor, info.end_cursor) == (None, None)
