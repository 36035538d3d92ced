"""`schema.graphql` is the schema that is served."""

from pathlib import Path

from lookout.api.graphql.schema import printed

FILE = Path(__file__).parents[3] / "schema.graphql"


def test_the_file_is_true() -> None:
    assert FILE.read_text() == printed(), "write it anew: python -m lookout.api.graphql > schema.graphql"
