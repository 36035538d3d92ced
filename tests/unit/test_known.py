"""What is remembered has a bound (I8)."""

from lookout.store.known import Known


def test_i8_what_was_remembered_first_is_forgotten_first() -> None:
    known = Known[str](3)
    known.remember("abc")
    known.remember("ad")
    assert [one for one in "abcd" if one in known] == ["b", "c", "d"]
