"""Who asks, in local mode."""

import pytest

from lookout.api.parts import local_caller
from lookout.errors import Refused


def test_a_name_in_utf_8_arrives_whole() -> None:
    assert local_caller("Žofie".encode().decode("latin-1")).actor == "Žofie"


def test_who_gives_no_name_is_called_local() -> None:
    assert local_caller(None).actor == "local"
    assert local_caller("\x1b").actor == "local"


def test_a_name_is_bounded_and_shown_harmless() -> None:
    assert local_caller("jo\x1b[31m").actor == "jo [31m"
    with pytest.raises(Refused):
        local_caller("x" * 201)
