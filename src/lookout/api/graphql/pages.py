"""Pages: what `page` and `first` ask for, within bounds."""

from collections.abc import Sequence

import msgspec
import strawberry

from lookout.errors import Refused
from lookout.limits import USUAL

PAGE_DEFAULT = 50
EVENTS_DEFAULT = 100
COUNT_LIMIT = 2**31 - 1
"""GraphQL's Int ends here, and so does every totalCount."""


_FIRST = f"How many, at most {USUAL.page}; the server may be set to allow more."


@strawberry.input(
    description="A page of a list: forward with `first` and `after`, or backward with `last` and `before`."
)
class ConnectionInput:
    """As the platform's gateway has it. `first` has a default, so `last` wins where both stand."""

    first: int | None = strawberry.field(default=PAGE_DEFAULT, description=_FIRST)
    after: str | None = strawberry.field(default=None, description="Go on after this cursor.")
    last: int | None = strawberry.field(
        default=None, description="How many before the cursor, or of the end; at most as many."
    )
    before: str | None = strawberry.field(default=None, description="Go back from this cursor.")


@strawberry.federation.type(shareable=True, description="Where a page stands in its list.")
class PageInfo:
    start_cursor: str | None = strawberry.field(description="The cursor of the first on this page.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last on this page.")
    has_next_page: bool = strawberry.field(description="Whether the list goes on after this page.")
    has_previous_page: bool = strawberry.field(description="Whether there is something before this page.")


class Span(msgspec.Struct, frozen=True):
    """The part of a list that is asked for: `size` of it beyond `cursor`, forward or backward."""

    size: int
    cursor: str | None = None
    backward: bool = False


def span_of(page: ConnectionInput | None, most: int) -> Span:
    """What `page` asks for, of at most so many. Raises `Refused` if it is too much, or both ways at once."""
    if page is None:
        return Span(PAGE_DEFAULT)
    if page.after is not None and (page.before is not None or page.last is not None):
        raise Refused("page either forward, with first and after, or backward, with last and before", "page", "one way")
    if page.last is not None or page.before is not None:
        name, wanted = ("last", page.last) if page.last is not None else ("first", page.first)
        return Span(size_of(wanted, PAGE_DEFAULT, name, most), page.before, backward=True)
    return Span(size_of(page.first, PAGE_DEFAULT, "first", most), page.after)


def size_of(wanted: int | None, default: int, name: str, most: int) -> int:
    """How many are asked for. Raises `Refused` for more than a page may have."""
    if wanted is None:
        return default
    if not 0 <= wanted <= most:
        raise Refused(f"{name} is {wanted}: a page has at most {most}", name, f"0 to {most}")
    return wanted


def page_info(cursors: Sequence[str], span: Span, more: bool) -> PageInfo:
    """`more` says that the list goes on in the direction of the page."""
    beyond = span.cursor is not None
    return PageInfo(
        start_cursor=cursors[0] if cursors else None,
        end_cursor=cursors[-1] if cursors else None,
        has_next_page=beyond if span.backward else more,
        has_previous_page=more if span.backward else beyond,
    )
