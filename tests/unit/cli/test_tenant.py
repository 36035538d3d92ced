"""`lookout tenant`: a name is looked at before anything is done."""

import pytest
from tests.unit.cli.lookout_in_memory import Lookout, run


@pytest.mark.parametrize("name", ["a b", "", "-a", "../a", "ä", "a" * 101])
def test_a_name_that_no_tenant_may_have_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Lookout(), "tenant", "create", "acme", "--", name) == 1
    assert "is no tenant: letters, digits, dot, dash and underscore" in capsys.readouterr().err
