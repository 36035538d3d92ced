"""The named statements of `queries.sql`. Python builds no SQL; it only joins what is there."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


def _read() -> Mapping[str, str]:
    text = files("lookout.store").joinpath("queries.sql").read_text()
    _, *parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return {name: statement.strip() for name, statement in zip(parts[::2], parts[1::2], strict=True)}


SQL: Mapping[str, str] = _read()

_PARAMETER = re.compile(r"\$(\d+)")


@cache
def together(names: tuple[str, ...]) -> str:
    """One statement that does what these do, which write to different tables. Its parameters are theirs, in turn."""
    parts: list[str] = []
    taken = 0
    for name in names:
        numbers = [int(number) for number in _PARAMETER.findall(SQL[name])]
        parts.append(_PARAMETER.sub(lambda found, taken=taken: f"${int(found[1]) + taken}", SQL[name]))
        taken += max(numbers, default=0)
    *others, last = parts
    named = ", ".join(f"part_{place} AS (\n{part}\n)" for place, part in enumerate(others, 1))
    return f"WITH {named}\n{last}" if named else last
