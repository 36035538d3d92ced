"""The named statements of `queries.sql`. Python builds no SQL."""

import re
from collections.abc import Mapping
from importlib.resources import files


def _read() -> Mapping[str, str]:
    text = files("lookout.store").joinpath("queries.sql").read_text()
    _, *parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return {name: statement.strip() for name, statement in zip(parts[::2], parts[1::2], strict=True)}


SQL: Mapping[str, str] = _read()
