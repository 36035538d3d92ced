"""Documents that were read and found valid before: a client sends the same few over and over.

Reading and validating one costs as much as answering it. Its variables are no part of it, and what it may cost is
looked at each time.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Protocol

from graphql import DocumentNode
from strawberry.extensions import SchemaExtension

KEPT = 50
"""Documents that are remembered, those that were sent last: one takes a megabyte at most, as its tokens are bounded."""
TEXT_LIMIT = 8 * 1024
"""Characters of a document that is remembered. A larger one is read each time."""


class Documents:
    """The documents that are valid by one schema, by their text."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, DocumentNode] = OrderedDict()

    def known(self, text: str) -> DocumentNode | None:
        """The document of a text that was remembered, None if there is none."""
        document = self._known.get(text)
        if document is not None:
            self._known.move_to_end(text)
        return document

    def remember(self, text: str, document: DocumentNode) -> None:
        """Keep a valid document, in place of the one that was not sent for longest."""
        if len(text) > TEXT_LIMIT:
            return
        self._known[text] = document
        if len(self._known) > KEPT:
            self._known.popitem(last=False)


class RemembersDocuments(Protocol):
    """A schema that does."""

    documents: Documents


class ReadOnce(SchemaExtension):
    """Takes a document that is known as it was read, and as valid."""

    def on_parse(self) -> Iterator[None]:
        execution = self.execution_context
        self._is_known = False
        if execution.query:
            execution.graphql_document = self._documents.known(execution.query)
            self._is_known = execution.graphql_document is not None
        yield

    def on_validate(self) -> Iterator[None]:
        execution = self.execution_context
        if self._is_known and execution.pre_execution_errors is None:
            execution.pre_execution_errors = []
        yield
        is_new = not self._is_known and not execution.pre_execution_errors
        if is_new and execution.query and execution.graphql_document is not None:
            self._documents.remember(execution.query, execution.graphql_document)

    @property
    def _documents(self) -> Documents:
        schema: RemembersDocuments = self.execution_context.schema  # pyright: ignore[reportAssignmentType]
        return schema.documents
